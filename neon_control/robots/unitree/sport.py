"""The robot's sport service: what is asked of it, what it answered, and what may be asked when.

Requests are numbers and JSON; node.py makes messages of them. The state of the robot's own machine is asked for twice a second (7001), for
nothing else tells whether it stands.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.settings import DAMP, STAND_UP, START, DriverSettings

GET_STATE, SET_STATE, SET_VELOCITY = 7001, 7101, 7105
CODES = {0: "well", 3203: "not implemented", 7301: "no state of locomotion", 7302: "no such state", 7303: "no such task"}
ASK_EVERY = NANOSECONDS // 2  # [ns]
NAMES = {STAND_UP: "stand_up", DAMP: "damp", START: "start"}
# From which states of the robot's machine a command may be given: a robot that walks falls when its legs are damped or locked.
ALLOWED_FROM: dict[int, tuple[int, ...]] = {STAND_UP: (DAMP,), START: (STAND_UP,), DAMP: (0, DAMP, STAND_UP)}


class Call(NamedTuple):
    """A request to be sent."""

    id: int
    api: int
    parameter: str  # JSON


class Answer(NamedTuple):
    """What came back."""

    id: int
    api: int
    code: int
    data: str  # JSON


class Sport:
    """One client of the service.

    Attributes:
        state: of the robot's machine, None while it is not known.
        refused: answers with an error by code.

    Args:
        first_id: requests are numbered from here; two clients may not use the same numbers.
    """

    def __init__(self, settings: DriverSettings, first_id: int) -> None:
        self._settings, self._next = settings, first_id
        self.state: int | None = None
        self.refused: dict[int, int] = {}
        self._told: int | None = None  # [ns] when the state was
        self._asked: int | None = None  # [ns]
        self._ours: dict[int, int] = {}  # id -> api, of requests without an answer

    def _call(self, api: int, **parameter: object) -> Call:
        call = Call(self._next, api, json.dumps(parameter) if parameter else "{}")
        self._next += 1
        self._ours[call.id] = api
        while len(self._ours) > 64:  # whose answers were lost
            del self._ours[next(iter(self._ours))]
        return call

    def ask(self, now: int) -> Call | None:
        """The question for the state, when it is due at `now` [ns]."""
        if self._asked is not None and now - self._asked < ASK_EVERY:
            return None
        self._asked = now
        return self._call(GET_STATE)

    def set_state(self, state: int) -> Call:
        """Ask the robot's machine for another state; see `refusal`."""
        self._asked = None  # see at once what became of it
        return self._call(SET_STATE, data=state)

    def velocity(self, velocity: Sequence[float], duration: float) -> Call:
        """Ask for a velocity [m/s, m/s, rad/s] for `duration` [s], after which the robot stops by itself."""
        return self._call(SET_VELOCITY, velocity=[round(float(v), 4) for v in velocity], duration=round(duration, 3))

    def answer(self, now: int, answer: Answer) -> bool:
        """Take an answer that arrived at `now` [ns]; whether it is one to this client."""
        if self._ours.pop(answer.id, None) is None:
            return False
        if answer.code:
            self.refused[answer.code] = self.refused.get(answer.code, 0) + 1
        elif answer.api == GET_STATE and (state := _number(answer.data)) is not None:
            self.state, self._told = state, now
        return True

    def problem(self, now: int) -> Problem | None:
        """Whether the robot does not stand, or does not say so."""
        if not self._settings.require_standing:
            return None
        if self._told is None or (now - self._told) / NANOSECONDS > self._settings.mode_timeout:
            codes = ", ".join(f"{code} ({CODES.get(code, 'unknown')})" for code in self.refused) or "no answer"
            return Problem("not_standing", f"the sport service does not say whether the robot stands: {codes}; see require_standing")
        if self.state not in self._settings.standing_states:
            needed = list(self._settings.standing_states)
            return Problem("not_standing", f"the robot's machine is in state {self.state}, and stands in {needed}")
        return None

    def walks(self) -> bool:
        """Whether the robot takes velocities; unknown counts as yes where nobody has to know whether it stands."""
        return self.state in self._settings.walking_states or (self.state is None and not self._settings.require_standing)

    def refusal(self, state: int, weight: float) -> str:
        """Why the robot may not be asked for a state now; empty where it may."""
        if weight > 0.0:
            return f"the arms are ours (weight {weight:.2f}): call ~/release first"
        if self.state is None:
            return "the state of the robot's machine is not known: the sport service has not answered"
        allowed = ALLOWED_FROM[state]
        if self.state not in allowed:
            return f"the robot's machine is in state {self.state}; {NAMES[state]} is for {list(allowed)} only, in others it may fall"
        return ""


def _number(data: str) -> int | None:
    """The `data` of an answer: {"data": 500}."""
    try:
        value = json.loads(data)["data"]
        return int(value) if math.isfinite(float(value)) else None
    except (ValueError, TypeError, KeyError):
        return None
