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
from neon_control.core.control.command import Command
from neon_control.core.control.promise import Motion
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.outputs import TrajectoryMessage, create_outputs
from neon_control.nodes.polling import PolledSubscription

ROBOT = load_robot("g1.yaml")
ARMS = ROBOT.parts["arms"]
LEFT, RIGHT = ROBOT.groups["left_arm"], ROBOT.groups["right_arm"]
PERIOD, PERIOD_NS = 0.01, 10_000_000
NOW = 1_234_567_890_123_456_789


def command(names: tuple[str, ...], controllers: tuple[ControllerConfig, ...] = ROBOT.controllers) -> Command:
    """A command in which every joint has its own number: three knots around now, and the point of rest."""
    values = np.arange(len(names), dtype=float)
    speeds = np.array([0.1, 0.1, 0.1, 0.0])[:, None] * values
    motion = Motion(NOW + PERIOD_NS * np.array([-1, 1, 2, 6]), values + np.array([0.0, 0.25, 0.5, 0.75])[:, None], speeds)
    return Command(NOW + PERIOD_NS, motion, dict.fromkeys([c.name for c in controllers], motion), np.array([0.1, -0.2, 0.3]), NOW, NOW)


@pytest.fixture
def node(ros):
    n = rclpy.create_node("outputs")
    yield n
    n.destroy_node()


def send(
    node,
    robot,
    names,
    kinds: dict[str, type],
    value: Command,
    message: str = "twist_stamped",
    stamps: str = "shared",
    frame: str = "base_link",
) -> dict[str, object]:
    """Send one command and return what arrived, by topic."""
    subscriptions = {topic: PolledSubscription(node, kind, topic, qos_profile_sensor_data) for topic, kind in kinds.items()}
    outputs = create_outputs(node, robot, names, PERIOD, message, frame, stamps)
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


def times(message: JointTrajectory) -> list[int]:
    """[ns] of its points, after its stamp."""
    return [p.time_from_start.sec * 10**9 + p.time_from_start.nanosec for p in message.points]


def test_a_trajectory_is_a_window_of_the_motion_stamped_with_its_first_knot(node):
    topic = "arm_controller/joint_trajectory"
    message = send(node, ROBOT, ARMS, {topic: JointTrajectory}, command(ARMS))[topic]
    assert list(message.joint_names) == list(ARMS)
    assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == NOW - PERIOD_NS
    assert times(message) == [0, 2 * PERIOD_NS, 3 * PERIOD_NS, 7 * PERIOD_NS]
    assert [p.positions[3] for p in message.points] == [3.0, 3.25, 3.5, 3.75]
    assert [p.velocities[10] for p in message.points] == [1.0, 1.0, 1.0, 0.0], "it must end at rest"


def test_for_another_clock_a_trajectory_starts_on_arrival_where_the_motion_is(node):
    topic = "arm_controller/joint_trajectory"
    value = command(ARMS)
    message = send(node, ROBOT, ARMS, {topic: JointTrajectory}, value, stamps="arrival")[topic]
    assert message.header.stamp.sec == message.header.stamp.nanosec == 0
    assert times(message) == [0, PERIOD_NS, 2 * PERIOD_NS, 6 * PERIOD_NS]
    assert list(message.points[0].positions) == pytest.approx(value.motion.at(NOW)[0])


@pytest.mark.parametrize("count", [1, 2, 64, 65, 120, 300])
@pytest.mark.parametrize("names", [("a",), ("a", "bcd"), ARMS])
def test_whatever_the_number_of_points_the_message_is_whole(names, count):
    random = np.random.default_rng(0)
    knots = NOW + 600_000_000 * np.arange(count)
    motion = Motion(knots, *random.normal(size=(2, count, len(names) + 1)))
    columns = np.arange(len(names))[::-1] + 1
    message = TrajectoryMessage(names)
    for shorter in (motion, Motion(*(part[: (count + 1) // 2] for part in motion))):  # the second time in a buffer that was used before
        message.fill(shorter, columns, stamped=True)
        read = deserialize_message(message.serialised, JointTrajectory)
        assert times(read) == (shorter.times - NOW).tolist() and list(read.joint_names) == list(names)
        np.testing.assert_array_equal([p.positions for p in read.points], shorter.positions[:, columns])
        np.testing.assert_array_equal([p.velocities for p in read.points], shorter.velocities[:, columns])


def test_each_controller_gets_its_joints_in_its_own_order(node):
    controllers = (
        ControllerConfig("right", "right/commands", RIGHT[::-1], "position"),
        ControllerConfig("left", "left/joint_trajectory", LEFT),
    )
    kinds = {"right/commands": Float64MultiArray, "left/joint_trajectory": JointTrajectory}
    value = command(ARMS, controllers)
    received = send(node, replace(ROBOT, controllers=controllers), ARMS, kinds, value)
    assert list(received["right/commands"].data) == (np.arange(13, 6, -1) + 0.25).tolist(), "where it is one period later"
    assert list(received["left/joint_trajectory"].points[0].positions) == list(range(7))


def test_who_is_not_to_be_sent_anything_is_not(node):
    topic = "arm_controller/joint_trajectory"
    (output,) = create_outputs(node, replace(ROBOT, base=None), ARMS, PERIOD, "twist", "base_link")
    subscription = PolledSubscription(node, JointTrajectory, topic, qos_profile_sensor_data)
    whole, silent = command(ARMS), replace(command(ARMS), trajectories={})

    def arrived() -> list[bytes]:
        output.send(silent, NOW)
        output.send(whole, NOW)
        return list(subscription.take())

    wait_until(arrived, 5.0, "a trajectory")
    output.send(silent, NOW)
    assert all(len(deserialize_message(each, JointTrajectory).points) == 4 for each in subscription.take())


def test_what_was_prepared_is_sent_and_nothing_else(node):
    output, *_ = create_outputs(node, ROBOT, ARMS, PERIOD, "twist", "base_link")
    subscription = PolledSubscription(node, JointTrajectory, "arm_controller/joint_trajectory", qos_profile_sensor_data)
    first, second = command(ARMS), replace(command(ARMS), trajectories={"arm_controller": command(ARMS).motion.since(NOW)})

    def stamp(value: Command, prepared: Command) -> int:
        def arrived() -> list[bytes]:
            output.prepare(prepared)
            output.send(value, NOW)
            return list(subscription.take())

        message = deserialize_message(wait_until(arrived, 5.0, "a trajectory")[-1], JointTrajectory)
        return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec

    for prepared in (first, second, replace(first, trajectories={})):
        assert stamp(first, prepared) == NOW - PERIOD_NS
        assert stamp(second, prepared) == NOW


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


def test_joints_have_the_names_of_their_driver_and_are_told_within_their_turn(node):
    """As one piece: within a message no joint spins back."""
    wrist = "left_wrist_roll_joint"
    joints = {**ROBOT.joints, wrist: replace(ROBOT.joints[wrist], turn=-np.pi, wraps=True)}
    robot = replace(ROBOT, joints=joints, joint_prefix="g1/")
    column = ARMS.index(wrist)
    value = command(ARMS)
    positions = value.motion.positions.copy()
    positions[:, column] = 2.0 * 2.0 * np.pi + np.array([3.0, 3.1, 3.2, 3.3])
    motion = replace_positions(value.motion, positions)
    topic = "arm_controller/joint_trajectory"
    message = send(node, robot, ARMS, {topic: JointTrajectory}, replace(value, trajectories={"arm_controller": motion}))[topic]
    assert list(message.joint_names) == [f"g1/{name}" for name in ARMS]
    assert [p.positions[column] for p in message.points] == pytest.approx([3.0, 3.1, 3.2, 3.3])
    assert [p.positions[3] for p in message.points] == [3.0, 3.25, 3.5, 3.75], "the others are what they were"

    forward = replace(robot, controllers=(ControllerConfig("arm", "arm/commands", ARMS, "position"),))
    told = send(node, forward, ARMS, {"arm/commands": Float64MultiArray}, replace(value, motion=motion))["arm/commands"]
    assert -np.pi <= told.data[column] < np.pi


def replace_positions(motion: Motion, positions: np.ndarray) -> Motion:
    return Motion(motion.times, positions, motion.velocities)


def test_the_base_s_topic_and_frame_come_from_the_robot_file_and_parameters_win(node):
    base = replace(ROBOT.base, topic="drive", frame="footprint", message="twist")
    robot = replace(ROBOT, base=base)
    value = command(ARMS)
    assert isinstance(send(node, robot, ARMS, {"drive": Twist}, value, message="", frame="")["drive"], Twist)
    node.destroy_publisher(next(p for p in node.publishers if p.topic_name == "/drive"))
    for subscription in list(node.subscriptions):
        node.destroy_subscription(subscription)
    told = send(node, robot, ARMS, {"drive": TwistStamped}, value, message="twist_stamped", frame="base_link")["drive"]
    assert told.header.frame_id == "base_link"
