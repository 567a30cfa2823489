"""The robot's sport service: its state machine, and where it walks. Numbers of interfaces and codes are Unitree's.

| state | name        | from it one may go to |
|-------|-------------|-----------------------|
| 0     | zero torque | 1                     |
| 1     | damp        | 0, 4                  |
| 4     | stand up    | 0, 1, 500             |
| 500   | walk        | 0, 1, 4               |

Which way is refused on the robot is a guess; the others' states (squat, sit, run) are not there, and refused as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS

ZERO_TORQUE, DAMP, STAND_UP, WALK = 0, 1, 4, 500
STANDING = (STAND_UP, WALK)
WAYS = {ZERO_TORQUE: (DAMP,), DAMP: (ZERO_TORQUE, STAND_UP), STAND_UP: (ZERO_TORQUE, DAMP, WALK), WALK: (ZERO_TORQUE, DAMP, STAND_UP)}
STANDING_UP = 2.0  # [s]
GET_STATE, GET_BALANCE_MODE, GET_STAND_HEIGHT = 7001, 7003, 7005
SET_STATE, SET_BALANCE_MODE, SET_STAND_HEIGHT, SET_VELOCITY = 7101, 7102, 7104, 7105
WELL, NOT_AVAILABLE, INVALID_STATE, NOT_IMPLEMENTED, WRONG_PARAMETER = 0, 7301, 7302, 3203, 3204
MAX_VELOCITY = np.array([1.0, 0.5, 1.5])  # [m/s, m/s, rad/s] more is cut off
MAX_ACCELERATION = np.array([3.0, 3.0, 6.0])  # [m/s^2, m/s^2, rad/s^2] with which it walks off and stops


class Sport:
    """Attributes:
    state: of the state machine.
    velocity: (3,) forward, left, turning [m/s, m/s, rad/s], as it walks now.
    """

    def __init__(self, state: int = WALK) -> None:
        self._first = self.state = state
        self.velocity = np.zeros(3)
        self._standing_up = 0  # [ns] until when
        self._wanted, self._until = np.zeros(3), 0  # [ns]
        self._balance_mode, self._stand_height = 0.0, 0.0
        self._interfaces: dict[int, Callable[[int, Any], tuple[int, Any]]] = {
            GET_STATE: lambda now, given: (WELL, self.state),
            GET_BALANCE_MODE: lambda now, given: (WELL, self._balance_mode),
            GET_STAND_HEIGHT: lambda now, given: (WELL, self._stand_height),
            SET_STATE: self._set_state,
            SET_BALANCE_MODE: self._set_balance_mode,
            SET_STAND_HEIGHT: self._set_stand_height,
            SET_VELOCITY: self._set_velocity,
        }

    def request(self, now: int, interface: int, parameter: str) -> tuple[int, str]:
        """The answer to a request that arrives at `now` [ns]: its code and data (JSON, empty without)."""
        answer = self._interfaces.get(interface)
        if answer is None:
            return NOT_IMPLEMENTED, ""
        try:
            code, data = answer(now, json.loads(parameter) if parameter else {})
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return WRONG_PARAMETER, ""
        return code, "" if data is None else json.dumps({"data": data})

    def enter(self, state: int) -> None:
        """Go to a state whatever the way, as the robot does by itself when something is wrong."""
        self.state = state
        if state != WALK:
            self._until = 0

    def stand(self) -> None:
        """Somebody has put the robot somewhere, in the state in which it began."""
        self.state, self.velocity, self._until = self._first, np.zeros(3), 0

    def _set_state(self, now: int, given: Any) -> tuple[int, None]:
        state = int(given["data"])
        if state not in WAYS:
            return INVALID_STATE, None
        if state != self.state and (state not in WAYS[self.state] or (state == WALK and now < self._standing_up)):
            return NOT_AVAILABLE, None
        if state == STAND_UP and self.state == DAMP:
            self._standing_up = now + round(STANDING_UP * NANOSECONDS)
        self.enter(state)
        return WELL, None

    def _set_balance_mode(self, now: int, given: Any) -> tuple[int, None]:
        self._balance_mode = float(given["data"])
        return (WELL if self.state in STANDING else NOT_AVAILABLE), None

    def _set_stand_height(self, now: int, given: Any) -> tuple[int, None]:
        self._stand_height = float(given["data"])
        return (WELL if self.state in STANDING else NOT_AVAILABLE), None

    def _set_velocity(self, now: int, given: Any) -> tuple[int, None]:
        velocity, duration = np.array([float(v) for v in given["velocity"]]), float(given.get("duration", 1.0))
        if velocity.shape != (3,) or not np.isfinite([*velocity, duration]).all():
            raise ValueError
        if self.state != WALK:
            return NOT_AVAILABLE, None
        self._wanted = np.clip(velocity, -MAX_VELOCITY, MAX_VELOCITY)
        self._until = now + round(duration * NANOSECONDS)
        return WELL, None

    def walk(self, now: int, seconds: float) -> np.ndarray:
        """(3,) Velocity after `seconds` more: towards what was asked for until its duration is over, then to a stop."""
        moves = now < self._until
        if not moves and not self.velocity.any():
            return self.velocity
        wanted = self._wanted if moves else np.zeros(3)
        step = MAX_ACCELERATION * seconds
        self.velocity = self.velocity + np.clip(wanted - self.velocity, -step, step)
        return self.velocity
