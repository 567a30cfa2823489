"""Why the policy is not followed, in words."""

from __future__ import annotations

import numpy as np
import pytest
import rclpy

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.supervisor import State
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.listeners import Listeners
from neon_control.nodes.stop_log import StopLog, why

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]
NOW = 10**18


@pytest.fixture
def listeners(ros) -> Listeners:
    node = rclpy.create_node("executor_node")
    yield Listeners(node, [])
    node.destroy_node()


def standing() -> MotionExecutor:
    """An executor that holds a pose."""
    motion = MotionExecutor(ROBOT, NAMES, ExecutorSettings(following_limit=0.0))
    motion.add_joint_states(NOW, NAMES, 0.5 * (ROBOT.limits(NAMES, "lower") + ROBOT.limits(NAMES, "upper")))
    for _ in range(2):
        motion.tick(NOW)
    return motion


def test_each_cause_is_explained(listeners: Listeners) -> None:
    motion = standing()
    assert (motion.supervisor.cause, why(motion, listeners)) == ("chunks", "none")
    motion.streams["joints"].lost = True
    assert why(motion, listeners) == "the publisher of joints is gone or overdue"
    motion.listened = False
    motion.tick(NOW)
    assert why(motion, listeners) == "nobody has looked yet who listens"
    motion.add_joint_states(NOW + 1, NAMES, motion.measured.positions + np.eye(len(NAMES))[3])
    motion.tick(NOW + 1)
    assert motion.supervisor.cause == "tracking_error" and f"{NAMES[3]} is at " in why(motion, listeners)
    motion.tick(NOW + 10**9)
    text = why(motion, listeners)
    assert text == f"{', '.join(NAMES[:3])} and {len(NAMES) - 3} more: 1.00 s old, limit 0.2 s"
    motion.supervisor.press_estop(True)
    motion.tick(NOW + 10**9)
    assert why(motion, listeners) == ""


def test_a_stop_is_noted_once_with_its_cause(listeners: Listeners) -> None:
    motion = standing()
    log = StopLog(motion, listeners)
    log.note()
    assert log.take(0.0) == [] and log.last == ""
    motion.supervisor.state = State.RUNNING
    log.note()
    motion.tick(NOW + 10**9)
    for _ in range(3):
        log.note()
    (line,) = log.take(0.0)
    assert line.startswith("the policy is no longer followed (joint_states: ") and "1.00 s old, limit 0.2 s" in line
    assert log.take(0.0) == [] and line.endswith(f"({log.last})")


def test_stops_of_one_cause_that_follow_each_other_are_told_as_their_number(listeners: Listeners) -> None:
    motion = standing()
    log = StopLog(motion, listeners)
    told = []
    for look in range(12):  # one a second, with four stops in each of the first seven
        for _ in range(4 if look < 7 else 0):
            motion.supervisor.state = State.RUNNING
            log.note()
            motion.tick(NOW + 10**9)
            log.note()
        told.append([line.partition("), ")[2] for line in log.take(float(look))])
    assert [look for look, lines in enumerate(told) if lines] == [0, 5, 10] and sum(map(len, told)) == 3
    assert log.last.startswith("joint_states: ")


def test_a_policy_that_is_slower_than_its_chunks_are_long_is_told_so_with_the_mend(listeners: Listeners) -> None:
    motion = standing()
    for stream, names in ((JOINTS, NAMES), (BASE, BASE_NAMES)):
        motion.add_chunk(stream, ActionChunk(NOW - 740_000_000, 0.02, names, np.zeros((16, len(names)))))
    motion.add_joint_states(NOW + 1, NAMES, motion.measured.positions)
    motion.tick(NOW + 1)
    assert motion.supervisor.cause == "chunks"
    assert why(motion, listeners) == (
        "observation to command 785 ms, horizon 300 ms (16 steps of 20 ms): raise num_action_steps to 51 or use head_rate_hz, "
        "and chunk_timeout to 0.98 s"
    )


def test_who_leads_is_noted_and_what_let_go_is_explained(listeners: Listeners) -> None:
    motion = standing()
    log = StopLog(motion, listeners)
    motion.takeover.enable(True, "a", NOW)
    for moment in (NOW, NOW + 1, NOW + 200_000_000):
        motion.add_joint_states(moment, NAMES, motion.measured.positions)
        motion.tick(moment)
        log.note()
    led, let_go = log.take(0.0)
    assert led == "a person leads" and let_go.startswith(
        "the person is no longer followed (takeover: takeover/enable was true, and is silent"
    )
    assert "0.08 s" in let_go and "say false" in let_go


def test_chunks_that_are_refused_or_outlive_their_timeout_are_named_with_the_mend(listeners: Listeners) -> None:
    motion = standing()
    motion.reject("joints", "length")
    motion.reject("joints", "length")
    assert why(motion, listeners, "chunks") == "none; refused: 2 as joints/length"
    long = MotionExecutor(ROBOT, NAMES, ExecutorSettings(chunk_steps=50))
    long.add_chunk("joints", ActionChunk(NOW - 400_000_000, 0.02, NAMES, np.zeros((50, len(NAMES)))))
    long.add_chunk("base", ActionChunk(NOW - 400_000_000, 0.02, BASE_NAMES, np.zeros((50, 3))))
    long.tick(NOW)
    expected = "the newest is 0.40 s old, limit 0.3 s; its last step is due 0.98 s after its observation: chunk_timeout may be as long"
    assert why(long, listeners, "chunks") == expected
    short = MotionExecutor(ROBOT, NAMES, ExecutorSettings(chunk_timeout=5.0))
    short.add_chunk("joints", ActionChunk(NOW, 0.02, NAMES, np.zeros((16, len(NAMES)))))
    short.add_chunk("base", ActionChunk(NOW, 0.02, BASE_NAMES, np.zeros((16, 3))))
    for now in (NOW, NOW + 400_000_000):
        short.tick(now)
    assert why(short, listeners, "chunks") == "the newest is 0.40 s old and over: it reaches 0.30 s, and joints are commanded 0.03 s ahead"
