"""The section `clearance` of a robot file: how near the robot's bodies may come to each other, to boxes and to the floor.

Everything is measured in the frame of the URDF's root link (REP-103: x forward, y left, z up), which a moving base carries along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting

AXES = ("x", "y", "z")
FLOOR = "floor"  # stands for a link in messages and in `allowed`


@dataclass(frozen=True)
class KeepOut:
    """A box that nothing of the robot may enter."""

    lower: np.ndarray = setting(keys=AXES)  # (3,) [m]
    upper: np.ndarray = setting(keys=AXES)  # (3,) [m]

    def __post_init__(self) -> None:
        if not (self.lower < self.upper).all():
            raise ConfigError(f"lower must be below upper on every axis, got lower={self.lower.tolist()} upper={self.upper.tolist()} [m]")


@dataclass(frozen=True)
class ClearanceSettings:
    """See the module's text."""

    slow_distance: float = setting(0.05, above=0.0, maximum=1.0)  # [m] nearer than this, what approaches slows down
    stop_distance: float = setting(0.02, minimum=0.0, maximum=1.0)  # [m] nearer than this, what approaches stops
    floor: float | None = setting(None)  # [m] its height; None: there is none to watch
    keep_out: dict[str, KeepOut] = setting({}, null=True)
    allowed: tuple[tuple[str, str], ...] = setting((), null=True)  # pairs of links, boxes or `floor` that may come as near as they like
    visual: bool = setting(False)  # a link without <collision> is guarded by what is drawn

    def __post_init__(self) -> None:
        if not self.stop_distance < self.slow_distance:
            raise ConfigError(f"stop_distance must be below slow_distance {self.slow_distance} m, got {self.stop_distance}")
        if FLOOR in self.keep_out:
            raise ConfigError(f"keep_out.{FLOOR} must have another name: it is the floor's")
