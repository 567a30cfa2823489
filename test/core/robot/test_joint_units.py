"""What the numbers of a dataset mean, for each joint."""

from __future__ import annotations

import math
from typing import Any

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.joint_units import JointUnit, unit_of


@pytest.mark.parametrize(
    ("unit", "number", "position"),
    [
        (JointUnit(), 90.0, math.pi / 2),
        (JointUnit(unit="rad"), 1.5, 1.5),
        (JointUnit(sign=-1, offset=0.5), 90.0, 0.5 - math.pi / 2),
        (JointUnit(unit="rad", scale=0.5), 3.0, 1.5),
        (JointUnit(range=(-100.0, 100.0)), 0.0, 0.5),
        (JointUnit(range=(0.0, 100.0)), 100.0, 2.0),
        (JointUnit(range=(100.0, 0.0)), 100.0, -1.0),
    ],
)
def test_a_number_becomes_a_position(unit: JointUnit, number: float, position: float) -> None:
    gain, offset = unit.line("deg", lower=-1.0, upper=2.0)
    assert gain * number + offset == pytest.approx(position)


def test_a_joint_s_own_name_comes_before_patterns() -> None:
    every, gripper = JointUnit(range=(-100.0, 100.0)), JointUnit(range=(0.0, 100.0))
    units = {"*": every, "gripper": gripper}
    assert unit_of("gripper", units) is gripper and unit_of("elbow", units) is every and unit_of("elbow", {"left_*": every}) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sign": 0}, "sign must be 1 or -1, got 0"),
        ({"scale": 0.0}, "scale must be a finite number > 0.0, got 0.0"),
        ({"unit": "turns"}, "unit must be one of"),
        ({"range": (1.0, 1.0)}, "range must be two different numbers"),
        ({"range": (0.0, 100.0), "unit": "deg"}, "range stands alone"),
    ],
)
def test_what_means_nothing_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        JointUnit(**values)
