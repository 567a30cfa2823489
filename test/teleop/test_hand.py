"""A hand's place in the running system."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from waiting import wait_until

from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.hand import LATCHED, Hand
from neon_control.teleop.wish import Wish

ROBOT = load_robot("g1.yaml")
ELBOW = "left_elbow_joint"
LIMIT = 30.0  # [s]
QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def node(ros) -> Iterator[Node]:
    built = rclpy.create_node("teleop")
    yield built
    built.destroy_node()


def test_what_is_wanted_is_told_and_a_button_of_another_program_is_left_to_it(node: Node) -> None:
    said: dict[str, list] = {"enable": [], "joints": [], "base": []}
    for name, kind in (("enable", Bool), ("joints", JointState), ("base", TwistStamped)):
        node.create_subscription(kind, f"takeover/{name}", said[name].append, QOS)
    hand = Hand(node, ROBOT)
    wish = Wish(True, joints={ELBOW: 0.3}, drive=np.array([0.1, 0.0, 0.2]))

    def tell(button: bool) -> None:
        hand.tell(wish, 1.0, button)
        rclpy.spin_once(node, timeout_sec=0.02)

    wait_until(lambda: said["joints"] and said["base"], LIMIT, "targets", tick=lambda: tell(False))
    assert not said["enable"]
    wait_until(lambda: said["enable"], LIMIT, "the button", tick=lambda: tell(True))
    assert said["enable"][0].data and said["joints"][0].name == [ELBOW] and list(said["joints"][0].position) == [0.3]
    assert said["base"][0].twist.linear.x == 0.1 and said["base"][0].twist.angular.z == 0.2
    assert said["joints"][0].header.stamp.sec > 0 and said["base"][0].header.frame_id == ROBOT.base.frame


def test_it_hears_where_the_robot_is_and_who_leads(node: Node) -> None:
    hand = Hand(node, ROBOT)
    states = node.create_publisher(JointState, "joint_states", QOS)
    node.create_publisher(String, "commander", LATCHED).publish(String(data="policy"))

    def tick() -> None:
        states.publish(JointState(name=[ELBOW, "a_wheel"], position=[0.4, 7.0]))
        rclpy.spin_once(node, timeout_sec=0.02)
        hand.look()

    wait_until(lambda: hand.measured and hand.commander, LIMIT, "both", tick=tick)
    assert hand.measured[ELBOW] == 0.4 and hand.commander == "policy"
