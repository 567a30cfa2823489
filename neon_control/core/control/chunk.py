"""A chunk: what the policy wants over the next H steps, as a function of time.

Step i of a chunk holds for the instant ``stamp + i * dt``, where the stamp is the time of the *observation*, not of the
computation: whoever evaluates the chunk later finds the right step, whatever the latency was. Between two steps it is linear.

The policy's chunk has the names of its action space, joints first, then the base's axes. On the wire each half travels alone, as a
chunk of its own. A chunk is checked where it is made: there it enters a process, from the policy or from the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from neon_control.core.common.errors import ChunkError
from neon_control.core.robot.action_space import BASE_NAMES

JOINTS, BASE = "joints", "base"  # the two streams of chunks


@dataclass(frozen=True)
class ActionChunk:
    """H future actions of one policy step, or one half of them.

    Attributes:
        stamp: [ns] time of the observation.
        dt: [s] time between steps.
        names: of the D columns: J joints, then the axes of the base or none.
        values: (H, D) joint positions [rad], then base velocities [m/s, m/s, rad/s].

    Raises:
        ChunkError: shapes disagree, dt is not positive, or a value is not finite.
    """

    stamp: int
    dt: float
    names: tuple[str, ...]
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ChunkError("shape", f"the values have shape {self.values.shape}, needs (steps, {len(self.names)})")
        if self.names[len(self.joint_names) :] not in ((), BASE_NAMES):
            raise ChunkError("shape", f"the base's axes are {list(BASE_NAMES)}, after all joints or not at all; got {list(self.names)}")
        if not (np.isfinite(self.dt) and self.dt > 0.0):
            raise ChunkError("dt", f"dt must be positive, got {self.dt}")
        if not (finite := np.isfinite(self.values)).all():
            raise ChunkError("non_finite", f"NaN or infinity in {int((~finite).sum())} of {finite.size} values")

    @property
    def num_steps(self) -> int:
        """H."""
        return len(self.values)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The J joints."""
        return tuple(name for name in self.names if name not in BASE_NAMES)

    @property
    def joints(self) -> np.ndarray:
        """(H, J) joint positions [rad]."""
        return self.values[:, : len(self.joint_names)]

    @property
    def base(self) -> np.ndarray:
        """(H, 3) base velocities [m/s, m/s, rad/s], or (H, 0) on a robot without a base."""
        return self.values[:, len(self.joint_names) :]

    def streams(self) -> dict[str, ActionChunk]:
        """Each half as a chunk of its own, by its stream; the base's only where there is one."""
        halves = {JOINTS: (self.joint_names, self.joints), BASE: (self.names[len(self.joint_names) :], self.base)}
        return {stream: ActionChunk(self.stamp, self.dt, names, values) for stream, (names, values) in halves.items() if names}

    @property
    def instants(self) -> np.ndarray:
        """(H,) [ns] of the steps."""
        return step_instants(self.stamp, np.arange(self.num_steps), self.dt)

    @property
    def end(self) -> int:
        """[ns] instant of the last step."""
        return self.stamp + round((self.num_steps - 1) * 1e9 * self.dt)

    def at(self, instants: np.ndarray) -> np.ndarray:
        """Values (P, D) at instants (P,) [ns]; before the first step and after the last one those of that step."""
        steps, shares = between_steps((np.clip(instants, self.stamp, self.end) - self.stamp) * 1e-9, self.dt, self.num_steps)
        return np.asarray((1.0 - shares[:, None]) * self.values[steps] + shares[:, None] * self.values[steps + 1])


def step_instants(stamp: int, steps: np.ndarray, dt: float) -> np.ndarray:
    """(P,) [ns] of steps (P,), counted from `stamp` [ns], `dt` [s] apart."""
    return np.asarray(stamp + np.rint(steps * dt * 1e9).astype(np.int64))


@overload
def between_steps(elapsed: float, dt: float, num_steps: int) -> tuple[int, float]: ...
@overload
def between_steps(elapsed: np.ndarray, dt: float | np.ndarray, num_steps: int) -> tuple[np.ndarray, np.ndarray]: ...
def between_steps(elapsed: Any, dt: Any, num_steps: int) -> Any:
    """Between which two steps of a chunk an instant lies: the earlier one, 0 to H - 2, and the share of the later one, 0 to 1.

    The value there is (1 - share) * values[step] + share * values[step + 1].

    Args:
        elapsed: [s] since the chunk's stamp, one number or an array; not negative, and not after its last step but for a rounding to ns.
    """
    position = elapsed / dt
    if isinstance(position, float):  # numpy would cost more on one number than the rest of a tick's interpolation
        step = min(int(position), num_steps - 2)
        return step, min(position - step, 1.0)
    steps = np.minimum(position.astype(np.intp), num_steps - 2)
    return steps, np.minimum(position - steps, 1.0)
