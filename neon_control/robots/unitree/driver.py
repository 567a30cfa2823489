"""The driver of a G1's arms and waist, without DDS, threads and clocks: lowstate in, one message for `rt/arm_sdk` out.

What it does about everything that can be wrong is in docs/g1.md. Three things hold always: nothing is sent before lowstate was heard;
the weight changes by no more than a step from message to message; and no motor that is driven is ever told a stiffness of zero, so that the
robot does not go limp.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.robots.unitree.engagement import Engagement, State
from neon_control.robots.unitree.gravity import Gravity
from neon_control.robots.unitree.motors import ARMS, HAND_JOINTS, JOINTS, PLACES, WAIST, WEIGHT, Model
from neon_control.robots.unitree.packed import LOW_CMD
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.section import Section
from neon_control.robots.unitree.settings import DriverSettings
from neon_control.robots.unitree.state_watch import StateWatch
from neon_control.robots.unitree.targets import Targets
from neon_control.robots.unitree.tracking import Tracking

DAMPING_TIME = 0.2  # [s] in which the stiffness goes down after a tracking error
DRIVEN = 1  # a motor's mode


def arm_controllers(robot: Robot) -> tuple[ControllerConfig, ...]:
    """Controllers of the robot file whose joints `rt/arm_sdk` moves; ConfigError where one mixes them with others."""
    ours = {JOINTS[place] for place in (*WAIST, *ARMS)}
    return _controllers(robot, ours, "arms and waist")


def hand_controllers(robot: Robot, side: str) -> tuple[ControllerConfig, ...]:
    """Those whose joints are the fingers of a Dex3 hand."""
    return _controllers(robot, set(HAND_JOINTS[side]), f"the {side} hand")


def left_alone(robot: Robot) -> tuple[ControllerConfig, ...]:
    """Those that this driver does not move: legs, which balance the robot, and what it knows nothing of."""
    ours = {*arm_controllers(robot), *(c for side in HAND_JOINTS for c in hand_controllers(robot, side))}
    return tuple(controller for controller in robot.controllers if controller not in ours)


def _controllers(robot: Robot, joints: set[str], what: str) -> tuple[ControllerConfig, ...]:
    found = [controller for controller in robot.controllers if joints & set(controller.joints)]
    for controller in found:
        if others := sorted(set(controller.joints) - joints):
            raise ConfigError(f"{robot.file}: controllers.{controller.name} drives {what}, and may not drive {others}")
        if controller.type not in ("joint_trajectory", "position"):
            raise ConfigError(f"{robot.file}: controllers.{controller.name}: type {controller.type} is not for {what}")
    return tuple(found)


class Driver:
    """See the module's text.

    Attributes:
        watch: lowstate.
        engagement: who has the arms.
        targets: where the motors are sent; None until the model is known.
        controllers: those that are followed; empty until the model is known.

    Args:
        robot: its joints are those of motors.py.
        section: stiffness of the motors.
    """

    def __init__(self, robot: Robot, section: Section, settings: DriverSettings) -> None:
        self._robot, self._section, self._settings = robot, section, settings
        self._period = 1.0 / settings.rate_hz
        self._all = arm_controllers(robot)
        if not self._all:
            needed = [JOINTS[place] for place in ARMS]
            raise ConfigError(f"{robot.file}: no controller drives any of the joints of a G1's arms: {needed}")
        self.watch, self.engagement = StateWatch(settings), Engagement(settings)
        self.targets: Targets | None = None
        self.controllers: tuple[ControllerConfig, ...] = ()
        self._command = LOW_CMD.make()

    def take_state(self, now: int, data: bytes) -> bool:
        """A message of lowstate that arrived at `now` [ns]; whether it is believed."""
        believed = self.watch.take(now, data)
        if believed and self.targets is None and self.watch.model is not None:
            self._know(self.watch.model)
        return believed

    def _know(self, model: Model) -> None:
        """Which motors there are decides what can be commanded."""
        joints = [JOINTS[place] for place in (*WAIST, *ARMS) if model.has(JOINTS[place])]
        self.controllers = tuple(controller for controller in self._all if all(model.has(joint) for joint in controller.joints))
        self._places = np.array([PLACES[joint] for joint in joints])
        names = {controller.name: controller.joints for controller in self.controllers}
        self.targets = Targets(self._robot, joints, names, self._period, self._settings.cmd_timeout)
        self._tracking = Tracking(self._robot, joints, self._settings)
        self._kp, self._kd = self._section.of(joints)
        self._gravity = Gravity(self._robot, joints) if self._settings.gravity_feedforward else None
        self._stiffness, self._sent_stiffness = 1.0, 0.0  # share of kp, now and in the last message
        self._hold: np.ndarray | None = None  # (J,) [rad] where joints go after a tracking error
        motors = self._motors = self._command.fields["motor_cmd"]
        motors["mode"][self._places] = DRIVEN
        # Looking a field up costs more than writing to it.
        self._fields = {name: motors[name] for name in ("q", "dq", "tau", "kp")}  # (35,) each
        motors["kd"][self._places] = self._kd

    @property
    def without_motor(self) -> dict[str, list[str]]:
        """Controllers that are not followed because this model lacks motors, and which."""
        model = self.watch.model
        if model is None:
            return {}
        lacking = {c.name: [joint for joint in c.joints if not model.has(joint)] for c in self._all}
        return {name: joints for name, joints in lacking.items() if joints}

    @property
    def last_weight(self) -> float:
        """Of the last message."""
        return float(self._command.fields["motor_cmd"]["q"][WEIGHT])

    @property
    def measured(self) -> np.ndarray:
        """(J,) [rad] of the joints of `targets`."""
        return np.asarray(self.watch.positions[self._places])

    def problem(self, now: int, outside: Sequence[Problem | None]) -> Problem | None:
        """What is wrong at `now` [ns]; `outside`: what others have found, or None."""
        found = self.watch.problem(now)
        if found is None and not self.controllers:
            lacking = "; ".join(f"{name} needs {joints}" for name, joints in self.without_motor.items())
            found = Problem(
                "model", f"this model of {self.watch.model.name if self.watch.model else '?'} joints has no motor for: {lacking}"
            )
        if found is None and self.targets is not None and self.engagement.state is State.ENGAGED:
            found = self._tracking.problem(now, self.targets.positions, self.measured, self.engagement.weight)
        problems = [problem for problem in (found, *outside) if problem is not None]
        return next((problem for problem in problems if problem.latched), problems[0] if problems else None)

    def step(
        self, now: int, outside: Sequence[Problem | None] = (), scale: float = 1.0, command_time: int | None = None, periods: int = 1
    ) -> bytes | None:
        """One message further, at `now` [ns] of the clock of `take_state`: what is to be sent, or None.

        Args:
            outside: what is wrong beside lowstate and tracking.
            scale: of the arms' velocity limit.
            command_time: [ns] the same instant on the clock of the trajectories' stamps, which may be set; None: the same clock.
            periods: that have passed since the last message.
        """
        before = self.engagement.state
        if not self._take_over(now, outside):
            self.engagement.step(self.problem(now, outside), periods)
        state, targets = self.engagement.state, self.targets
        if targets is None or not self.engagement.sending:
            return None
        if before is not state:
            self._enter(state, targets)
        if state is State.ENGAGED:
            targets.follow(now if command_time is None else command_time, self.measured, self.watch.velocities[self._places], scale)
        elif self._hold is not None:
            targets.approach(self._hold)
        else:
            targets.brake()
        if self._hold is not None:
            share = self._settings.damping_share
            self._stiffness = max(share, self._stiffness - (1.0 - share) * self._period / DAMPING_TIME)
        return self._pack(targets)

    def _take_over(self, now: int, outside: Sequence[Problem | None]) -> bool:
        """Begin to lower the weight that a predecessor left, as soon as the robot is heard and hears us; whether that was now."""
        if not self.engagement.left:
            return False
        found = {problem.cause: problem for problem in outside if problem is not None}
        if "writers" in found and found["writers"].latched:  # it is somebody else's now
            self.engagement.inherit(0.0)
        if self.targets is None or "listener" in found or self.watch.problem(now) is not None or not self.engagement.take_over():
            return False
        self.targets.anchor(self.measured)
        return True

    def _enter(self, state: State, targets: Targets) -> None:
        if state is State.ENGAGING:
            targets.anchor(self.measured)
            self._tracking.reset()
            self._stiffness, self._hold = 1.0, None
        elif state is State.ENGAGED:
            targets.listen()
        elif state is State.RELEASING:
            targets.ignore()
            if self.engagement.problem is not None and self.engagement.problem.damping:
                self._hold = self.measured.copy()

    def _pack(self, targets: Targets) -> bytes:
        command, fields, places, message = self._command.fields, self._fields, self._places, self.watch.message
        if message is not None:
            command["mode_pr"], command["mode_machine"] = message.fields["mode_pr"], message.fields["mode_machine"]
        fields["q"][places] = targets.positions
        if self._settings.velocity_feedforward:
            fields["dq"][places] = targets.velocities
        if self._stiffness != self._sent_stiffness:
            self._sent_stiffness = self._stiffness
            fields["kp"][places] = self._kp * self._stiffness
        if self._gravity is not None and message is not None:
            torques = self._gravity.torques(self.watch.positions, message.fields["imu_state"]["quaternion"].astype(np.float64))
            fields["tau"][places] = self._settings.gravity_feedforward * torques
        fields["q"][WEIGHT] = self.engagement.weight
        return self._command.to_wire()

    def last_resort(self) -> bytes | None:
        """After a defect, instead of `step`: the last message again with the weight one step lower; None once it was 0.

        It asks nothing of the objects that may have failed.
        """
        if self.targets is None or not self.engagement.sending:
            return None
        was = self.last_weight
        if was <= 0.0:
            return None
        self._motors["dq"] = 0.0
        self._motors["q"][WEIGHT] = max(0.0, was - self._period / self._settings.release_time)
        return self._command.to_wire()

    def restart(self) -> None:
        """Begin anew, as after a start: nothing is known of the robot, and what was wrong was looked at."""
        self.watch.reset()
        self.targets, self.controllers = None, ()
        self.engagement = Engagement(self._settings)
        self._command = LOW_CMD.make()

    def engage(self) -> None:
        """Take the arms (again); whoever calls this has looked what was wrong. What lowstate says is learnt anew, also the model."""
        if not self.engagement.sending:
            self.restart()
        self.engagement.engage()
