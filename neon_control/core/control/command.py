"""What the executor gives to the controllers in one control period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neon_control.core.control.promise import Motion


@dataclass(frozen=True)
class Command:
    """What is sent in one period. All of it was right at the time of the tick; after `latest` it is to be withdrawn, and made anew."""

    due: int  # [ns] one period after the tick
    motion: Motion  # of all J joints, past and to come, and at rest at its end
    trajectories: Mapping[str, Motion]  # controller -> what it is sent; those not named are sent nothing
    base: np.ndarray  # (3,) [m/s, m/s, rad/s], (0,) on a robot without a base
    splice: int  # [ns] from when on `motion` says something new
    latest: int  # [ns] until when it may be sent

    @cached_property
    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the motion is when it is due: positions [rad], velocities [rad/s] (J,). Worked out for those who ask."""
        return self.motion.at(self.due)

    @property
    def positions(self) -> np.ndarray:
        """(J,) [rad] due one period after the tick."""
        return self.state[0]

    @property
    def velocities(self) -> np.ndarray:
        """(J,) [rad/s] at the same instant."""
        return self.state[1]
