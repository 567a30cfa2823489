"""Bases: of every kind the same three axes, those that it lacks at zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load
from neon_control.core.robot.base_limits import BaseLimits


def base(velocity: dict[str, float], acceleration: dict[str, float] | None = None, **more: Any) -> BaseLimits:
    data = {"max_velocity": velocity, "max_acceleration": acceleration or {"vx": 3.0, "yaw_rate": 6.0}, **more}
    return load(BaseLimits, data, Place("r.yaml", "base"))


@pytest.mark.parametrize("velocity", [{"vx": 0.5, "yaw_rate": 1.0}, {"vx": 0.5, "vy": 0.0, "yaw_rate": 1.0}])
def test_a_base_that_cannot_go_sideways_leaves_vy_out_or_gives_it_zero(velocity: dict[str, float]) -> None:
    differential = base(velocity)
    assert differential.max_velocity.tolist() == [0.5, 0.0, 1.0]
    assert differential.axes == (True, False, True) and differential.span.tolist() == [0.5, 1.0, 1.0]
    assert (differential.topic, differential.frame, differential.message) == ("cmd_vel", "base_link", "twist_stamped")


def test_a_base_that_goes_sideways_is_what_it_was() -> None:
    three = {"vx": 0.5, "vy": 0.4, "yaw_rate": 1.0}
    omni = base(three, three, max_jerk=three)
    assert omni.axes == (True, True, True)
    for values in (omni.max_velocity, omni.max_acceleration, omni.span, omni.max_jerk):
        assert values is not None and values.tolist() == [0.5, 0.4, 1.0]
    assert omni.drivable(np.array([0.1, 0.2, 0.3])).tolist() == [0.1, 0.2, 0.3]


def test_a_car_drives_no_tighter_curve_than_its_own_forwards_and_backwards() -> None:
    car = base({"vx": 1.0, "yaw_rate": 1.0}, minimum_radius=2.0)
    for asked, driven in (((1.0, 1.0), 0.5), ((-1.0, 1.0), 0.5), ((1.0, -1.0), -0.5), ((0.0, 1.0), 0.0), ((1.0, 0.3), 0.3)):
        assert car.drivable(np.array([asked[0], 0.0, asked[1]])).tolist() == [asked[0], 0.0, driven]


@pytest.mark.parametrize(
    ("velocity", "more", "message"),
    [
        ({"vx": 0.0, "yaw_rate": 1.0}, {}, r"base\.max_velocity\.vx must be a finite number > 0\.0, got 0\.0"),
        ({"vx": 1.0}, {}, r"base\.max_velocity takes the fields .*missing \['yaw_rate'\]"),
        ({"vx": 1.0, "vy": -1.0, "yaw_rate": 1.0}, {}, r"base\.max_velocity\.vy must be a finite number > 0\.0, got -1\.0"),
        ({"vx": 1.0, "vy": 1.0, "yaw_rate": 1.0}, {}, r"base\.max_acceleration\.vy must be a finite number > 0\.0, got 0\.0"),
        ({"vx": 1.0, "yaw_rate": 1.0}, {"message": "pose"}, r"base\.message must be one of"),
        (
            {"vx": 1.0, "vy": 1.0, "yaw_rate": 1.0},
            {"minimum_radius": 1.0, "max_acceleration": {"vx": 1, "vy": 1, "yaw_rate": 1}},
            "sideways",
        ),
    ],
)
def test_a_wrong_base_is_refused(velocity: dict[str, float], more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        base(velocity, **more)
