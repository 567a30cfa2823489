"""Measurements that cannot all be true, publishers of different rates, and controllers that do not listen: real processes, real DDS."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import rclpy
from executor_rig import Rig, rig
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from waiting import wait_until

from neon_control.nodes.chunk_messages import to_time

pytestmark = [pytest.mark.system, pytest.mark.alone]


@contextlib.contextmanager
def driver(rig: Rig, rates: Sequence[tuple[float, list[str]]], zeros: bool = False) -> Iterator[Node]:
    """A node `other_driver` that reports the rig's joints, or zeros for them, in messages of some names at some rate [Hz] each."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(rig.environment["ROS_DOMAIN_ID"]))
    node = rclpy.create_node("other_driver", context=context)
    ended = threading.Event()

    def publish(rate: float, names: list[str]) -> None:
        publisher = node.create_publisher(JointState, "joint_states", 10)
        columns, deadline = [rig.robot.names.index(n) for n in names], time.monotonic()
        while not ended.wait(max(0.0, deadline - time.monotonic())):
            deadline += 1.0 / rate
            message = JointState(name=names, position=(rig.robot.position[columns] * (not zeros)).tolist())
            message.header.stamp = to_time(time.time_ns())
            publisher.publish(message)

    threads = [threading.Thread(target=publish, args=each) for each in rates]
    for thread in threads:
        thread.start()
    try:
        yield node
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        node.destroy_node()
        context.try_shutdown()


def told(rig: Rig, *words: str) -> dict[str, str]:
    """Wait until the executor says all `words` about why it does not follow."""

    def said() -> dict[str, str] | None:
        status = rig.robot.status
        return status if all(word in status.get("why", "") for word in words) else None

    try:
        return wait_until(said, 20.0, f"{words} in the diagnostics")
    except AssertionError as error:
        raise AssertionError(f"{error}; last status: {rig.robot.status}") from None


def test_no_pose_is_taken_from_publishers_that_disagree(ros_domain_id: int) -> None:
    """The wound: zeros beside the true pose became the first command, 1.5 rad away and due in 10 ms."""
    with rig(ros_domain_id) as running, driver(running, [(50.0, running.robot.names)], zeros=True):
        told(running, "in doubt", " by /robot (", " by /other_driver (")
        running.run_for(1.0)
        assert running.robot.joints.values == [] and running.robot.status["state"] == "waiting"


def test_a_second_publisher_in_motion_stops_the_robot_until_it_has_gone(ros_domain_id: int) -> None:
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()
        with driver(running, [(50.0, running.robot.names)], zeros=True):
            told(running, "in doubt", " by /robot (", " by /other_driver (")
            running.wait_base_stopped()
            gone = time.monotonic()
            running.run_for(1.0)
            held = running.robot.joints.since(gone).values  # nothing at all, where no controller is known to follow
            assert not held or np.ptp(np.array(held), axis=0).max() == 0.0, "it moves on measurements that disagree"
        running.wait_moving()
        assert int(running.report()["stops/joint_states"]) >= 1
        assert running.violations() == []


def test_a_joint_that_jumps_is_no_joint_that_was_moved(ros_domain_id: int) -> None:
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()
        running.robot.pushes.append(-0.8)  # in 5 ms: 160 rad/s
        running.wait_base_stopped()
        running.wait_moving()
        assert int(running.report()["stops/joint_states"]) >= 1
        assert running.violations() == []


def test_joint_states_without_a_stamp_move_nothing_and_are_named(ros_domain_id: int) -> None:
    """The wound: 'waiting for joint states', and nothing about the stamp, while they came."""
    with rig(ros_domain_id) as running:
        running.robot.tells_time = False
        status = told(running, "stamped 0.0 s", "its sender gives no stamp")
        assert (status["state"], status["cause"]) == ("waiting", "joint_states")
        assert running.robot.joints.values == []
        running.robot.tells_time = True
        wait_until(lambda: running.robot.status["state"] == "holding", 20.0, "belief in stamps that are right")


@pytest.mark.parametrize("rate", [50.0, 100.0])
def test_a_driver_of_1_khz_starves_none_of_10_hz(ros_domain_id: int, rate: float) -> None:
    """The wound: 2 stops in 9 s at 100 Hz, 6 at 50 Hz. Three messages of the slow one in a row have to be lost for a stop here."""
    with rig(ros_domain_id, rate=rate, joint_state_timeout=0.35) as running:
        *fast, slow = running.robot.names
        with driver(running, [(1000.0, fast), (10.0, [slow])]):
            running.robot.publishing = False
            running.start_player()
            running.wait_moving()
            before = running.report()
            running.run_for(6.0)
            after = running.report()
        assert after.get("stops/joint_states") == before.get("stops/joint_states")


def test_it_does_not_move_before_every_controller_listens(ros_domain_id: int) -> None:
    """The wound: 'following the policy', and nobody heard the base's commands."""
    with rig(ros_domain_id, remap=["cmd_vel:=base_controller/cmd_vel"]) as running:
        running.start_player()
        status = told(running, "/base_controller/cmd_vel: nobody subscribes to these geometry_msgs/msg/TwistStamped")
        assert (status["state"], status["cause"]) == ("holding", "listeners")
        assert np.ptp(np.array(running.robot.joints.values), axis=0).max() < 0.01
        running.robot.node.create_subscription(
            TwistStamped, "base_controller/cmd_vel", lambda m, i: running.robot._on_base(m.twist, i), 1000
        )
        running.wait_moving()


def test_a_base_of_another_type_is_named_and_may_be_left_alone(ros_domain_id: int) -> None:
    with rig(ros_domain_id, base_message="twist", require_listeners=False) as running:
        running.start_player()
        wait_until(lambda: running.robot.status.get("state") == "running", 20.0, "motion without a base that listens")
        assert running.robot.status["why"] == ""
