"""Writes topics into one bag as they are heard, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rclpy.node import Node

from neon_control.replay.listening import Listener
from neon_control.replay.open_bag import OpenBag


class Recorder(Listener):
    """Records topics as soon as somebody publishes them; see `listening.py`.

    Raises:
        BagError: the bag's folder `path` exists or cannot be made; later, the file cannot be written.
    """

    def __init__(self, node: Node, path: Path, topics: Collection[str], compress: bool = False) -> None:
        super().__init__(node, topics)
        self.path = path
        self._bag = OpenBag(path, compress)

    @property
    def bytes(self) -> int:
        """Written so far, before compression."""
        return self._bag.bytes

    def poll(self) -> None:
        """Write what has arrived."""
        for topic, channel, moment, data in self.heard():
            self._bag.write(topic, channel.kind, moment, data)

    def note(self, key: str, text: str) -> None:
        """Put something into the bag's own metadata."""
        self._bag.note(key, text)

    def close(self) -> None:
        """Finish the bag; before this it has no index."""
        self._bag.close()
