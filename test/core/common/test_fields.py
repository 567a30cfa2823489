"""Fields that explain themselves, and what the loader says of mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.fields import Place, check_fields, load, setting


@dataclass(frozen=True)
class Wheel:
    name: str = setting(is_key=True)
    radius: float = setting(above=0.0)


@dataclass(frozen=True)
class Car:
    speed: np.ndarray = setting(keys=("x", "y"), minimum=0.0)
    scale: float = setting(above=0.0, maximum=1.0)
    seats: int = setting(4, minimum=1, maximum=9)
    paint: str = setting("red", choices=("red", "blue"))
    plate: str = setting("", scalar=True)
    driven: bool = True
    span: tuple[float, float] = setting((0.0, 1.0), ascending=True)
    tags: tuple[str, ...] = ()
    wheels: dict[str, Wheel] = setting({}, null=True)


@dataclass(frozen=True)
class Later:
    FURTHER_FIELDS: ClassVar[bool] = True

    known: int = 1

    def __post_init__(self) -> None:
        if self.known == 3:
            raise ConfigError("known must not be 3")


WHOLE = {"speed": {"y": 2, "x": 1.0}, "scale": 1}


def test_what_is_given_is_read_by_type_and_the_rest_has_its_default() -> None:
    car = load(Car, {**WHOLE, "wheels": {"left": {"radius": 1}}, "tags": ["a"], "plate": 7}, Place("car.yaml"))
    assert car.speed.tolist() == [1.0, 2.0] and car.scale == 1.0 and car.plate == "7" and car.tags == ("a",)
    assert car.wheels == {"left": Wheel("left", 1.0)} and car.span == (0.0, 1.0)
    assert load(Car, {**WHOLE, "wheels": None}, Place("car.yaml")).wheels == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": 1.5}, "a.scale must be a finite number > 0.0 and <= 1.0, got 1.5"),
        ({"scale": float("nan")}, "a.scale must be a finite number > 0.0 and <= 1.0, got nan"),
        ({"scale": 10**400}, "a.scale must be a finite number"),
        ({"scale": True}, "a.scale must be a finite number > 0.0 and <= 1.0, got True"),
        ({"scale": None}, "missing ['scale']"),
        ({"seats": 2.0}, "a.seats must be a whole number from 1 to 9, got 2.0"),
        ({"seats": None}, "a.seats must be a whole number from 1 to 9, got None"),
        ({"driven": 1}, "a.driven must be true or false, got 1"),
        ({"paint": "green"}, "a.paint must be one of ['red', 'blue'], got 'green'"),
        ({"span": [1.0]}, "a.span must be a list of finite numbers with 2 entries, got [1.0]"),
        ({"span": [2, 1]}, "a.span must be a list of numbers with lowest <= highest, got [2, 1]"),
        ({"tags": "red"}, "a.tags must be a list of texts, got 'red'"),
        ({"tags": ["red", 3]}, "a.tags[1] must be a text, got 3"),
        ({"speed": {"x": 1.0}}, "a.speed takes the fields ['x', 'y']; missing ['y']"),
        ({"speed": {"x": 1.0, "y": -1.0}}, "a.speed.y must be a finite number >= 0.0, got -1.0"),
        ({"wheels": {"left": {"radius": 0}}}, "a.wheels.left.radius must be a finite number > 0.0, got 0"),
        ({"wheels": {"left": {"name": "right", "radius": 1}}}, "a.wheels.left takes the fields ['radius']; unknown ['name']"),
        ({"colour": 1}, "unknown ['colour']"),
    ],
)
def test_a_mistake_is_told_with_file_field_need_and_what_was_given(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError) as error:
        load(Car, {**WHOLE, **changes}, Place("car.yaml", "a", PolicyError))
    assert str(error.value).startswith("car.yaml: a") and words in str(error.value)


def test_an_object_made_by_hand_is_checked_like_a_file_and_a_class_may_skip_what_it_does_not_know() -> None:
    with pytest.raises(ConfigError, match=r"Wheel\.radius must be a finite number > 0\.0, got -1"):
        check_fields(Wheel("a", -1))
    assert load(Later, {"known": 2, "new": 1}, Place("file")).known == 2
    with pytest.raises(PolicyError, match=r"^file: part\.known must not be 3$"):
        load(Later, {"known": 3}, Place("file", "part", PolicyError))
