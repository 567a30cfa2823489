"""Goals for a simulated gripper: an action server that does with them what ros2_control's gripper controllers do.

A goal closes or opens the gripper at its velocity and with at most the effort asked for. It ends as

    reached     within `TOLERANCE` of it
    stalled     it has not moved for `STALL_TIME`: it holds something, and goes on pressing; the goal is aborted, as theirs is by default
    cancelled   it stays where it is measured
    aborted     a newer goal has come, or a new episode begun

Everything here runs in the node's spinning thread. The package control_msgs has to be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.action.server import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.nodes.gripper_output import action_type
from neon_control.nodes.lifecycle import STEADY_CLOCK
from neon_control.sim.controllers import CommandError
from neon_control.sim.simulation import Simulation

PERIOD = 0.05  # [s] between two looks at it
TOLERANCE = 0.02  # of a joint's range
STALL_VELOCITY = 0.001  # [m/s or rad/s] below which it does not move
STALL_TIME = 1.0  # [s]


class GoalWatch:
    """Whether a gripper has come to `goal` (A,), or cannot; `tolerance` (A,)."""

    def __init__(self, now: int, goal: np.ndarray, tolerance: np.ndarray) -> None:
        self.goal, self._tolerance, self._moved = goal, tolerance, now

    def look(self, now: int, positions: np.ndarray, velocities: np.ndarray) -> str:
        """`reached`, `stalled`, or "" while it is under way; `now` in [ns], positions and velocities (A,)."""
        if (np.abs(positions - self.goal) <= self._tolerance).all():
            return "reached"
        if (np.abs(velocities) > STALL_VELOCITY).any():
            self._moved = now
        return "stalled" if now - self._moved >= STALL_TIME * NANOSECONDS else ""


class GripperServer:
    """Serves the action of one controller.

    Args:
        now: the time of the simulation's stamps [ns].

    Raises:
        ConfigError: the action's package is not installed.
    """

    def __init__(self, node: Node, robot: Robot, controller: ControllerConfig, simulation: Simulation, now: Callable[[], int]) -> None:
        self._kind, self._robot, self._controller = action_type(robot, controller), robot, controller
        self._simulation, self._now, self._node = simulation, now, node
        self._single = controller.type == "gripper_command"
        self._lower, self._upper = (robot.limits(controller.joints, field) for field in ("lower", "upper"))
        self._velocities = robot.limits(controller.joints, "max_velocity")
        self._watch: GoalWatch | None = None
        self._handle: Any = None
        self._end: Future[str] = Future()  # of the goal that is pursued
        self._server: ActionServer[Any, Any, Any] = ActionServer(
            node,
            self._kind,
            controller.topic,
            self._execute,
            goal_callback=self._asked,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        node.create_timer(PERIOD, self._look, clock=STEADY_CLOCK)

    def reset(self) -> None:
        """Another episode begins: nothing is pursued any more."""
        self._finish("aborted")

    def _read(self, command: Any) -> tuple[np.ndarray, np.ndarray, float | None]:
        """Positions and velocities (A,) of a goal, and its effort; CommandError for one that cannot be pursued."""
        if self._single:
            names, positions, velocities = self._controller.joints, [command.position], []
            efforts = [command.max_effort] if command.max_effort > 0.0 else []
        else:
            names = tuple(self._robot.wire.joints(command.name))
            positions, velocities, efforts = list(command.position), list(command.velocity), list(command.effort)
        if sorted(names) != sorted(self._controller.joints) or len(positions) != len(names) or len(velocities) not in (0, len(names)):
            raise CommandError(f"a goal needs positions of {list(self._controller.joints)}, got {len(positions)} for {list(names)}")
        order = [names.index(joint) for joint in self._controller.joints]
        goal = np.array(positions)[order]
        if not np.isfinite(goal).all() or (goal < self._lower).any() or (goal > self._upper).any():
            raise CommandError(f"a goal of {goal.tolist()} lies outside [{self._lower.tolist()}, {self._upper.tolist()}]")
        asked = np.array(velocities)[order] if velocities else self._velocities
        return goal, np.where(asked > 0.0, np.minimum(asked, self._velocities), self._velocities), min(efforts) if efforts else None

    def _asked(self, request: Any) -> GoalResponse:
        try:
            self._read(request.command)
        except CommandError as error:
            self._node.get_logger().warning(f"goal on {self._controller.topic} rejected: {error}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    async def _execute(self, handle: Any) -> Any:
        goal, velocities, effort = self._read(handle.request.command)
        self._finish("aborted")  # the one before
        self._handle, self._end = handle, Future()
        self._watch = GoalWatch(self._now(), goal, TOLERANCE * (self._upper - self._lower))
        self._simulation.grip(self._controller.name, self._now(), goal, velocities, effort)
        how = str(await self._end)
        {"reached": handle.succeed, "cancelled": handle.canceled}.get(how, handle.abort)()
        return self._result(how)

    def _result(self, how: str) -> Any:
        positions, velocities = self._simulation.measured(self._controller.name)
        result = self._kind.Result(stalled=how == "stalled", reached_goal=how == "reached")
        if self._single:
            result.position = float(positions[0])
        else:
            names = self._robot.wire.names(self._controller.joints)
            result.state = JointState(name=names, position=positions.tolist(), velocity=velocities.tolist())
        return result

    def _look(self) -> None:
        if self._watch is None:
            return
        positions, velocities = self._simulation.measured(self._controller.name)
        if self._handle.is_cancel_requested:
            self._simulation.grip(self._controller.name, self._now(), positions, self._velocities, None)
            self._finish("cancelled")
        elif how := self._watch.look(self._now(), positions, velocities):
            self._finish(how)

    def _finish(self, how: str) -> None:
        self._watch = None
        if self._handle is not None:
            told = "cancelled" if self._handle.is_cancel_requested else how  # also where something else was quicker
            self._handle = None
            self._end.set_result(told)
