"""Goals for grippers: when one is sent, and what a real action server makes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from jaw_robot import jaw_robot
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from waiting import wait_until

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.command import Command
from neon_control.core.control.promise import Motion
from neon_control.core.control.supervisor import State
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.gripper_output import GoalPacer
from neon_control.nodes.listeners import Listeners
from neon_control.nodes.outputs import create_outputs

ACTION = "gripper_controller/gripper_cmd"
KINDS = {"gripper_command": "GripperCommand", "parallel_gripper_command": "ParallelGripperCommand"}
RATE = 20.0  # [Hz]


def robot(folder: Path, kind: str, **gripper: object) -> Robot:
    controllers = {
        "arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]},
        "gripper_controller": {"topic": ACTION, "type": kind, "joints": ["gripper"]},
    }
    section = {"max_effort": 7.0, "max_velocity": 0.6, "goal_rate": RATE, **gripper}
    return load_robot(jaw_robot(folder, section, controllers=controllers))


def command(opening: float) -> Command:
    """A motion that rests at an opening."""
    motion = Motion(np.array([0, 1]), np.tile([0.1, 0.2, opening], (2, 1)), np.zeros((2, 3)))
    return Command(0, motion, {}, np.zeros(0), 0, 0)


def test_the_first_opening_is_a_goal_and_then_only_what_differs_enough_or_where_the_motion_rests() -> None:
    pacer = GoalPacer(np.array([0.01]))
    asked = [0.5, 0.5, 0.505, 0.509, 0.512, 0.516, 0.519, 0.519, 0.519, 0.3]
    goals = [pacer.next(np.array([value])) for value in asked]
    assert [None if goal is None else float(goal[0]) for goal in goals] == [0.5, None, None, None, 0.512, None, None, 0.519, None, 0.3]


def test_what_trembles_by_less_is_no_goal_and_a_goal_that_is_not_pursued_is_one_again() -> None:
    pacer, random = GoalPacer(np.array([0.01, 0.01])), np.random.default_rng(0)
    assert pacer.next(np.array([0.5, 0.5])) is not None
    assert all(pacer.next(0.5 + random.uniform(-0.009, 0.009, 2)) is None for _ in range(500))
    pacer.forget()
    assert pacer.next(np.array([0.5, 0.5])) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_actions_package_the_error_names_it(tmp_path: Path, ros: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "control_msgs", None)
    monkeypatch.setitem(sys.modules, "control_msgs.action", None)
    node = rclpy.create_node("outputs")
    with pytest.raises(ConfigError) as error:
        create_outputs(node, robot(tmp_path, kind), ("j1", "j2", "jaw"), 0.01, "twist", "base_link")
    node.destroy_node()
    wanted = ("r.yaml: controllers.gripper_controller", f"type {kind}", KINDS[kind], "ROS package control_msgs")
    assert all(word in str(error.value) for word in wanted), str(error.value)


class Server:
    """A real action server: it accepts, and ends a goal when it is told how."""

    def __init__(self, domain: int, kind: str) -> None:
        action = pytest.importorskip("control_msgs.action", reason="the ROS package control_msgs is not installed")
        from rclpy.action import ActionServer, CancelResponse, GoalResponse

        self._kind = getattr(action, KINDS[kind])
        self.goals: list[Any] = []
        self.times: list[float] = []
        self.accepts, self.stalled = True, True
        self.ends = self.closed = False
        self.cancels = 0
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("gripper", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

        def asked(goal: Any) -> Any:
            if self.accepts:
                self.goals.append(goal.command)
                self.times.append(time.monotonic())
            return GoalResponse.ACCEPT if self.accepts else GoalResponse.REJECT

        def cancelled(handle: Any) -> Any:
            self.cancels += 1
            return CancelResponse.ACCEPT

        async def execute(handle: Any) -> Any:
            result = self._kind.Result(stalled=self.stalled, reached_goal=False)
            handle.abort()  # as a gripper without `allow_stalling` does
            return result

        self.server = ActionServer(
            self.node, self._kind, ACTION, execute, goal_callback=asked, cancel_callback=cancelled, handle_accepted_callback=self._accepted
        )

    def _accepted(self, handle: Any) -> None:
        if self.ends:
            handle.execute()

    def opening(self) -> float:
        """Of the newest goal."""
        position = self.goals[-1].position
        return float(position if isinstance(position, float) else position[0])

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.executor.shutdown()
        self.server.destroy()
        self.node.destroy_node()
        self.context.try_shutdown()


class Bench:
    """The output, the server, and an executor's state that is set by hand."""

    def __init__(self, folder: Path, domain: int, kind: str, **gripper: object) -> None:
        self.server = Server(domain, kind)
        self.node: Node = rclpy.create_node("executor_node")
        self.state = State.HOLDING
        described = robot(folder, kind, **gripper)
        _, self.output = create_outputs(self.node, described, ("j1", "j2", "jaw"), 0.01, "twist", "base_link", state=lambda: self.state)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.listeners = Listeners(self.node, [], [self.output.missing])

    def spin(self) -> None:
        for executor in (self.executor, *([] if self.server.closed else [self.server.executor])):
            executor.spin_once(timeout_sec=0.002)

    def wait(self, condition: Any, what: str, seconds: float = 8.0) -> None:
        def holds() -> bool:
            self.spin()
            return bool(condition())

        wait_until(holds, seconds, what, interval=0.001)

    def let(self, seconds: float) -> None:
        """Time goes by."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.spin()

    def follow(self, opening: float) -> None:
        """The policy is followed, and wants an opening; wait until it is a goal."""
        self.wait(lambda: not self.output.missing(), "the server")
        self.state = State.RUNNING
        self.output.send(command(opening), 0)
        self.wait(lambda: self.server.goals and self.server.opening() == pytest.approx(opening), f"a goal of {opening}")

    def close(self) -> None:
        self.node.destroy_node()
        self.server.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(tmp_path: Path, ros: int, kind: str) -> Iterator[Bench]:
    built = Bench(tmp_path, ros, kind)
    yield built
    built.close()


def test_a_goal_says_position_velocity_and_effort_as_its_action_has_room_for(bench: Bench, kind: str) -> None:
    bench.follow(0.3)
    goal = bench.server.goals[-1]
    if kind == "gripper_command":
        assert (goal.position, goal.max_effort) == (0.3, 7.0)
    else:
        assert (list(goal.name), list(goal.position), list(goal.velocity), list(goal.effort)) == (["jaw"], [0.3], [0.6], [7.0])


def test_nothing_is_sent_before_the_policy_is_followed_and_a_stop_leaves_the_goal(bench: Bench) -> None:
    bench.wait(lambda: not bench.output.missing(), "the server")
    bench.output.send(command(0.85), 0)
    bench.let(0.3)
    assert not bench.server.goals
    bench.follow(0.3)
    for state in (State.BRAKING, State.HOLDING, State.ESTOPPED, State.STOPPED):
        bench.state = state
        bench.output.send(command(0.3), 0)
        bench.let(0.2)
    assert len(bench.server.goals) == 1 and bench.server.cancels == 0


def test_goals_come_at_most_at_the_stated_rate(bench: Bench) -> None:
    bench.follow(0.3)
    begin = time.monotonic()
    while time.monotonic() < begin + 1.0:
        bench.output.send(command(0.3 + 0.3 * (time.monotonic() - begin)), 0)
        bench.spin()
    assert 3 < len(bench.server.goals) <= RATE * 1.2 + 1
    last = 0.7
    bench.output.send(command(last), 0)
    bench.wait(lambda: bench.server.opening() == last, "where the motion rests")


def test_a_gripper_that_stalls_holds_something_and_is_no_problem(bench: Bench) -> None:
    bench.server.ends = True
    bench.follow(0.3)
    bench.wait(lambda: bench.output.told == "stalled: it holds something", "the result")
    bench.listeners.look()
    assert bench.listeners.complete()


def test_an_aborted_goal_is_told(bench: Bench) -> None:
    bench.server.ends, bench.server.stalled = True, False
    bench.follow(0.3)
    bench.wait(lambda: bench.output.told == "aborted", "the result")


def test_a_server_that_rejects_goals_is_told_and_asked_again(bench: Bench) -> None:
    bench.server.accepts = False
    bench.wait(lambda: not bench.output.missing(), "the server")
    bench.state = State.RUNNING
    bench.output.send(command(0.3), 0)
    bench.wait(lambda: "rejects goals" in bench.output.missing(), "the refusal")
    bench.server.accepts = True
    bench.wait(lambda: bench.server.goals and not bench.output.missing(), "the goal")


def test_a_server_that_is_not_there_is_told_by_the_listeners_and_one_that_comes_back_gets_the_goal_again(bench: Bench, kind: str) -> None:
    bench.follow(0.3)
    domain = bench.node.context.get_domain_id()
    bench.server.close()

    def missing() -> bool:
        bench.listeners.look()
        return any(f"{ACTION}: no action server of control_msgs/action/{KINDS[kind]}" in p for p in bench.listeners.problems)

    bench.wait(missing, "the complaint")
    assert not bench.listeners.complete()
    bench.let(0.2)
    bench.server = Server(domain, kind)
    bench.wait(lambda: bench.server.goals and bench.server.opening() == 0.3, "the goal again")


def test_a_stop_cancels_only_where_the_robot_file_says_measured(tmp_path: Path, ros: int, kind: str) -> None:
    bench = Bench(tmp_path, ros, kind, on_stop="measured")
    bench.follow(0.3)
    bench.wait(lambda: bench.output.told == "under way", "acceptance")
    bench.state = State.BRAKING
    bench.wait(lambda: bench.server.cancels == 1, "the cancelling")
    bench.close()
