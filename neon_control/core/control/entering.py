"""How a trajectory controller is brought onto the executor's motion, when nobody knows whether it listens, and where it stands.

A controller may be activated at any instant, and an inactive one subscribes just as well. If it were sent a window of a motion that
has left the arm behind, it would close the gap in one cycle. So it is first sent single messages whose first point lies in the future,
at the measured pose: whoever takes one up goes there slowly. When the policy wants to move, such a message ends with a small step
towards the policy's target. Only when the measured joints have taken that step is the controller known to follow, and *joined* to the
motion.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.promise import Motion

ENTRY = 0.1  # [s] least time to the first point
STEP = 0.03  # [rad] largest step by which a controller is tried
LEAST_STEP = 0.01  # [rad] a controller whose joints are all nearer to their target stays where it is
SETTLED = 0.06  # [s] at rest before it is joined: a window of the motion at the slowest rate then begins after its way
PATIENCE = 0.3  # [s] after the step, until which the joints must have followed


class Entry:
    """Of one controller.

    Args:
        columns: (A,) places of its joints among the J that are commanded.
        velocity, acceleration: (J,) limits.

    Attributes:
        joined: whether it follows the motion.
        shows: whether a step shows that it does; False: of a gripper, which may hold something. It is left alone until there is something
            to follow, and then counts as joined.
        lost: nobody knows what it was told last; a gripper then has to be placed, too.
        standing: (A,) [rad] measured minus commanded when it was joined: what gravity does to a joint that follows.
        way: where it was sent last, all J columns.
        message: what it is to be sent, likewise; None: nothing.
    """

    def __init__(self, columns: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> None:
        self.columns = columns
        self._velocity, self._acceleration = velocity[columns], acceleration[columns]
        self._size = len(velocity)
        self.shows = True
        self.forget()

    def forget(self) -> None:
        """Nothing was sent to it."""
        self.joined = self.lost = False
        self.leave()

    def leave(self) -> None:
        """It is not known to follow any more; nothing is sent until `place` or `step`."""
        self.joined &= not self.shows
        self.message: Motion | None = None
        self.standing = np.zeros(len(self.columns))
        self.way: Motion | None = None
        self._step: np.ndarray | None = None  # (A,) [rad] by which it is tried

    @property
    def tried(self) -> bool:
        """Whether it has been sent a step, and did not answer yet."""
        return self._step is not None

    def place(self, now: int, commanded: np.ndarray, measured: np.ndarray, step: np.ndarray | None = None) -> None:
        """Send it to where it is measured, and on by `step`; all (A,) [rad]."""
        gap = np.abs(measured - commanded)
        seconds = max(ENTRY, float((1.5 * gap / self._velocity).max()), float(np.sqrt(6.0 * gap / self._acceleration).max()))
        rows = [(now, commanded, 0.0 * gap), (now + round(seconds * NANOSECONDS), measured, 0.0 * gap)]
        if step is not None:  # joints accelerate and brake evenly, and all at once
            size = np.abs(step)
            seconds = max(float(2.0 * np.sqrt(size / self._acceleration).max()), float((2.0 * size / self._velocity).max()))
            half = round(0.5 * seconds * NANOSECONDS)
            rows.append((rows[1][0] + half, measured + 0.5 * step, step * NANOSECONDS / half))
            rows.append((rows[1][0] + 2 * half, measured + step, 0.0 * gap))
        times, positions, velocities = (np.array(column) for column in zip(*rows, strict=True))
        self._step, self._from = step, measured.copy()
        wide = np.zeros((2, len(rows), self._size))
        wide[0][:, self.columns], wide[1][:, self.columns] = positions, velocities
        self.way = Motion(times, wide[0], wide[1])
        self.message = Motion(*(column[1:] for column in self.way))

    def try_towards(self, now: int, commanded: np.ndarray, measured: np.ndarray, target: np.ndarray) -> None:
        """Send it a small step towards `target` (A,), unless it is there."""
        step = np.clip(target - measured, -STEP, STEP)
        if np.abs(step).max() >= LEAST_STEP and not self.busy(now):
            self.place(now, commanded, measured, step)

    def busy(self, now: int) -> bool:
        """Whether it is under way."""
        return self.way is not None and now < int(self.way.times[-1])

    def at(self, instant: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Where it is told to be (A,), (A,); None: nowhere."""
        if self.way is None:
            return None
        position, velocity = self.way.at(instant)
        return position[self.columns], velocity[self.columns]

    def answer(self, now: int, measured: np.ndarray) -> bool | None:
        """Whether the joints (A,) have taken the step; None: not yet known."""
        if self._step is None or self.way is None or self.busy(now - round(SETTLED * NANOSECONDS)):
            return None
        asked = np.abs(self._step)
        moved = (measured - self._from) * np.sign(self._step)
        if (moved[asked >= LEAST_STEP] >= 0.5 * asked[asked >= LEAST_STEP]).any():
            self.joined, self._step = True, None
            self.standing = measured - self.way.positions[-1, self.columns]
            return True
        if now <= int(self.way.times[-1]) + PATIENCE * NANOSECONDS:
            return None
        self._step = None
        return False
