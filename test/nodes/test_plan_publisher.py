"""What the executor foresees goes out in a thread of its own, to those who listen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from test_executor import World
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from waiting import wait_until

from neon_control.core.control.supervisor import State
from neon_control.core.robot.topic_names import PLAN_BASE, PLAN_JOINTS
from neon_control.nodes.chunk_messages import PLAN_QOS
from neon_control.nodes.plan_publisher import PlanPublisher

LIMIT = 30.0  # [s]


@pytest.fixture
def node(ros) -> Iterator[Node]:
    built = rclpy.create_node("executor_node")
    yield built
    built.destroy_node()


@pytest.fixture
def publisher(node: Node) -> Iterator[PlanPublisher]:
    built = PlanPublisher(node, base=True)
    built.start()
    yield built
    built.stop()


def listen(node: Node) -> tuple[list[JointTrajectory], list[MultiDOFJointTrajectory]]:
    joints: list[JointTrajectory] = []
    base: list[MultiDOFJointTrajectory] = []
    node.create_subscription(JointTrajectory, PLAN_JOINTS, joints.append, PLAN_QOS)
    node.create_subscription(MultiDOFJointTrajectory, PLAN_BASE, base.append, PLAN_QOS)
    return joints, base


def wait(node: Node, condition, what: str) -> None:
    wait_until(condition, LIMIT, what, tick=lambda: rclpy.spin_once(node, timeout_sec=0.02))


def test_that_nothing_is_followed_is_kept_for_who_comes_later(node: Node, publisher: PlanPublisher) -> None:
    world = World()
    outlook = world.executor.outlook(publisher.wanted)
    assert outlook is not None and not publisher.wanted
    publisher.offer(outlook)
    joints, base = listen(node)
    wait(node, lambda: joints and base, "the last word")
    assert not joints[0].points and not base[0].points and joints[0].header.stamp.sec == 0
    wait(node, lambda: publisher.wanted, "a reader that is noticed")
    assert publisher.told == 0


def test_a_plan_is_the_newest_chunks_grid_in_both_streams(node: Node, publisher: PlanPublisher) -> None:
    world = World()
    world.run_to(State.RUNNING)
    joints, base = listen(node)
    outlook = world.executor.outlook()
    assert outlook is not None and outlook.broken
    publisher.offer(outlook)
    wait(node, lambda: len(joints) >= 2 and len(base) >= 2, "both")
    assert [bool(m.points) for m in joints] == [bool(m.points) for m in base] == [False, True], "what was said before is ended first"
    assert joints[1].header.stamp == base[1].header.stamp
    assert joints[1].points[0].time_from_start.nanosec % 20_000_000 == 0
    assert publisher.told == 1


def test_of_two_that_wait_the_newer_one_is_told_and_no_break_is_lost(node: Node) -> None:
    publisher = PlanPublisher(node, base=True)
    joints, _ = listen(node)
    wait(node, lambda: node.count_subscribers(PLAN_JOINTS), "the reader")
    world = World()
    world.run_to(State.RUNNING)
    publisher.offer(world.executor.outlook())
    world.step(20)
    newer = world.executor.outlook()
    publisher.offer(newer)
    publisher.start()  # only now
    wait(node, lambda: len(joints) >= 2, "what waited")
    publisher.stop()
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in joints]
    assert stamps == [0, newer.followed.stamp]
    assert np.isfinite(joints[1].points[0].positions).all()
