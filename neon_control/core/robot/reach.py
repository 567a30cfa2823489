"""Joint positions that bring a hand to a pose: inverse kinematics by damped least squares, within the joints' limits.

From where the joints are, each round goes by dq = J^T (J J^T + m I)^-1 e, with e the error of place and turning, and m = |e|^2 / 2 plus a
little: far off and beside a singular pose the rounds are short, close by they are Newton's (Sugihara, "Solvability-unconcerned inverse
kinematics by the Levenberg-Marquardt method", 2011). A joint that a round would take beyond its limit stays there, and the others go on
without it. The way is followed from where the arm is, so that it never jumps to another bend of the elbow; of a pose that is out of reach
the nearest one is found, and how far off it is.

The arithmetic of one arm is small: a solver of quadratic programmes and a second model of the robot, which `mink` brings with it (MuJoCo),
would be more than all else that the page needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.kinematics import Kinematics, quaternions
from neon_control.core.robot.robot import Robot

LENGTH = 0.2  # [m] whose error counts as much as one of 1 rad: an arm that cannot have both has the place rather than the turning
ROUNDS = 5  # at most, of one call: who asks again goes on from there
DAMPING = 1e-4  # [m^2] at the goal
STILL = 2e-3  # [rad], [m] a round of less changes nothing
CLOSE = 1e-4  # [m], [rad * LENGTH] of error at which it is there


@dataclass(frozen=True)
class Reached:
    """What was found."""

    positions: dict[str, float]  # joint -> [rad] or [m]
    off: float  # [m] from the hand to where it was to be, once the joints are there
    turned: float  # [rad] likewise
    settled: bool  # whether more rounds would change nothing: what is off then is out of reach


class Reach:
    """Of the link `hand`, by the joints `names`."""

    def __init__(self, robot: Robot, kinematics: Kinematics, hand: str, names: Sequence[str]) -> None:
        self._kinematics, self._hand, self.names = kinematics, hand, tuple(names)
        self._lower, self._upper = (robot.limits(self.names, f"safe_{end}") for end in ("lower", "upper"))

    def pose(self, positions: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Place (3,) [m] and rotation (3, 3) of the hand in the root link."""
        places, rotations = self._kinematics.poses([self._hand], positions)
        return places[0, 0], rotations[0, 0]

    def towards(self, positions: Mapping[str, float], place: np.ndarray, rotation: np.ndarray) -> Reached:
        """The way of the joints from `positions`, which name the whole robot, to a pose as of `pose`; other joints stay."""
        q = np.clip([positions.get(name, 0.0) for name in self.names], self._lower, self._upper)  # (J,)
        known, settled = dict(positions), True
        for number in range(ROUNDS + 1):
            known |= dict(zip(self.names, q.tolist(), strict=True))
            here, facing = self.pose(known)
            error = np.concatenate([place - here, LENGTH * _turn(rotation @ facing.T)])  # (6,) [m]
            if number == ROUNDS or np.abs(error).max() < CLOSE:
                break
            jacobian = self._kinematics.jacobian(self._hand, self.names, known)
            jacobian[3:] *= LENGTH
            before, q = q, self._step(q, jacobian, error)
            settled = bool(np.abs(q - before).max() < STILL)
        off, turned = float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:])) / LENGTH
        return Reached(dict(zip(self.names, q.tolist(), strict=True)), off, turned, settled)

    def _step(self, q: np.ndarray, jacobian: np.ndarray, error: np.ndarray) -> np.ndarray:
        """The joints after one round; those that meet a limit stay there."""
        free = np.ones(len(q), dtype=bool)
        damping = 0.5 * float(error @ error) + DAMPING
        while True:
            part = jacobian[:, free]  # (6, F)
            step = np.zeros(len(q))
            step[free] = part.T @ np.linalg.solve(part @ part.T + damping * np.eye(6), error)
            beyond = free & ((q + step < self._lower) & (q <= self._lower) | (q + step > self._upper) & (q >= self._upper))
            if not beyond.any():
                return np.clip(q + step, self._lower, self._upper)
            free &= ~beyond


def _turn(rotation: np.ndarray) -> np.ndarray:
    """(3,) [rad] the axis of a rotation (3, 3), as long as its angle."""
    x, y, z, w = quaternions(rotation[None])[0]
    vector, sign = np.array([x, y, z]), -1.0 if w < 0.0 else 1.0
    sine = float(np.linalg.norm(vector))
    return sign * vector * (2.0 * np.arctan2(sine, abs(w)) / sine if sine > 1e-9 else 2.0)
