"""Where a set of joints is sent next: by trajectories, within limits, or to rest.

The limits are the executor's, and hold here once more, from one message to the next: a trajectory of somebody else, or one that came late,
moves no joint out of its range, and none faster than it may be. What begins outside its range is not pulled in, and goes no further out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neon_control.core.common.errors import NeonControlError
from neon_control.core.control.controllers import JointTrajectoryController
from neon_control.core.robot.robot import Robot

HELD_VELOCITY, HELD_ACCELERATION = 1.0, 5.0  # [rad/s], [rad/s^2] of joints that no controller moves
_ROUNDING = 1e-6  # relative: a limit that is met exactly has not bitten


class Targets:
    """J joints.

    Attributes:
        positions: (J,) [rad] of the last message.
        velocities: (J,) [rad/s] at which they move.
        limited: (J,) how often a limit held a joint back.

    Args:
        joints: their names, in the order of every (J,) vector here.
        controllers: name -> joints, of those that may move them; others are held.
        period: [s] from one message to the next.
    """

    def __init__(
        self, robot: Robot, joints: Sequence[str], controllers: Mapping[str, Sequence[str]], period: float, cmd_timeout: float = 0.0
    ) -> None:
        self.joints, self._period = tuple(joints), period
        held = np.array([joint not in robot.joints for joint in joints])
        known = tuple(joint for joint in joints if joint in robot.joints)

        def limits(field: str, otherwise: float) -> np.ndarray:
            values = np.full(len(joints), otherwise)
            values[~held] = robot.limits(known, field)
            return values

        self._lower, self._upper = limits("safe_lower", -np.inf), limits("safe_upper", np.inf)
        self._max_step = limits("max_velocity", HELD_VELOCITY) * period
        self._max_change = limits("max_acceleration", HELD_ACCELERATION) * period
        self._followers = {name: JointTrajectoryController(names, cmd_timeout, period=period) for name, names in controllers.items()}
        self._columns = {name: np.array([self.joints.index(joint) for joint in names]) for name, names in controllers.items()}
        self.limited = np.zeros(len(joints), dtype=np.int64)
        self.anchor(np.zeros(len(joints)))

    @property
    def rests(self) -> bool:
        """Whether nothing moves."""
        return not self.velocities.any()

    def anchor(self, measured: np.ndarray) -> None:
        """Begin at `measured` (J,) [rad], at rest; trajectories are not followed."""
        self.positions, self.velocities = measured.copy(), np.zeros(len(measured))
        self.ignore()

    def listen(self) -> None:
        """Follow trajectories from now on; until one comes, hold what is commanded."""
        for name, follower in self._followers.items():
            follower.activate(self.positions[self._columns[name]])

    def ignore(self) -> None:
        """Follow none, and forget what was sent."""
        for follower in self._followers.values():
            follower.deactivate()

    def accept(self, controller: str, now: int, stamp: int, names: Sequence[str], *tables: np.ndarray | None) -> None:
        """A trajectory arrives; arguments and CommandError as of `JointTrajectoryController.accept`."""
        if controller not in self._followers:
            raise NeonControlError(f"no controller {controller}; there are {sorted(self._followers)}")
        self._followers[controller].accept(now, stamp, names, *tables)  # type: ignore[arg-type]

    def follow(self, now: int, measured: np.ndarray, measured_velocities: np.ndarray, scale: float = 1.0) -> None:
        """One message further along the trajectories, at `now` [ns]; `scale` is of the velocity limit."""
        target = self.positions.copy()
        for name, follower in self._followers.items():
            columns = self._columns[name]
            set_point = follower.update(now, measured[columns], measured_velocities[columns])
            if set_point is not None:
                target[columns] = set_point
        self.approach(target, scale)

    def approach(self, target: np.ndarray, scale: float = 1.0) -> None:
        """One message nearer to `target` (J,) [rad], no faster than the velocity limit allows."""
        here, most = self.positions, self._max_step * scale
        inside = np.minimum(np.maximum(target, np.minimum(self._lower, here)), np.maximum(self._upper, here))
        step = np.minimum(np.maximum(inside - here, -most), most)
        self.limited += np.abs(target - here - step) > _ROUNDING * self._max_step
        self.positions, self.velocities = here + step, step / self._period

    def brake(self) -> None:
        """One message further on the shortest way to rest."""
        here, velocities = self.positions, self.velocities
        velocities = velocities - np.minimum(np.maximum(velocities, -self._max_change), self._max_change)
        there = here + velocities * self._period
        self.positions = np.minimum(np.maximum(there, np.minimum(self._lower, here)), np.maximum(self._upper, here))
        self.velocities = np.where(self.positions == there, velocities, 0.0)
