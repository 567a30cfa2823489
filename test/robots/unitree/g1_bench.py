"""A G1's lowstate, and a driver before it, in time that the test makes. Imported with `from g1_bench import Bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.gripper import Gripper
from neon_control.core.robot.robot import ControllerConfig, Joint, Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.driver import Driver
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.motors import HAND_JOINTS, PLACES, WEIGHT
from neon_control.robots.unitree.packed import LOW_CMD, LOW_STATE, Packed
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.section import load_section
from neon_control.robots.unitree.settings import DriverSettings

BEGIN = 1_000 * NANOSECONDS
ROBOT = load_robot("g1.yaml")
ARM = ROBOT.controllers[0]


FINGERS = HAND_JOINTS["right"]
HAND_CONTROLLER = ControllerConfig("right_hand_controller", "right_hand_controller/joint_trajectory", FINGERS)


def robot_with_hand(kind: str = "hand") -> Robot:
    """A G1 with fingers at the right wrist."""
    joints = {name: Joint(name, -1.0, 1.0, -1.0, 1.0, 3.0, 20.0) for name in FINGERS}
    grippers = {"right_hand": Gripper("right_hand", kind, joints=FINGERS)}
    return replace(ROBOT, joints={**ROBOT.joints, **joints}, controllers=(*ROBOT.controllers, HAND_CONTROLLER), grippers=grippers)


@dataclass
class Bench:
    """The driver steps at its rate; before each step a lowstate arrives, unless the test keeps it back.

    The arms are where they are sent as soon as the weight is 1, unless `stuck`.
    """

    settings: DriverSettings = field(default_factory=DriverSettings)
    mode_machine: int = 5
    robot: Robot = ROBOT

    def __post_init__(self) -> None:
        self.driver = Driver(self.robot, load_section(self.robot), self.settings)
        self.now, self.period = BEGIN, round(NANOSECONDS / self.settings.rate_hz)
        self.state = LOW_STATE.make()
        self.state.fields["mode_machine"] = self.mode_machine
        self.state.fields["motor_state"]["temperature"] = 40
        self.measured[:] = 0.1
        self.silent = self.stuck = False
        self.crc: int | None = None  # instead of the right one
        self.ahead = 0  # [ns] of the clock of the commands
        self.outside: list[Problem | None] = []
        self.sent: list[Packed] = []
        self.states: list[State] = []

    @property
    def measured(self) -> np.ndarray:
        """(35,) [rad] what the robot's encoders say; may be written to."""
        return np.asarray(self.state.fields["motor_state"]["q"])

    @property
    def weights(self) -> np.ndarray:
        """(N,) of all messages."""
        return np.array([message.fields["motor_cmd"]["q"][WEIGHT] for message in self.sent])

    def q(self, joint: str) -> np.ndarray:
        """(N,) [rad] targets of a joint in all messages."""
        return np.array([message.fields["motor_cmd"]["q"][PLACES[joint]] for message in self.sent])

    def step(self, count: int = 1) -> None:
        """So many messages further."""
        for _ in range(count):
            self.now += self.period
            if not self.silent:
                self.state.fields["tick"] += 2
                self.driver.take_state(self.now, self.state.to_wire(self.crc))
            data = self.driver.step(self.now, self.outside, command_time=self.now + self.ahead)
            self.states.append(self.driver.engagement.state)
            if data is not None:
                self.sent.append(LOW_CMD.read(data))
                if not self.stuck and self.weights_now == 1.0:
                    self.measured[12:29] = self.sent[-1].fields["motor_cmd"]["q"][12:29]

    @property
    def weights_now(self) -> float:
        return float(self.sent[-1].fields["motor_cmd"]["q"][WEIGHT])

    def run(self, seconds: float) -> None:
        """The same for so long [s]."""
        self.step(round(seconds * self.settings.rate_hz))

    def engage(self) -> None:
        """Until it has the arms."""
        self.run(self.settings.settle_time + self.settings.engage_time + 0.1)
        assert self.driver.engagement.state is State.ENGAGED

    def send(self, positions: dict[str, float], seconds: float, names: Sequence[str] = ARM.joints) -> None:
        """A trajectory to the arms: named joints to positions [rad] within a time, the others stay."""
        assert self.driver.targets is not None
        here = dict(zip(self.driver.targets.joints, self.driver.targets.positions, strict=True))
        row = np.array([[positions.get(name, here[name]) for name in names]])
        self.driver.targets.accept(ARM.name, self.now + self.ahead, self.now + self.ahead, names, np.array([seconds]), row)
