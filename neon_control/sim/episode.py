"""One trial: a colour is spoken, and a hand has to come to the cube of that colour and stay, or put it into the tray and leave it there.

waiting --begin--> running --> success      within `RADIUS` of what is asked for, for `HOLD` seconds; of placing: placed for as long
                           --> wrong_cube   the other cube was touched before that
                           --> timeout      the task's limit has passed, see `LIMITS`
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum

LIMITS = {"reach": 12.0, "pick_place": 25.0}  # [s] from the begin of the command
WORDS = {"reach": ("reaching", "reached"), "pick_place": ("picking", "placed in the tray")}  # for people: a trial that runs, a success
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


def in_words(outcome: Outcome, task: str) -> str:
    """What people are told of a trial of a task."""
    running, success = WORDS[task]
    told = {Outcome.WAITING: "listening", Outcome.RUNNING: running, Outcome.SUCCESS: success, Outcome.TIMEOUT: "too late"}
    return told.get(outcome, "touched the wrong cube")


class Episode:
    """Scores one trial from the truth of the simulation.

    Attributes:
        target: the colour that is asked for.
        limit: [s] after which it is too late.
        outcome: where the trial stands.
        elapsed: [s] since the command began; stops when the trial is finished.
        time_to_reach: [s] from the begin of the command to the begin of the successful stay; None before.
    """

    def __init__(self, target: str, limit: float = LIMITS["reach"]) -> None:
        self.target, self.limit = target, limit
        self.outcome = Outcome.WAITING
        self.elapsed = 0.0
        self.time_to_reach: float | None = None
        self._begin = 0.0
        self._arrival: float | None = None

    def begin(self, time: float) -> None:
        """The command is spoken from `time` [s] on."""
        self.outcome, self._begin = Outcome.RUNNING, time

    def update(self, time: float, distances: Mapping[str, float], touched: Set[str]) -> Outcome:
        """Take the world at `time` [s]: colour -> `World.missing` [m], and the colours of the cubes touched since the begin."""
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
        elif self.elapsed >= self.limit:
            self.outcome = Outcome.TIMEOUT
        return self.outcome
