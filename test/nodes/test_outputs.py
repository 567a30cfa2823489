"""Commands on the wire: joint order by name, points that end at rest, and refusals at start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.executor import Command
from neon_control.core.control.limits import RestPath
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.outputs import create_outputs
from neon_control.nodes.polling import PolledSubscription

ROBOT = load_robot("g1.yaml")
ARMS = ROBOT.parts["arms"]
LEFT, RIGHT = ROBOT.groups["left_arm"], ROBOT.groups["right_arm"]
PERIOD = 0.01
NOW = 1_234_567_890_123_456_789


def command(names: tuple[str, ...], moving: bool = True) -> Command:
    """A command in which every joint has its own number."""
    values = np.arange(len(names), dtype=float)
    velocities = 0.1 * values if moving else np.zeros(len(names))
    rest = RestPath(np.array([0.04]), values[None] + 0.5, np.zeros((1, len(names))))
    return Command(values, velocities, rest, np.array([0.1, -0.2, 0.3]))


@pytest.fixture
def node(ros):
    n = rclpy.create_node("outputs")
    yield n
    n.destroy_node()


def send(node, robot, names, kinds: dict[str, type], value: Command, message: str = "twist_stamped") -> dict[str, object]:
    """Send one command and return what arrived, by topic."""
    subscriptions = {topic: PolledSubscription(node, kind, topic, qos_profile_sensor_data) for topic, kind in kinds.items()}
    outputs = create_outputs(node, robot, names, PERIOD, message, "base_link")
    received: dict[str, object] = {}

    def exchange() -> bool:
        for output in outputs:
            output.send(value, NOW)
        for topic, subscription in subscriptions.items():
            for each in subscription.take():
                received[topic] = deserialize_message(each, kinds[topic])
        return len(received) == len(kinds)

    wait_until(exchange, 5.0, f"messages on {list(kinds)}")
    return received


def test_a_trajectory_ends_at_rest(node):
    topic = "arm_controller/joint_trajectory"
    message = send(node, ROBOT, ARMS, {topic: JointTrajectory}, command(ARMS))[topic]
    target, rest = message.points
    assert list(message.joint_names) == list(ARMS)
    assert list(target.positions) == list(range(14)) and target.velocities[10] == pytest.approx(1.0)
    assert target.time_from_start.nanosec == 10_000_000 and rest.time_from_start.nanosec == 50_000_000
    assert rest.positions[3] == 3.5 and not any(rest.velocities)
    assert message.header.stamp.sec == 0 and message.header.stamp.nanosec == 0


def test_joints_that_rest_sooner_have_a_point_of_their_own(node):
    topic = "arm_controller/joint_trajectory"
    rest = RestPath(np.array([0.001, 0.02, 0.04]), np.arange(42.0).reshape(3, 14), np.array([[0.2], [0.1], [0.0]]) * np.ones(14))
    message = send(node, ROBOT, ARMS, {topic: JointTrajectory}, replace(command(ARMS), rest=rest))[topic]
    assert [p.time_from_start.nanosec for p in message.points] == [10_000_000, 11_000_000, 30_000_000, 50_000_000]
    assert [p.positions[3] for p in message.points] == [3.0, 3.0, 17.0, 31.0]
    assert [p.velocities[3] for p in message.points] == [pytest.approx(0.3), 0.2, 0.1, 0.0]


def test_each_controller_gets_its_joints_in_its_own_order(node):
    controllers = (
        ControllerConfig("right", "right/commands", RIGHT[::-1], "position"),
        ControllerConfig("left", "left/joint_trajectory", LEFT),
    )
    kinds = {"right/commands": Float64MultiArray, "left/joint_trajectory": JointTrajectory}
    received = send(node, replace(ROBOT, controllers=controllers), ARMS, kinds, command(ARMS))
    assert list(received["right/commands"].data) == list(range(13, 6, -1))
    assert list(received["left/joint_trajectory"].points[0].positions) == list(range(7))


@pytest.mark.parametrize(("message", "kind"), [("twist", Twist), ("twist_stamped", TwistStamped)])
def test_the_base_is_sent_as_configured(node, message, kind):
    received = send(node, ROBOT, ARMS, {"cmd_vel": kind}, command(ARMS), message)["cmd_vel"]
    twist = received.twist if message == "twist_stamped" else received
    assert (twist.linear.x, twist.linear.y, twist.angular.z) == (0.1, -0.2, 0.3)
    if message == "twist_stamped":
        assert received.header.frame_id == "base_link"
        assert received.header.stamp.sec * 10**9 + received.header.stamp.nanosec == NOW


def test_controllers_of_parts_that_the_mode_leaves_alone_are_not_driven(node):
    create_outputs(node, ROBOT, ARMS, PERIOD, "twist", "base_link")
    topics = {p.topic_name for p in node.publishers}
    assert "/arm_controller/joint_trajectory" in topics and "/leg_controller/joint_trajectory" not in topics


def test_a_joint_without_a_controller_is_a_refusal(node):
    with pytest.raises(ConfigError, match=r"no controller drives \['left_shoulder_pitch_joint'"):
        create_outputs(node, replace(ROBOT, controllers=ROBOT.controllers[1:]), ARMS, PERIOD, "twist", "base_link")


def test_a_controller_that_would_get_only_some_of_its_joints_is_a_refusal(node):
    both = (ControllerConfig("all", "all/joint_trajectory", ARMS + ROBOT.parts["torso"]),)
    with pytest.raises(ConfigError, match=r"all also drives \['waist_yaw_joint'"):
        create_outputs(node, replace(ROBOT, controllers=both), ARMS, PERIOD, "twist", "base_link")


def test_a_robot_without_a_base_gets_no_base_commands(node):
    outputs = create_outputs(node, replace(ROBOT, base=None), ARMS, PERIOD, "twist", "base_link")
    assert len(outputs) == 1
