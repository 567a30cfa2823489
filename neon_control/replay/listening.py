"""Hears topics as they are: serialised, with the definition of their type and the QoS that their publishers offered.

Nobody spins the subscriptions (see `nodes/polling.py`): `heard` takes what has arrived, at a tenth of the cost of callbacks. A message's
time is when the middleware received it; under simulated time, what the clock says when it is taken.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.nodes.polling import PolledSubscription
from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.bag.message_types import find_definition
from neon_control.replay.open_bag import Kind

LOOK_PERIOD = 0.25  # [s] between two looks for publishers of topics that are not there yet
DEPTH, IMAGE_DEPTH = 500, 30  # messages that may wait while the disk is busy


@dataclass
class Channel:
    """One topic that is being heard."""

    subscription: PolledSubscription
    kind: Kind  # what is offered is known with the first message: by then all publishers are
    latched: bool  # whether who comes later hears what holds, too
    count: int = 0
    lost: int = 0  # by the publishers' sequence numbers
    last: dict[bytes, int] = field(default_factory=dict)  # publisher -> newest sequence number


class Heard(NamedTuple):
    """A message."""

    topic: str
    channel: Channel
    moment: int  # [ns]
    data: bytes  # CDR


class Listener:
    """Hears topics, by their names in the namespace of `node`, as soon as somebody publishes them; see the module's text.

    Attributes:
        channels: topic -> what is heard on it.
        problems: topic -> why it cannot be.
    """

    def __init__(self, node: Node, topics: Collection[str]) -> None:
        self._node = node
        self._wanted = list(dict.fromkeys(node.resolve_topic_name(t) for t in topics))
        self._simulated_time = bool(node.get_parameter("use_sim_time").value)
        self._looked = -LOOK_PERIOD
        self.channels: dict[str, Channel] = {}
        self.problems: dict[str, str] = {}

    @property
    def missing(self) -> list[str]:
        """Topics without a message so far."""
        return [t for t in self._wanted if t not in self.channels or not self.channels[t].count]

    @property
    def lost(self) -> int:
        """Messages that were sent but did not arrive here."""
        return sum(c.lost for c in self.channels.values())

    def now(self) -> int:
        """[ns] on the clock of the messages' times."""
        return int(self._node.get_clock().now().nanoseconds)

    def heard(self) -> Iterator[Heard]:
        """What has arrived; now and then, it looks for new topics."""
        if time.monotonic() - self._looked >= LOOK_PERIOD:
            self._looked = time.monotonic()
            for topic in self._wanted:
                if topic not in self.channels and topic not in self.problems:
                    self._look_for(topic)
        for topic, channel in self.channels.items():
            for data, info in channel.subscription.take_with_info():
                if (moment := self._count(topic, channel, info)) > 0:  # else simulated time has not begun
                    yield Heard(topic, channel, moment, data)

    def _look_for(self, topic: str) -> None:
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return
        kinds = sorted({p.topic_type for p in publishers})
        digests = sorted({str(p.topic_type_hash) for p in publishers if str(p.topic_type_hash).startswith("RIHS")})
        try:
            if len(kinds) > 1 or len(digests) > 1:
                raise BagError(f"its publishers disagree about its type: {kinds}, {digests}")
            kind = Kind(kinds[0], *find_definition(kinds[0], "".join(digests)), ())
            qos = _compatible(kind.type, [p.qos_profile for p in publishers])
            latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
            self.channels[topic] = Channel(PolledSubscription(self._node, message_class(kind.type), topic, qos), kind, latched)
        except BagError as error:
            self.problems[topic] = str(error)

    def _count(self, topic: str, channel: Channel, info: dict[str, Any]) -> int:
        """Count a message, and what was lost before it; returns its time [ns]."""
        moment = self.now() if self._simulated_time else int(info["received_timestamp"])
        if moment <= 0:
            return moment
        number, gid = info.get("publication_sequence_number"), info.get("publisher_gid")
        publisher = gid["data"] if gid else b""  # Jazzy does not say whose a message is
        if number is not None:
            lost = max(0, number - channel.last.get(publisher, number - 1) - 1)
            if lost and (publisher or self._node.count_publishers(topic) < 2):  # the numbers of several that are not told apart say nothing
                channel.lost += lost
            channel.last[publisher] = number
        if not channel.count:
            offered = dict.fromkeys(offered_qos(p.qos_profile) for p in self._node.get_publishers_info_by_topic(topic))
            channel.kind = channel.kind._replace(offered=list(offered))
        channel.count += 1
        return moment


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


def offered_qos(profile: QoSProfile) -> Qos:
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
