"""Grippers that are sent goals of an action, not a stream of messages.

| controller type            | action                              | goal                                                       |
|----------------------------|-------------------------------------|------------------------------------------------------------|
| `gripper_command`          | control_msgs/GripperCommand         | position and `max_effort` of one joint                     |
| `parallel_gripper_command` | control_msgs/ParallelGripperCommand | positions, largest velocities and efforts, with the joints' names |

A goal is where the executor's motion comes to rest, so it passed the limits like every command. It is looked at `goal_rate` times a second,
and sent if it differs from the newest goal by `goal_change`, or by anything once it stands still. A server that has gone and come back is
sent it again. That the gripper stalls is no fault: it holds something. A goal stays when the executor stops; it is cancelled only where
the robot file says `on_stop: measured`. Everything here runs in the node's spinning thread, only `send` in the control thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.action.client import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.command import Command
from neon_control.core.control.supervisor import FOLLOWING, State
from neon_control.core.robot.gripper import Gripper
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.nodes.lifecycle import STEADY_CLOCK

PACKAGE = "control_msgs"
NAMES = {"gripper_command": "GripperCommand", "parallel_gripper_command": "ParallelGripperCommand"}
SHARE = 0.01  # of a joint's range: the change that is worth a goal
UNANSWERED = 1.0  # [s] after which a goal that the server neither accepts nor rejects is sent again


class GoalPacer:
    """Which openings (A,) are worth a goal, `change` (A,) being the least difference while the motion goes on."""

    def __init__(self, change: np.ndarray) -> None:
        self._change = change
        self._newest: np.ndarray | None = None
        self._seen: np.ndarray | None = None

    def next(self, wanted: np.ndarray) -> np.ndarray | None:
        """What is to be sent now that the motion leads to `wanted` (A,); None: nothing."""
        rests, self._seen = self._seen is not None and np.array_equal(wanted, self._seen), wanted
        if self._newest is not None:
            off = np.abs(wanted - self._newest)
            if not off.any() or not (rests or (off >= self._change).any()):
                return None
        self._newest = wanted
        return wanted

    def forget(self) -> None:
        """The newest goal is not pursued: whatever is wanted next is sent."""
        self._newest = None


class GripperOutput:
    """Goals for one controller.

    Args:
        columns: (A,) its joints' places in a command.
        state: the executor's, looked at `goal_rate` times a second.

    Attributes:
        told: what became of the newest goal, in words.

    Raises:
        ConfigError: the action's package is not installed.
    """

    def __init__(self, node: Node, robot: Robot, controller: ControllerConfig, columns: np.ndarray, state: Callable[[], State]) -> None:
        self.controller, self._joints, self._columns = controller.name, robot.wire.names(controller.joints), columns
        self._gripper = next(g for g in robot.grippers.values() if set(controller.joints) <= set(g.joints))
        self._action, self._kind, self._state = controller.topic, action_type(robot, controller), state
        self._velocities = robot.limits(controller.joints, "max_velocity").tolist()
        ranges = robot.limits(controller.joints, "upper") - robot.limits(controller.joints, "lower")
        given = self._gripper.goal_change
        self._pacer = GoalPacer(SHARE * ranges if given is None else np.full(len(columns), given))
        self._goal = single_goal if controller.type == "gripper_command" else named_goal
        self._node = node
        self._client: ActionClient[Any, Any, Any] = ActionClient(node, self._kind, controller.topic)
        self.told = "no goal yet"
        self._refused = ""
        self._wanted: np.ndarray | None = None  # (A,) as of the newest command
        self._follows = self._begun = False  # the policy; since the activation
        self._handle: Any = None  # of the newest goal, while it is pursued
        self._number, self._waits = 0, 0  # of the newest goal; looks until it counts as lost
        self._patience = max(1, round(UNANSWERED * self._gripper.goal_rate))
        node.create_timer(1.0 / self._gripper.goal_rate, self._look, clock=STEADY_CLOCK)

    def send(self, command: Command, now: int) -> None:
        """Note where the motion leads, for the next look."""
        self._wanted = command.motion.positions[-1, self._columns]

    def missing(self) -> str:
        """Why nobody acts on the goals; empty: somebody does."""
        if self._client.server_is_ready():
            return self._refused
        return f"{self._action}: no action server of {PACKAGE}/action/{self._kind.__name__}"

    def _look(self) -> None:
        state, followed = self._state(), self._follows
        self._follows = state in FOLLOWING
        self._begun = (self._begun or self._follows) and state not in (State.WAITING, State.STOPPED)
        if not self._client.server_is_ready():
            self._forget()  # who comes back knows nothing of it
            return
        if followed and not self._follows and self._gripper.on_stop == "measured" and self._handle is not None:
            self._handle.cancel_goal_async()
        self._waits = max(0, self._waits - 1)
        # Before the policy is followed, the motion stands where the gripper is measured: such a goal would let go of what it holds.
        if not self._begun or self._wanted is None or self._waits:
            return
        wanted = self._pacer.next(self._wanted)
        if wanted is not None:
            self._number, self._waits, self.told = self._number + 1, self._patience, "sent"
            goal = self._goal(self._kind, self._joints, wanted, self._velocities, self._gripper)
            number = self._number
            self._client.send_goal_async(goal).add_done_callback(lambda future: self._answered(number, future))

    def _answered(self, number: int, future: Any) -> None:
        if number != self._number:
            return
        self._waits = 0
        handle = future.result()
        if not handle.accepted:
            self._forget()
            self.told = "rejected"
            self._refused = f"{self._action}: the server rejects goals"
            return
        self._handle, self.told, self._refused = handle, "under way", ""
        handle.get_result_async().add_done_callback(lambda result: self._ended(number, result))

    def _ended(self, number: int, future: Any) -> None:
        if number != self._number:
            return  # taken back by a newer one
        self._handle = None
        status, result = future.result().status, future.result().result
        if result.reached_goal:
            self.told = "reached"
        elif result.stalled:
            self.told = "stalled: it holds something"
        else:
            self.told = {GoalStatus.STATUS_CANCELED: "cancelled", GoalStatus.STATUS_ABORTED: "aborted"}.get(status, "ended, not reached")
        if status == GoalStatus.STATUS_ABORTED and not result.stalled:
            self._node.get_logger().warning(f"{self.controller}: {self._action} aborted the goal")

    def _forget(self) -> None:
        self._pacer.forget()
        self._handle, self._number, self._waits = None, self._number + 1, 0


def action_type(robot: Robot, controller: ControllerConfig) -> Any:
    """The class of a controller's action; imported only here, since robots without such a controller do not need the package."""
    name = NAMES[controller.type]
    try:
        return getattr(importlib.import_module(f"{PACKAGE}.action"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{robot.file}: controllers.{controller.name}: type {controller.type} needs the action {name} of the ROS package {PACKAGE}, "
            f"which is not installed ({error}); sudo apt install ros-$ROS_DISTRO-control-msgs"
        ) from error


def single_goal(kind: Any, joints: Sequence[str], wanted: np.ndarray, velocities: list[float], gripper: Gripper) -> Any:
    """GripperCommand: of one joint; an effort of 0 leaves it to the server."""
    goal = kind.Goal()
    goal.command.position, goal.command.max_effort = float(wanted[0]), gripper.max_effort or 0.0
    return goal


def named_goal(kind: Any, joints: Sequence[str], wanted: np.ndarray, velocities: list[float], gripper: Gripper) -> Any:
    """ParallelGripperCommand: of several joints by their names."""
    effort = [] if gripper.max_effort is None else [gripper.max_effort] * len(joints)
    return kind.Goal(command=JointState(name=list(joints), position=wanted.tolist(), velocity=velocities, effort=effort))
