"""Writes topics into a bag as they are: serialised, with the definition of their type and the QoS that their publishers offered.

Nobody spins the subscriptions (see `nodes/polling.py`): `poll` takes what has arrived, at a tenth of the cost of callbacks. A message's
time in the bag is when the middleware received it; under simulated time, what the clock says when it is taken.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.nodes.polling import PolledSubscription
from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.bag.message_types import find_definition

LOOK_PERIOD = 0.25  # [s] between two looks for publishers of topics that are not there yet
DEPTH, IMAGE_DEPTH = 500, 30  # messages that may wait while the disk is busy


@dataclass
class Channel:
    """One topic that is being recorded."""

    subscription: PolledSubscription
    type: str
    definition: tuple[str, str]  # of its type: text and hash
    connection: Connection | None = None  # made with the first message: by then all publishers are known
    count: int = 0
    lost: int = 0  # by the publishers' sequence numbers
    last: dict[bytes, int] = field(default_factory=dict)  # publisher -> newest sequence number


class Recorder:
    """Records topics, by their names in the namespace of `node`, as soon as somebody publishes them; see the module's text.

    Attributes:
        problems: topic -> why it cannot be recorded.
        bytes: written so far, before compression, which is with zstd in the file's own chunks.

    Raises:
        BagError: the bag's folder `path` exists or cannot be made; later, the file cannot be written.
    """

    def __init__(self, node: Node, path: Path, topics: Collection[str], compress: bool = False) -> None:
        self._node = node
        self._wanted = list(dict.fromkeys(node.resolve_topic_name(t) for t in topics))
        self._simulated_time = bool(node.get_parameter("use_sim_time").value)
        self._looked = -LOOK_PERIOD
        self.channels: dict[str, Channel] = {}
        self.problems: dict[str, str] = {}
        self.bytes = 0
        self.path = path
        try:
            self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
            if compress:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except Exception as error:
            raise BagError(f"cannot begin a recording in {path}: {error}") from error

    @property
    def missing(self) -> list[str]:
        """Topics without a message so far."""
        return [t for t in self._wanted if t not in self.channels or not self.channels[t].count]

    @property
    def lost(self) -> int:
        """Messages that were sent but did not arrive here."""
        return sum(c.lost for c in self.channels.values())

    def poll(self) -> None:
        """Write what has arrived; now and then, look for new topics."""
        if time.monotonic() - self._looked >= LOOK_PERIOD:
            self._looked = time.monotonic()
            for topic in self._wanted:
                if topic not in self.channels and topic not in self.problems:
                    self._look_for(topic)
        for topic, channel in self.channels.items():
            for data, info in channel.subscription.take_with_info():
                self._write(topic, channel, data, info)

    def note(self, key: str, text: str) -> None:
        """Put something into the bag's own metadata."""
        self._writer.set_custom_data(key, text)

    def close(self) -> None:
        """Finish the bag; before this it has no index."""
        try:
            self._writer.close()
        except OSError as error:
            raise BagError(f"{self.path} is incomplete: {error}") from error

    def _look_for(self, topic: str) -> None:
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return
        kinds = sorted({p.topic_type for p in publishers})
        digests = sorted({str(p.topic_type_hash) for p in publishers if str(p.topic_type_hash).startswith("RIHS")})
        try:
            if len(kinds) > 1 or len(digests) > 1:
                raise BagError(f"its publishers disagree about its type: {kinds}, {digests}")
            kind, digest = kinds[0], "".join(digests)
            definition = find_definition(kind, digest)
            qos = _compatible(kind, [p.qos_profile for p in publishers])
            self.channels[topic] = Channel(PolledSubscription(self._node, message_class(kind), topic, qos), kind, definition)
        except BagError as error:
            self.problems[topic] = str(error)

    def _write(self, topic: str, channel: Channel, data: bytes, info: dict[str, Any]) -> None:
        moment = self._node.get_clock().now().nanoseconds if self._simulated_time else info["received_timestamp"]
        if moment <= 0:
            return  # simulated time has not begun
        number, gid = info.get("publication_sequence_number"), info.get("publisher_gid")
        publisher = gid["data"] if gid else b""  # Jazzy does not say whose a message is
        if number is not None:
            lost = max(0, number - channel.last.get(publisher, number - 1) - 1)
            if lost and (publisher or self._node.count_publishers(topic) < 2):  # the numbers of several that are not told apart say nothing
                channel.lost += lost
            channel.last[publisher] = number
        try:
            if channel.connection is None:
                text, digest = channel.definition
                offered = dict.fromkeys(_offered(p.qos_profile) for p in self._node.get_publishers_info_by_topic(topic))
                channel.connection = self._writer.add_connection(
                    topic, channel.type, msgdef=text, rihs01=digest, offered_qos_profiles=list(offered)
                )
            self._writer.write(channel.connection, moment, data)
        except OSError as error:
            raise BagError(f"cannot write to {self.path}: {error}") from error
        channel.count += 1
        self.bytes += len(data)


def message_class(kind: str) -> type:
    """The class of `package/msg/Name`; a BagError where its package is not installed, or has no such message."""
    package, _, name = kind.split("/")
    try:
        found: type = getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise BagError(f"type {kind}: the ROS package {package} is not installed or not sourced: {error}") from error
    return found


def _compatible(kind: str, profiles: list[QoSProfile]) -> QoSProfile:
    """What every one of these publishers can serve, and the most of it."""
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return QoSProfile(
        depth=IMAGE_DEPTH if kind.endswith("Image") else DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _offered(profile: QoSProfile) -> Qos:
    """A profile as bags hold it. The numbers of the two enumerations are the same: both are those of rmw."""

    def span(duration: Any) -> QosTime:
        return QosTime(*divmod(duration.nanoseconds, NANOSECONDS))

    return Qos(
        QosHistory(profile.history.value),
        profile.depth,
        QosReliability(profile.reliability.value),
        QosDurability(profile.durability.value),
        span(profile.deadline),
        span(profile.lifespan),
        QosLiveliness(profile.liveliness.value),
        span(profile.liveliness_lease_duration),
        profile.avoid_ros_namespace_conventions,
    )
