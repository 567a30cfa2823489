"""What the page knows of the topics, and what it makes of messages that are wrong."""

from __future__ import annotations

import array
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until

from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_JOINTS
from neon_control.monitor.streams import CHUNKS, JOINT_STATES, Streams
from neon_control.nodes.chunk_messages import to_time

STAMP = 5_000_000_000  # [ns] of a robot whose clock began today
LIMIT = 20.0  # [s]
TWO_EYES = "cameras:\n  head: {topic: head/image_raw}\n  wrist: {topic: wrist/image_raw}\nrecording: {audio: ''}\n"


@pytest.fixture
def node(ros_domain_id: int) -> Iterator[Node]:
    rclpy.init(domain_id=ros_domain_id)
    yield rclpy.create_node("robot")
    rclpy.try_shutdown()


@pytest.fixture
def two_eyes(tmp_path: Path) -> Path:
    """A robot file with two cameras and no microphone."""
    arm = load_robot("arm6.yaml")
    file = tmp_path / "two_eyes.yaml"
    text = arm.file.read_text().replace("../resource/arm6/arm6.urdf", str(arm.urdf_path))
    file.write_text(text + TWO_EYES)
    return file


def until(streams: Streams, condition: Callable[[], object], what: str, send: Callable[[], object]) -> None:
    """Send and look again and again, as long as discovery takes."""

    def step() -> None:
        send()
        streams.look_for_topics()
        streams.update_motion()
        streams.update_rest()

    wait_until(condition, LIMIT, what, tick=step)


def test_the_clock_is_the_robots_and_goes_on_between_two_joint_states(node: Node) -> None:
    publisher, streams = node.create_publisher(JointState, "joint_states", 1), Streams(node, load_robot("arm6.yaml"))
    assert streams.clock(time.monotonic()) is None
    message = JointState(name=["pan_joint"], position=[0.5])
    message.header.stamp = to_time(STAMP)
    until(streams, lambda: streams.motion.measured, "a joint state", lambda: publisher.publish(message))
    begin = time.monotonic()
    first, later = streams.clock(begin), streams.clock(begin + 2.0)
    assert first is not None and later is not None
    assert 0 <= first - STAMP < LIMIT * 1e9
    assert later - first == pytest.approx(2e9, abs=2)


def test_joint_states_in_two_messages_are_one_robot(node: Node) -> None:
    publisher, streams = node.create_publisher(JointState, "joint_states", 10), Streams(node, load_robot("arm6.yaml"))
    parts = [JointState(name=["pan_joint"], position=[0.5]), JointState(name=["elbow_joint", "hand"], position=[1.0, 2.0])]
    until(streams, lambda: len(streams.motion.measured) == 3, "both parts", lambda: [publisher.publish(part) for part in parts])
    assert streams.motion.measured == {"pan_joint": 0.5, "elbow_joint": 1.0, "hand": 2.0}


def test_what_is_said_about_joints_of_another_device_is_no_problem_and_no_clock(node: Node) -> None:
    publisher, streams = node.create_publisher(JointState, "joint_states", 10), Streams(node, load_robot("arm6.yaml"))
    names, values = ["pan_joint", "finger", "thumb"], [0.5, float("nan"), 2.0]
    until(streams, lambda: streams.motion.measured, "a joint state", lambda: publisher.publish(JointState(name=names, position=values)))
    assert streams.motion.measured == {"pan_joint": 0.5, "thumb": 2.0} and JOINT_STATES not in streams.problems
    other = Streams(node, load_robot("arm6.yaml"))
    until(other, lambda: other.motion.measured, "the thumb", lambda: publisher.publish(JointState(name=["thumb"], position=[1.0])))
    assert other.clock(time.monotonic()) is None and JOINT_STATES not in other.problems


@pytest.mark.parametrize("positions", [[], [float("nan")]])
def test_joint_states_without_usable_positions_are_a_problem_and_move_nothing(node: Node, positions: list[float]) -> None:
    publisher, streams = node.create_publisher(JointState, "joint_states", 1), Streams(node, load_robot("arm6.yaml"))
    message = JointState(name=["pan_joint"], position=positions)
    until(streams, lambda: JOINT_STATES in streams.problems, "a problem", lambda: publisher.publish(message))
    assert streams.motion.measured == {}


def test_bytes_that_are_no_message_are_a_problem_until_a_right_one_comes(node: Node) -> None:
    publisher, streams = node.create_publisher(JointTrajectory, CHUNK_JOINTS, 1), Streams(node, load_robot("arm6.yaml"))
    until(streams, lambda: CHUNKS in streams.problems, "a problem", lambda: publisher.publish(b"\x00\x01\x00\x00nonsense"))
    assert streams.chunks == {}
    assert "trajectory_msgs/JointTrajectory" in streams.problems[CHUNKS]


def test_cameras_and_microphone_are_those_of_the_robot_file(node: Node, two_eyes: Path) -> None:
    streams = Streams(node, load_robot(two_eyes))
    assert (streams.cameras, streams.hears) == (("head", "wrist"), False)
    assert list(streams.ages(0.0)) == ["joint states", "chunks", "commands", "camera_head"]
    publishers = {name: node.create_publisher(Image, f"{name}/image_raw", 1) for name in streams.cameras}

    def send() -> None:
        for grey, publisher in zip((50, 200), publishers.values(), strict=True):
            publisher.publish(Image(height=2, width=2, encoding="rgb8", step=6, data=array.array("B", [grey] * 12)))

    until(streams, lambda: streams.image is not None, "an image of the head", send)
    assert np.all(streams.image == 50)
    streams.look_through("wrist")
    assert streams.image is None
    until(streams, lambda: streams.image is not None, "an image of the wrist", send)
    assert np.all(streams.image == 200)
    assert list(streams.ages(0.0))[-1] == "camera_wrist"
