"""What stands between topics and motors on a real robot: a joint trajectory controller and a velocity base, with their time-outs.

They behave like ros2_control's joint_trajectory_controller (JTC) and diff_drive_controller where a client can tell the
difference, so that commands which work here work there. Times are integer nanoseconds of one clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.nanoseconds import NANOSECONDS


class CommandError(NeonControlError):
    """A command was refused, as the real controller would refuse it; the last accepted one stays in force."""


class JointTrajectoryController:
    """Follows trajectories of positions, and of velocities where given.

    A new trajectory replaces the running one. It is entered from the state at its arrival: a straight line to the first
    point, or a cubic when the points carry velocities; a first point that has passed already is skipped. After the last point
    its position is held.

    Args:
        joint_names: the J joints, in the order of every (J,) vector here.
        cmd_timeout: [s] after the end of the last trajectory the *measured* pose is held; 0 never gives up the last point (JTC's default).
        from_desired_state: enter a new trajectory from the last desired state rather than the measured one (JTC's
            `interpolate_from_desired_state`). A stream of short trajectories needs it: from the measured state, each message
            would give up the lead of the command over the joint and the robot would creep.
    """

    def __init__(self, joint_names: Sequence[str], cmd_timeout: float = 0.0, from_desired_state: bool = True) -> None:
        self.joint_names = tuple(joint_names)
        self.cmd_timeout = cmd_timeout
        self.from_desired_state = from_desired_state
        self.holding_measured = True  # until the first trajectory, and after the time-out
        self._times = np.zeros(0, np.int64)  # (H + 1,) [ns]
        self._positions = np.zeros((0, len(self.joint_names)))  # (H + 1, J) [rad]; the first row is the state at arrival
        self._velocities: np.ndarray | None = None  # (H + 1, J) [rad/s]
        self._desired: np.ndarray | None = None  # (J,) [rad]
        self._desired_velocity = np.zeros(len(self.joint_names))

    def accept(
        self,
        now: int,
        stamp: int,
        names: Sequence[str],
        offsets: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None,
        measured: np.ndarray,
    ) -> None:
        """Take a new trajectory.

        Args:
            now, stamp: [ns] arrival, and the message's stamp (0: start at once).
            names: the trajectory's joints, all of ours in any order.
            offsets: (H,) `time_from_start` [s].
            positions: (H, J) [rad], columns as `names`.
            velocities: (H, J) [rad/s], or None.
            measured: (J,) present positions [rad], in our order.

        Raises:
            CommandError: joints, shapes, times or values are not as JTC wants them, or the trajectory ended in the past.
        """
        order, times = self._checked(now, stamp, names, offsets, positions, velocities)
        start = self._desired if self.from_desired_state and self._desired is not None else measured
        later = times > now
        if not later.any():  # one point, due now
            later[-1] = True
        # Keep the last point that has passed, so that the segment in progress is entered where it is.
        first = max(int(np.argmax(later)) - 1, 0)
        enter = first == 0 and bool(later[0])
        rows, row_times = positions[first:, order], times[first:]
        speeds = None if velocities is None else velocities[first:, order]
        if enter:
            rows = np.vstack([start, rows])
            row_times = np.concatenate([[min(now, row_times[0])], row_times])
            speeds = None if speeds is None else np.vstack([self._desired_velocity, speeds])
        self._times, self._positions, self._velocities = row_times, rows, speeds
        self.holding_measured = False

    def _checked(
        self, now: int, stamp: int, names: Sequence[str], offsets: np.ndarray, positions: np.ndarray, velocities: np.ndarray | None
    ) -> tuple[list[int], np.ndarray]:
        """Where our joints stand in the message, and when its points are due (H,) [ns]."""
        order = self._columns(names)
        count = len(offsets)
        for label, values in (("positions", positions), ("velocities", velocities)):
            if values is None:
                continue
            if values.shape != (count, len(order)) or count == 0:
                raise CommandError(f"{label} have shape {values.shape}, needs ({max(count, 1)}, {len(order)})")
            if not np.isfinite(values).all():
                raise CommandError(f"{label} hold NaN or infinity")
        if offsets[0] < 0.0 or (np.diff(offsets) <= 0.0).any():
            raise CommandError(f"time_from_start must increase strictly from >= 0, got {np.round(offsets, 4).tolist()} s")
        times = (stamp or now) + np.rint(offsets * NANOSECONDS).astype(np.int64)
        if stamp and times[-1] < now:
            raise CommandError(f"the trajectory ended {(now - times[-1]) / NANOSECONDS:.3f} s in the past")
        return order, times

    def _columns(self, names: Sequence[str]) -> list[int]:
        given = list(names)
        missing, unknown = sorted(set(self.joint_names) - set(given)), sorted(set(given) - set(self.joint_names))
        if missing or unknown or len(given) != len(self.joint_names):
            raise CommandError(f"joints missing: {missing}; unknown: {unknown}; {len(given)} names for {len(self.joint_names)} joints")
        return [given.index(name) for name in self.joint_names]

    def update(self, now: int, measured: np.ndarray) -> np.ndarray:
        """The desired positions (J,) [rad] at `now` [ns]."""
        if not self.holding_measured and self.cmd_timeout > 0.0 and now > self._times[-1] + round(self.cmd_timeout * NANOSECONDS):
            self.stop()
        if self.holding_measured:
            if self._desired is None:
                self._desired, self._desired_velocity = measured.copy(), np.zeros(len(self.joint_names))
            return self._desired
        self._desired, self._desired_velocity = self._sample(now)
        return self._desired

    def stop(self) -> None:
        """Drop the trajectory; from the next update on the pose measured then is held."""
        self.holding_measured, self._desired = True, None

    def _sample(self, now: int) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity (J,) of the trajectory at `now` [ns]."""
        if now >= self._times[-1]:
            return self._positions[-1], np.zeros(len(self.joint_names))
        right = max(int(np.searchsorted(self._times, now, side="right")), 1)
        t0, t1 = self._times[right - 1], self._times[right]
        p0, p1 = self._positions[right - 1], self._positions[right]
        length = float(t1 - t0) / NANOSECONDS
        u = min(max(float(now - t0) / float(t1 - t0), 0.0), 1.0)
        if self._velocities is None:
            return p0 + u * (p1 - p0), (p1 - p0) / length
        return hermite(u, length, p0, p1, self._velocities[right - 1], self._velocities[right])


def hermite(u: float, length: float, p0: np.ndarray, p1: np.ndarray, v0: np.ndarray, v1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cubic through two points with two velocities: position and velocity (J,) at fraction `u` of `length` [s]."""
    m0, m1 = v0 * length, v1 * length
    position = (1 + 2 * u) * (1 - u) ** 2 * p0 + u * (1 - u) ** 2 * m0 + u**2 * (3 - 2 * u) * p1 + u**2 * (u - 1) * m1
    slope = 6 * u * (1 - u) * (p1 - p0) + (1 - u) * (1 - 3 * u) * m0 + u * (3 * u - 2) * m1
    return position, slope / length


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
