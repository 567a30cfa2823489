"""A world in which somebody may take over, with a virtual clock; and its commands, looked at every millisecond."""

from __future__ import annotations

import numpy as np
from test_executor import ACCELERATION, LOWER, MS, NAMES, PERIOD, UPPER, VELOCITY, World

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.command import Command

HAND = "teleop"  # the publisher


class Person(World):
    """Holds a button, and says where joints shall go; each for as long as it is set.

    Attributes:
        pressed: what is said of the button every second period; None: nothing.
        target: joint -> position [rad], said every second period.
        drive: (6,) twist, likewise; None: nothing.
    """

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__(*arguments, **settings)
        self.pressed: bool | None = None
        self.target: dict[str, float] = {}
        self.drive: np.ndarray | None = None
        self.refused: list[str] = []
        self.leaders: list[str] = []

    @property
    def takeover(self):
        return self.executor.takeover

    def step(self, count: int = 1, skipped: int = 0) -> Command | None:
        command = None
        for n in range(count):
            stalled = 0 if n else skipped
            moment = self.now + (1 + stalled) * PERIOD
            if self.ticks % 2 == 0:
                self.say(moment)
            command = super().step(1, stalled)
            self.leaders.append(self.executor.commander)
        return command

    def say(self, moment: int) -> None:
        """Everything that is set, to arrive at `moment` [ns]."""
        try:
            if self.pressed is not None:
                self.takeover.enable(self.pressed, HAND, moment)
            if self.target:
                rows = np.array([list(self.target.values())])
                self.takeover.aim(list(self.target), rows, None, 0, HAND, moment, moment)
            if self.drive is not None:
                self.takeover.drive(self.drive, 0, HAND, moment, moment)
        except ChunkError as error:
            self.refused.append(error.reason)

    def motion(self) -> np.ndarray:
        """(N, J) [rad] where a perfect controller was led, each millisecond, by the newest message that had come."""
        rows = []
        for moment, later, command in zip(self.times, self.times[1:], self.commands, strict=False):
            rows += [command.motion.at(t)[0] for t in range(moment, later, MS)]
        return np.array(rows)

    def assert_no_jump(self) -> None:
        """Seen every millisecond, the motion keeps range, velocity and acceleration, whoever leads, and is never pulled back faster."""
        rows = self.motion()
        assert (rows >= LOWER - 1e-6).all() and (rows <= UPPER + 1e-6).all()
        speeds = np.diff(rows, axis=0) * 1e3
        assert (np.abs(speeds) <= VELOCITY * 1.001).all()
        changes = np.diff(speeds, axis=0) * 1e3
        assert (np.abs(changes) <= ACCELERATION * 1.25 + 0.05).all()


def all_joints(positions: np.ndarray) -> dict[str, float]:
    """A target of all joints."""
    return dict(zip(NAMES, positions.tolist(), strict=True))
