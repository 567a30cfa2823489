"""The section `unitree` of a robot file: how stiff the motors are.

    unitree:
      gains: # pattern of joint names -> kp [N m/rad], kd [N m s/rad]; the first one that matches counts
        "*_wrist_*": {kp: 40.0, kd: 1.5}

What no pattern matches has the careful gains of Unitree's own examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load, setting
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot import Robot

SECTION = "unitree"


@dataclass(frozen=True)
class Gain:
    """Of one motor: torque = kp (target - measured) + kd (target's velocity - measured one)."""

    kp: float = setting(minimum=1.0, maximum=500.0)  # [N m/rad]; never 0: a robot whose motors have none goes limp
    kd: float = setting(minimum=0.01, maximum=20.0)  # [N m s/rad]


DEFAULTS = {
    "*_wrist_*": Gain(40.0, 1.5),
    "waist_*": Gain(240.0, 6.0),
    "*_hand_thumb_0_*": Gain(2.0, 0.1),
    "*_hand_*": Gain(1.0, 0.1),
    "*": Gain(60.0, 1.5),
}


@dataclass(frozen=True)
class Section:
    """See the module's text."""

    gains: dict[str, Gain] = setting({}, null=True)

    def of(self, joints: Sequence[str]) -> np.ndarray:
        """(2, J) kp and kd of joints."""
        patterns = {**self.gains, **{pattern: gain for pattern, gain in DEFAULTS.items() if pattern not in self.gains}}
        found = [next(gain for pattern, gain in patterns.items() if fnmatchcase(joint, pattern)) for joint in joints]
        return np.array([[gain.kp for gain in found], [gain.kd for gain in found]]).reshape(2, -1)


def load_section(robot: Robot) -> Section:
    """The section of a robot's file; all defaults where there is none. ConfigError where it is wrong."""
    data = read_mapping(robot.file).get(SECTION)
    section = load(Section, {} if data is None else data, Place(robot.file, SECTION))
    for pattern in section.gains:
        if not any(fnmatchcase(joint, pattern) for joint in robot.joints):
            raise ConfigError(f"{robot.file}: {SECTION}.gains: no joint is called {pattern!r}; the robot has {sorted(robot.joints)}")
    return section
