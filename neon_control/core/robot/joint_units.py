"""Numbers of a LeRobot dataset to joint positions: radians, degrees, or parts of the joint's range, for each joint.

Worked example: lerobot's SO-101 records -100..100 for the arm's joints and 0..100 for its gripper, of the range that was calibrated.
`{"*": {range: [-100, 100]}, gripper: {range: [0, 100]}}` lays these onto the ranges of the URDF: of a joint from -1 to 2 rad, 0 is 0.5 rad.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import check_fields, setting

UNITS = {"rad": 1.0, "deg": math.pi / 180.0}  # of a LeRobot dataset's joints -> [rad]


@dataclass(frozen=True)
class JointUnit:
    """How one joint's numbers are meant: `sign * scale * number * unit + offset`, or parts of its range.

    Raises:
        ConfigError: a scale of 0, another sign, a range without width, or a range beside the others.
    """

    unit: str = setting("", choices=("", *UNITS))  # empty: that of the dataset
    scale: float = setting(1.0, above=0.0)
    offset: float = setting(0.0)  # [rad], or [m] of a prismatic joint: where the dataset's 0 is
    sign: int = setting(1, minimum=-1, maximum=1)
    range: tuple[float, float] | None = None  # the numbers at the lower and the upper end of the joint's range in the URDF

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.sign:
            raise ConfigError("sign must be 1 or -1, got 0")
        if self.range is not None and self.range[0] == self.range[1]:
            raise ConfigError(f"range must be two different numbers, got {list(self.range)}")
        if self.range is not None and (self.unit, self.scale, self.offset, self.sign) != ("", 1.0, 0.0, 1):
            raise ConfigError("range stands alone: it says unit, scale, offset and sign")

    def line(self, unit: str, lower: float, upper: float) -> tuple[float, float]:
        """What a number is multiplied by, and what is added then, to get [rad], or [m].

        Args:
            unit: of the dataset, a key of UNITS.
            lower, upper: [rad] or [m] the joint's range.
        """
        if self.range is None:
            return self.sign * self.scale * UNITS[self.unit or unit], self.offset
        gain = (upper - lower) / (self.range[1] - self.range[0])
        return gain, lower - gain * self.range[0]

    def in_words(self, unit: str) -> str:
        """For a message."""
        return f"range {self.range[0]:g}..{self.range[1]:g}" if self.range is not None else self.unit or unit


def unit_of(joint: str, units: Mapping[str, JointUnit]) -> JointUnit | None:
    """That of the joint's own name, or of the first pattern (`*`, `left_*`) that it matches."""
    return units.get(joint) or next((unit for pattern, unit in units.items() if fnmatchcase(joint, pattern)), None)
