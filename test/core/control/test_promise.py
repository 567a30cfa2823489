"""One motion, whatever holds the executor up, for however long: in virtual time, behind two controllers that sample every millisecond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.controllers import CommandError, JointTrajectoryController
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.promise import Motion
from neon_control.core.control.supervisor import State
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot

MS, SECOND = 1_000_000, 1_000_000_000
ROBOT = load_robot("g1.yaml")
SIDES = {"left": ROBOT.groups["left_arm"], "right": ROBOT.groups["right_arm"]}
NAMES = SIDES["left"] + SIDES["right"]
CONTROLLERS = tuple(ControllerConfig(side, f"{side}/joint_trajectory", joints) for side, joints in SIDES.items())
ROBOT = replace(ROBOT, base=None, controllers=CONTROLLERS)
LOWER, UPPER = ROBOT.limits(NAMES, "safe_lower"), ROBOT.limits(NAMES, "safe_upper")
VELOCITY, ACCELERATION = ROBOT.limits(NAMES, "max_velocity"), ROBOT.limits(NAMES, "max_acceleration")
PLACES = ("tick", "send", "outputs", "publisher")


class Stalled:
    """An executor that is held up at some places, and what two controllers make of it."""

    def __init__(self, seed: int, rate: int, from_desired_state: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.executor = MotionExecutor(ROBOT, NAMES, ExecutorSettings(rate_hz=rate, start_ramp=0.1, resume_ramp=0.1))
        self.controllers = {side: JointTrajectoryController(joints, 0.0, from_desired_state, 1e-3) for side, joints in SIDES.items()}
        self.now = self.chunk_at = 1_000_000 * SECOND
        self.period = SECOND // rate
        self.pose = 0.5 * (LOWER + UPPER)  # (J,) [rad] perfect motors
        self.history: list[np.ndarray] = []
        self.refused = 0
        for side, controller in self.controllers.items():
            controller.activate(self.pose[self.columns(side)])

    def columns(self, side: str) -> np.ndarray:
        return np.array([NAMES.index(joint) for joint in SIDES[side]])

    def wait(self, until: int) -> None:
        """Controllers go on, a cycle each millisecond."""
        while self.now < until:
            self.now += MS
            for side, controller in self.controllers.items():
                columns = self.columns(side)
                self.pose[columns] = controller.update(self.now, self.pose[columns])
            self.history.append(self.pose.copy())

    def plan(self) -> None:
        span = UPPER - LOWER
        seconds = (self.now % (1000 * SECOND)) * 1e-9 + 0.02 * np.arange(16)[:, None]
        values = 0.5 * (LOWER + UPPER) + 0.4 * span * np.sin(VELOCITY / (0.3 * span) * seconds + np.arange(len(NAMES)))
        self.executor.add_chunk(JOINTS, ActionChunk(self.now, 0.02, NAMES, values), "policy")
        self.chunk_at = self.now + 100 * MS

    def period_of_executor(self, stalls: dict[str, int]) -> None:
        """One of them, held up by `stalls` [ns] at the places named."""
        begin = self.now
        self.wait(self.now + stalls.get("tick", 0))
        if self.now >= self.chunk_at:
            self.plan()
        self.executor.add_joint_states(self.now, NAMES, self.pose)
        stalls = dict(stalls)
        for _ in range(3):
            command = self.executor.tick(self.now)
            self.wait(self.now + stalls.pop("send", 0))
            if command is None or self.send(command, stalls):
                break
        late = max(0, self.now - begin - self.period) // self.period + 1
        self.wait(begin + (late + (self.now > begin + self.period * late)) * self.period)

    def send(self, command: Command, stalls: dict[str, int]) -> bool:
        """As the node does."""
        for i, side in enumerate(SIDES):
            if i:
                self.wait(self.now + stalls.pop("outputs", 0))
            if self.now > command.latest:
                for left in list(SIDES)[i:]:
                    self.executor.withdraw(left)
                return False
            motion = command.trajectories.get(side)
            if motion is None:
                continue
            held_up = stalls.pop("publisher", 0)
            before = self.random.random() < 0.5  # the message has left before the stall
            if before:
                self.deliver(side, motion)
            begin = self.now
            self.wait(begin + held_up)
            if not before and held_up <= 15 * MS:  # what comes later is what safety.md says remains
                self.deliver(side, motion)
            if self.now - begin >= command.splice - command.latest:
                self.executor.withdraw(side, self.now)
        return True

    def deliver(self, side: str, motion: Motion) -> None:
        columns = self.columns(side)
        offsets = (motion.times - motion.times[0]) * 1e-9
        try:
            self.controllers[side].accept(
                self.now, int(motion.times[0]), SIDES[side], offsets, motion.positions[:, columns], motion.velocities[:, columns]
            )
        except CommandError:
            self.refused += 1


@pytest.mark.parametrize("from_desired_state", [False, True])
@pytest.mark.parametrize("rate", [100, 200])
@pytest.mark.parametrize("place", PLACES)
def test_wherever_the_executor_is_held_up_the_joints_keep_the_limits(place, rate, from_desired_state):
    run = Stalled(PLACES.index(place), rate, from_desired_state)
    following = 0
    for length in (5, 8, 12, 20, 30, 50, 100, 300, 1000, 5000):  # [ms]
        for _ in range(3):
            for _ in range(int(run.random.integers(60, 160))):
                run.period_of_executor({})
            following += run.executor.supervisor.state is State.RUNNING
            run.period_of_executor({place: length * MS})
    velocity = np.diff(run.history, axis=0) / 1e-3
    assert following > 10
    assert (np.abs(velocity) / VELOCITY).max() <= 1.05
    assert (np.abs(np.diff(velocity, axis=0)) / 1e-3 / ACCELERATION).max() <= 1.2
    assert (np.array(run.history) <= UPPER + 1e-6).all() and (np.array(run.history) >= LOWER - 1e-6).all()
