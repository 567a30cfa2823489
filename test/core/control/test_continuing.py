"""How set points go on after a stall, for controllers that stood still meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot

MS, SECOND = 1_000_000, 1_000_000_000
ROBOT = load_robot("g1.yaml")
SIDES = {"left": ROBOT.groups["left_arm"], "right": ROBOT.groups["right_arm"]}
NAMES = SIDES["left"] + SIDES["right"]
ROBOT = replace(
    ROBOT, base=None, controllers=tuple(ControllerConfig(s, f"{s}/commands", joints, "position") for s, joints in SIDES.items())
)
MIDDLE = 0.5 * (ROBOT.limits(NAMES, "lower") + ROBOT.limits(NAMES, "upper"))
ACCELERATION = ROBOT.limits(NAMES, "max_acceleration")
PERIOD = 10 * MS


class Moving:
    """An executor in full motion; `point` is the set point that each joint stands at."""

    def __init__(self) -> None:
        self.executor = MotionExecutor(ROBOT, NAMES, ExecutorSettings(start_ramp=0.1))
        self.now = 1_000_000 * SECOND
        self.point = MIDDLE
        for _ in range(60):
            before = self.point
            self.attempt(set(SIDES))
            self.now += PERIOD
        assert np.abs(self.point - before).max() > 0.3 * PERIOD / SECOND

    def attempt(self, sent: set[str]) -> None:
        """A tick, and who of the controllers is sent its command."""
        seconds = (self.now % (1000 * SECOND)) * 1e-9 + 0.02 * np.arange(16)[:, None]
        self.executor.add_chunk(
            JOINTS, ActionChunk(self.now, 0.02, NAMES, MIDDLE + 0.25 * np.sin(3.0 * seconds + np.arange(len(NAMES)))), "policy"
        )
        self.executor.add_joint_states(self.now, NAMES, self.point)
        command = self.executor.tick(self.now)
        points = command.motion.at(self.now + PERIOD)[0]
        for side in SIDES:
            columns = [NAMES.index(joint) for joint in SIDES[side]]
            if side in sent:
                self.point = self.point.copy()
                self.point[columns] = points[columns]
                self.executor.sent(side, self.now)
            else:
                self.executor.withdraw(side)


@pytest.mark.parametrize("others", [set(), {"left"}], ids=["nobody", "the-other"])
@pytest.mark.parametrize("attempts", [0, 1, 5, 20])
def test_after_commands_that_were_withdrawn_set_points_go_on_from_the_last_that_was_sent(attempts, others):
    """They went on from where the motion would have been: each command that was withdrawn counted as sent."""
    run = Moving()
    stood = run.point
    for _ in range(attempts):
        run.now += 18 * MS
        run.attempt(others)
    run.now += 60 * MS
    run.attempt(set(SIDES))
    right = slice(len(SIDES["left"]), None)
    gone = (run.point - stood)[right]
    assert (np.abs(gone) <= ACCELERATION[right] * 0.01**2).all(), "it stood, and is not to jump"
    for _ in range(30):
        before = run.point
        run.now += PERIOD
        run.attempt(set(SIDES))
        assert (np.abs(run.point - before) * 100.0 <= ROBOT.limits(NAMES, "max_velocity") * 1.001).all()
