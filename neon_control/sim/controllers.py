"""What stands between topics and motors on a real robot: a joint trajectory controller and a velocity base, with their time-outs.

They behave like ros2_control's joint_trajectory_controller (JTC) and diff_drive_controller where a client can tell the
difference, so that commands which work here work there. Times are integer nanoseconds of one clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.sim.trajectory import Point, Trajectory

CONTROLLER_PERIOD = 0.005  # [s]


class CommandError(NeonControlError):
    """A command was refused, as the real controller would refuse it; the last accepted one stays in force."""


class JointTrajectoryController:
    """Follows trajectories of positions, and of velocities and accelerations where given.

    It works in cycles. In the one at time t it samples its trajectory at t + T, T being its nominal period, and this set point goes
    to the motors. Three habits of the real controller matter to whoever sends it a stream of trajectories:

    (a) it remembers its last set point as what it commanded at t, although it is meant for t + T;
    (b) a message is picked up in the first cycle after its arrival, replaces the trajectory before it whole, and starts there
        and then if its stamp is zero; with a stamp, its points are due at stamp + time_from_start;
    (c) until the first point is due, the way there starts from the pose *measured* when it was picked up, however far it lags behind,
        or with `from_desired_state` from (a). If the first point is due already, neither plays a part.

    It is born inactive: nothing drives the motors, and what arrives is ignored. Once active it holds the pose measured then.

    Args:
        joint_names: the J joints, in the order of every (J,) vector here.
        cmd_timeout: [s] after the end of the last trajectory the *measured* pose is held; 0 never gives up the last point (JTC's default).
        from_desired_state: JTC's `interpolate_from_desired_state`, and its default.
        period: [s] T, of the controller manager.
    """

    def __init__(
        self, joint_names: Sequence[str], cmd_timeout: float = 0.0, from_desired_state: bool = False, period: float = CONTROLLER_PERIOD
    ) -> None:
        self.joint_names = tuple(joint_names)
        self.from_desired_state = from_desired_state
        self._cmd_timeout, self._period = round(cmd_timeout * NANOSECONDS), round(period * NANOSECONDS)
        self._trajectory: Trajectory | None = None  # None while inactive
        self._holding = False  # the measured pose, since the activation or the time-out
        self._arrived: tuple[int, np.ndarray, list[Point]] | None = None  # stamp, offsets and points [ns] of what the next cycle picks up
        self._commanded: tuple[int, Point] | None = None  # (a)

    @property
    def active(self) -> bool:
        """Whether it drives the motors."""
        return self._trajectory is not None

    def activate(self, measured: np.ndarray) -> None:
        """Drive the motors from the next cycle on: hold `measured` (J,) [rad] until a trajectory comes."""
        self._arrived = self._commanded = None
        self._hold(measured)

    @property
    def set_point(self) -> np.ndarray | None:
        """(J,) [rad] what it commanded last; None since the activation."""
        return None if self._commanded is None else self._commanded[1].positions

    def deactivate(self) -> None:
        """Leave the motors alone, and forget what was sent."""
        self._trajectory = self._arrived = None

    def _hold(self, measured: np.ndarray) -> None:
        self._trajectory, self._holding = Trajectory(np.zeros(1, np.int64), [Point(measured.copy())]), True

    def accept(
        self,
        now: int,
        stamp: int,
        names: Sequence[str],
        offsets: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None = None,
        accelerations: np.ndarray | None = None,
    ) -> None:
        """A trajectory arrives; an inactive controller ignores it.

        Args:
            now, stamp: [ns] arrival, and the message's stamp (0: start when it is picked up).
            names: the trajectory's joints, all of ours in any order.
            offsets: (H,) `time_from_start` [s].
            positions: (H, J) [rad], columns as `names`.
            velocities, accelerations: (H, J) [rad/s], [rad/s^2], or None.

        Raises:
            CommandError: joints, shapes, times or values are not as JTC wants them, the last point moves, or lies in the past.
        """
        if self._trajectory is None:
            return
        order = self._columns(names)
        tables = {"positions": positions, "velocities": velocities, "accelerations": accelerations}
        for label, table in tables.items():
            if table is None:
                continue
            if table.shape != (len(offsets), len(order)) or not len(offsets):
                raise CommandError(f"{label} have shape {table.shape}, needs ({max(len(offsets), 1)}, {len(order)})")
            if not np.isfinite(table).all():
                raise CommandError(f"{label} hold NaN or infinity")
        due = _increasing(offsets)
        if stamp and stamp + due[-1] < now:
            raise CommandError(f"the trajectory ended {(now - stamp - due[-1]) / NANOSECONDS:.3f} s in the past")
        if velocities is not None and velocities[-1].any():
            moving = [name for name, v in zip(names, velocities[-1], strict=True) if v]
            raise CommandError(f"the last point must be at rest, but moves {moving}")
        rows = [[None] * len(offsets) if table is None else table[:, order] for table in tables.values()]
        points = [Point(*row) for row in zip(*rows, strict=True)]
        self._arrived = stamp, due, points

    def _columns(self, names: Sequence[str]) -> list[int]:
        given = list(names)
        missing, unknown = sorted(set(self.joint_names) - set(given)), sorted(set(given) - set(self.joint_names))
        if missing or unknown or len(given) != len(self.joint_names):
            raise CommandError(f"joints missing: {missing}; unknown: {unknown}; {len(given)} names for {len(self.joint_names)} joints")
        return [given.index(name) for name in self.joint_names]

    def update(self, now: int, measured: np.ndarray, measured_velocity: np.ndarray | None = None) -> np.ndarray | None:
        """One cycle at `now` [ns]: the set point (J,) [rad], or None while inactive.

        Args:
            now: [ns] when the cycle begins; it need not be a multiple of the period.
            measured: (J,) [rad].
            measured_velocity: (J,) [rad/s] where the hardware measures it.
        """
        if self._trajectory is None:
            return None
        if self._arrived is not None:
            stamp, due, points = self._arrived
            self._arrived, self._holding = None, False
            self._trajectory = Trajectory((stamp or now) + due, points)
            here = (now, Point(measured.copy(), measured_velocity))
            self._trajectory.before = self._commanded or here if self.from_desired_state else here
        elif self._cmd_timeout and not self._holding and now > self._trajectory.end + self._cmd_timeout:
            self._hold(measured)
        point = self._trajectory.sample(now + self._period)
        self._commanded = now, point
        return point.positions


def _increasing(offsets: np.ndarray) -> np.ndarray:
    """`time_from_start` (H,) [s] in [ns], which must increase."""
    if offsets[0] < 0.0 or (np.diff(offsets) <= 0.0).any():
        raise CommandError(f"time_from_start must increase strictly from >= 0, got {np.round(offsets, 4).tolist()} s")
    return np.asarray(np.rint(offsets * NANOSECONDS).astype(np.int64))


class VelocityBase:
    """A planar base that follows velocity commands and stops when they stop.

    Args:
        timeout: [s] a command older than this counts as zero (diff_drive_controller's `cmd_vel_timeout`).
    """

    def __init__(self, timeout: float = 0.5) -> None:
        self.timeout = round(timeout * NANOSECONDS)
        self.velocity = np.zeros(3)
        self._target = np.zeros(3)
        self._stamp: int | None = None  # [ns] of the command in force

    def command(self, now: int, stamp: int, velocity: np.ndarray) -> None:
        """Take a command (3,) [m/s, m/s, rad/s] stamped `stamp` [ns] (0: now).

        Raises:
            CommandError: a value is not finite, or the command is already too old.
        """
        if velocity.shape != (3,) or not np.isfinite(velocity).all():
            raise CommandError(f"a base command needs three finite values, got {velocity.tolist()}")
        if stamp and now - stamp > self.timeout:
            raise CommandError(f"the base command is {(now - stamp) / NANOSECONDS:.3f} s old, limit {self.timeout / NANOSECONDS} s")
        self._stamp, self._target = stamp or now, velocity.astype(np.float64)

    def update(self, now: int) -> np.ndarray:
        """The velocity (3,) in force at `now` [ns]."""
        expired = self._stamp is None or now - self._stamp > self.timeout
        self.velocity = np.zeros(3) if expired else self._target.copy()
        return self.velocity

    def stop(self) -> None:
        """Forget the command and stand still at once."""
        self._stamp, self._target, self.velocity = None, np.zeros(3), np.zeros(3)
