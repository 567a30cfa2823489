"""The definition and the hash of a message type, for the bag that its messages go into."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from neon_control.recordings.bag.bag_file import BagError


class Definitions:
    """Known types come from `rosbags`; others, for example a vendor's, from the ROS packages that are installed."""

    def __init__(self) -> None:
        self._types = get_typestore(Stores.ROS2_JAZZY)

    def find(self, kind: str, digest: str = "") -> tuple[str, str]:
        """Definition text with all its parts, and RIHS01 hash, of `kind`.

        Args:
            digest: the hash that the publisher announces; empty where the middleware tells none.

        Raises:
            BagError: the type is not installed here, or is another edition than the publisher's.
        """
        if kind not in self._types.fielddefs:
            self._learn(kind)
        found = self._types.hash_rihs01(kind)
        if digest and digest != found:
            raise BagError(f"type {kind}: the publisher's definition is {digest}, the one known here is {found}")
        return self._types.generate_msgdef(kind, ros_version=2)[0], found

    def _learn(self, kind: str) -> None:
        file = _message_file(kind)
        found = get_types_from_msg(file.read_text(), kind)
        for _, fields in found.values():
            for _, (_, description) in fields:
                part: object = description if isinstance(description, str) else description[0]
                part = part[1] if isinstance(part, tuple) else part
                if isinstance(part, str) and "/msg/" in part and part not in self._types.fielddefs and part not in found:
                    self._learn(part)
        self._types.register(found)


def _message_file(kind: str) -> Path:
    package, _, name = kind.split("/")
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for prefix in [*prefixes, sys.prefix]:
        file = Path(prefix) / "share" / package / "msg" / f"{name}.msg"
        if file.is_file():
            return file
    raise BagError(f"type {kind}: its package is not installed here (no share/{package}/msg/{name}.msg in {[*prefixes, sys.prefix]})")
