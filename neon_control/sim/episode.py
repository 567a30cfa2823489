"""One trial: a colour is spoken, and a hand has to come to the cube of that colour and stay.

waiting --begin--> running --> success      within `RADIUS` for `HOLD` seconds
                           --> wrong_cube   the other cube was touched before that
                           --> timeout      `LIMIT` seconds passed
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum

LIMIT = 12.0  # [s] from the begin of the command
RADIUS = 0.05  # [m] from a fingertip to the cube
HOLD = 0.5  # [s] without a break


class Outcome(str, Enum):
    """Where a trial stands; equal to its name in the simulation's truth."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    WRONG_CUBE = "wrong_cube"
    TIMEOUT = "timeout"


FINISHED = (Outcome.SUCCESS, Outcome.WRONG_CUBE, Outcome.TIMEOUT)


class Episode:
    """Scores one trial from the truth of the simulation.

    Attributes:
        target: the colour that is asked for.
        outcome: where the trial stands.
        elapsed: [s] since the command began; stops when the trial is finished.
        time_to_reach: [s] from the begin of the command to the begin of the successful stay; None before.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.outcome = Outcome.WAITING
        self.elapsed = 0.0
        self.time_to_reach: float | None = None
        self._begin = 0.0
        self._arrival: float | None = None

    def begin(self, time: float) -> None:
        """The command is spoken from `time` [s] on."""
        self.outcome, self._begin = Outcome.RUNNING, time

    def update(self, time: float, distances: Mapping[str, float], touched: Set[str]) -> Outcome:
        """Take the world at `time` [s]: colour -> distance of the nearer hand [m], and the colours of the cubes touched since the begin."""
        if self.outcome is not Outcome.RUNNING:
            return self.outcome
        self.elapsed = time - self._begin
        if distances[self.target] > RADIUS:
            self._arrival = None
        elif self._arrival is None:
            self._arrival = time
        if touched - {self.target}:
            self.outcome = Outcome.WRONG_CUBE
        elif self._arrival is not None and time - self._arrival >= HOLD - 1e-9:
            self.outcome, self.time_to_reach = Outcome.SUCCESS, self._arrival - self._begin
        elif self.elapsed >= LIMIT:
            self.outcome = Outcome.TIMEOUT
        return self.outcome
