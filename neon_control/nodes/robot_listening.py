"""What a running robot says of itself to somebody who does not know it yet: names of joints, controllers, cameras, the base's message."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from neon_control.core.robot.heard import Heard
from neon_control.core.robot.message_types import BASES, COMMANDS, GOALS, IMAGES
from neon_control.core.robot.topic_names import JOINT_STATES
from neon_control.nodes.base_output import UNKNOWN
from neon_control.nodes.listeners import watches
from neon_control.nodes.robot_graph import DISCOVERY, JointStates, endpoints, take_joint_state

NAMES = 5.0  # [s] longer, at most, until all who listen have names
SEND_GOAL, OF_GOALS = "/_action/send_goal", "_SendGoal"  # how the graph names the services that an action is made of


def listen(node: Node, seconds: float, spin: Callable[[float], None]) -> Heard:
    """Listen for some seconds; `spin(s)` lets callbacks run for at most so long. Nothing is sent."""
    joints = JointStates()
    qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)  # fits every publisher
    node.create_subscription(JointState, JOINT_STATES, lambda data: take_joint_state(joints, data), qos, raw=True)
    end = time.monotonic() + max(seconds, DISCOVERY)
    last = end + NAMES
    while (left := end - time.monotonic()) > 0.0 or (time.monotonic() < last and not _all_known(node)):
        spin(min(left, 0.1) if left > 0.0 else 0.1)
    types = dict(node.get_topic_names_and_types())
    commanded = _with_others(node, types, {**COMMANDS, **BASES}, publishers=False)
    images = _with_others(node, types, IMAGES, publishers=True)
    actions = {
        _relative(node, name.removesuffix(SEND_GOAL)): kind
        for name, kinds in node.get_service_names_and_types()
        for kind in (each.removesuffix(OF_GOALS) for each in kinds)
        if name.endswith(SEND_GOAL) and kind in GOALS
    }
    return Heard(tuple(joints.positions), commanded, images, actions)


def _all_known(node: Node) -> bool:
    """Whether all who listen to topics of commands have been discovered themselves, and so have names."""
    topics = [name for name, kinds in node.get_topic_names_and_types() if set(kinds) & {*COMMANDS, *BASES}]
    return all(each.node_name != UNKNOWN for name in topics for each in node.get_subscriptions_info_by_topic(name))


def _with_others(node: Node, types: Mapping[str, list[str]], wanted: Mapping[str, str], publishers: bool) -> dict[str, str]:
    """Topics of the wanted types that others publish, or that others subscribe to who do not only watch, as far as that is known."""
    found = {}
    for name, kinds in types.items():
        if any(kind in wanted for kind in kinds):
            infos = node.get_publishers_info_by_topic(name) if publishers else node.get_subscriptions_info_by_topic(name)
            others = [each for each in endpoints(node, infos) if each.type in wanted]
            heard = [each.type for each in others if publishers or not (watches(each.node) or each.node == UNKNOWN)]
            if heard:
                found[_relative(node, name)] = heard[0]
    return found


def _relative(node: Node, name: str) -> str:
    """A name as a robot file has it: within the node's namespace without that."""
    inside = f"{node.get_namespace().rstrip('/')}/"
    return name.removeprefix(inside) if name.startswith(inside) else name
