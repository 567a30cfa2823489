"""What is there of a robot on the running graph: who publishes and subscribes its topics, and what arrives within some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image, JointState

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import JOINT_STATES
from neon_control.nodes.checked_messages import read_message

DISCOVERY = 1.0  # [s] least time until the graph is known
CLOCK = "/clock"


@dataclass(frozen=True)
class Endpoint:
    """A publisher or subscription of another node."""

    node: str
    type: str  # package/msg/Type
    reliability: str = "reliable"
    durability: str = "volatile"


@dataclass
class Topic:
    """One topic, as of the end of the look."""

    publishers: list[Endpoint] = field(default_factory=list)
    subscribers: list[Endpoint] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)  # [s] monotonic

    @property
    def rate(self) -> float:
        """[Hz] of the messages; 0 for fewer than two."""
        span = self.arrivals[-1] - self.arrivals[0] if len(self.arrivals) > 1 else 0.0
        return (len(self.arrivals) - 1) / span if span > 0.0 else 0.0


@dataclass
class JointStates:
    """What was said on joint_states."""

    positions: dict[str, float] = field(default_factory=dict)  # newest, by the names in messages
    stamps: dict[str, list[int]] = field(default_factory=dict)  # [ns] likewise, of all messages
    ages: list[float] = field(default_factory=list)  # [s] from a stamp to its arrival, by this computer's clock
    unstamped: int = 0  # messages
    refused: str = ""  # what was wrong with the last one that could not be read

    def rate(self, name: str) -> float:
        """[Hz] at which a joint was told; 0 for less than twice."""
        stamps = self.stamps.get(name, [])
        span = stamps[-1] - stamps[0] if len(stamps) > 1 else 0
        return NANOSECONDS * (len(stamps) - 1) / span if span > 0 else 0.0


@dataclass
class Seen:
    """All of it; topics by their names in the robot file."""

    topics: dict[str, Topic] = field(default_factory=dict)
    joints: JointStates = field(default_factory=JointStates)
    simulated_time: bool = False  # whether somebody publishes /clock


def observe(node: Node, robot: Robot, seconds: float, spin: Callable[[float], None]) -> Seen:
    """Listen for some seconds; `spin(s)` lets callbacks run for at most so long."""
    seen = Seen()
    commanded = [c.topic for c in robot.streamed] + ([robot.base.topic] if robot.base is not None else [])
    images = {topic: kind for c in robot.cameras for topic, kind in ((c.topic, Image), (f"{c.topic}/compressed", CompressedImage))}
    audio = [robot.recording.audio] if robot.recording.audio else []
    seen.topics = {topic: Topic() for topic in (JOINT_STATES, *images, *audio, *commanded)}

    def count(topic: str) -> Callable[[bytes], None]:
        return lambda data: seen.topics[topic].arrivals.append(time.monotonic())

    def measure(data: bytes) -> None:
        seen.topics[JOINT_STATES].arrivals.append(time.monotonic())
        take_joint_state(seen.joints, data)

    qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)  # fits every publisher
    node.create_subscription(JointState, JOINT_STATES, measure, qos, raw=True)
    for topic, kind in images.items():
        node.create_subscription(kind, topic, count(topic), qos, raw=True)
    end = time.monotonic() + max(seconds, DISCOVERY)
    while (left := end - time.monotonic()) > 0.0:
        spin(min(left, 0.1))
    for topic, found in seen.topics.items():
        name = node.resolve_topic_name(topic)
        found.publishers = endpoints(node, node.get_publishers_info_by_topic(name))
        found.subscribers = endpoints(node, node.get_subscriptions_info_by_topic(name))
    seen.simulated_time = bool(node.get_publishers_info_by_topic(CLOCK))
    return seen


def take_joint_state(joints: JointStates, data: bytes) -> None:
    """Read a message into `joints`."""
    try:
        message = read_message(data, JointState)
    except ObservationError as error:
        joints.refused = str(error)
        return
    stamp = to_nanoseconds(message.header.stamp)
    if stamp:
        joints.ages.append((time.time_ns() - stamp) / NANOSECONDS)
    else:
        joints.unstamped += 1
    if len(message.name) != len(message.position):
        joints.refused = f"{len(message.name)} names, but {len(message.position)} positions"
        return
    for name in message.name:
        joints.stamps.setdefault(name, []).append(stamp or time.time_ns())
    joints.positions |= dict(zip(message.name, np.asarray(message.position, dtype=np.float64).tolist(), strict=True))


def endpoints(node: Node, found: Sequence[TopicEndpointInfo]) -> list[Endpoint]:
    """Those of other nodes."""
    return [
        Endpoint(each.node_name, each.topic_type, each.qos_profile.reliability.name.lower(), each.qos_profile.durability.name.lower())
        for each in found
        if each.node_name != node.get_name()
    ]
