"""Limits that are guessed from a URDF: slow, within it, and open where it says nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_urdf import small_urdf

from neon_control.core.robot.guessed_limits import GuessedLimits, guess_limits
from neon_control.core.robot.urdf import read_urdf


def limits(file: Path, *names: str, gripper: bool = False) -> GuessedLimits:
    return guess_limits(read_urdf(file), {"g": names}, ["g"] if gripper else [])


def test_the_fastest_joint_of_a_group_begins_slowly_and_the_numbers_are_marked(tmp_path: Path) -> None:
    found = limits(small_urdf(tmp_path, "elbow at 37", "wrist at 12"), "elbow", "wrist").groups["g"]
    assert found.value == {"velocity_scale": 0.027, "max_acceleration": 5.0}  # 37 rad/s * 0.027 = 0.999 rad/s
    assert found.decide == "a slow start: 1 rad/s of the URDF's 37, 5 rad/s^2"
    assert limits(small_urdf(tmp_path, "elbow at 0.4"), "elbow").groups["g"].value["velocity_scale"] == 0.5


def test_slides_have_numbers_of_their_own_unit(tmp_path: Path) -> None:
    file = small_urdf(tmp_path, "lift prismatic 0..0.4 at 0.5", "elbow")
    assert limits(file, "lift").groups["g"].value == {"velocity_scale": 0.2, "max_acceleration": 0.5, "position_margin": 0.005}
    mixed = limits(file, "lift", "elbow")
    assert mixed.groups["g"].value == {"velocity_scale": 0.4, "max_acceleration": 5.0}
    assert mixed.joints["lift"].value == {"velocity_scale": 0.2, "max_acceleration": 0.5, "position_margin": 0.005}
    assert "position_margin" not in limits(file, "lift", gripper=True).groups["g"].value, "a gripper may touch its ends"


def test_a_margin_is_small_against_the_range(tmp_path: Path) -> None:
    assert limits(small_urdf(tmp_path, "ankle -0.1..0.1"), "ankle").joints["ankle"].value == {"position_margin": 0.01}
    assert limits(small_urdf(tmp_path, "slide prismatic 0..0.02"), "slide").groups["g"].value["position_margin"] == 0.001


def test_what_a_urdf_does_not_say_is_left_open_and_marked(tmp_path: Path) -> None:
    (found,) = limits(small_urdf(tmp_path, "finger 0..0 at 0"), "finger").joints.values()
    assert found.value == {"instead_of_urdf": {"lower": None, "upper": None, "velocity": None}}
    assert "range is 0 to 0" in found.decide and "velocity is 0" in found.decide and "[rad/s]" in found.decide
    file = small_urdf(tmp_path, "elbow")
    file.write_text(file.read_text().replace('<limit lower="-2" upper="2" velocity="2.5" effort="1"/>', ""))
    assert "not there" in limits(file, "elbow").joints["elbow"].decide


def test_what_no_motor_keeps_is_replaced_by_something_slow_and_marked(tmp_path: Path) -> None:
    found = limits(small_urdf(tmp_path, "pan at 10000", "slide prismatic 0..0.04 at 5", "turn -1000..1000"), "pan", "slide", "turn").joints
    assert found["pan"].value == {"instead_of_urdf": {"velocity": 1.0}}
    assert found["slide"].value["instead_of_urdf"] == {"velocity": 0.1}
    assert found["turn"].value == {"instead_of_urdf": {"lower": -math.pi, "upper": math.pi}}
    assert all("no motor keeps" in found[name].decide for name in ("pan", "slide")) and "no joint has" in found["turn"].decide


def test_a_joint_without_ends_is_marked_with_what_may_be_stated(tmp_path: Path) -> None:
    found = limits(small_urdf(tmp_path, "roll continuous"), "roll").joints["roll"]
    assert found.value == {} and "turns: [-pi, pi]" in found.decide and "instead_of_urdf" in found.decide


@pytest.mark.parametrize(
    ("joints", "marked"),
    [
        ([f"j{i} at 10" for i in range(4)], True),  # a power of ten
        ([f"j{i} at 3.14" for i in range(6)], False),  # six motors of one kind
        ([*(f"j{i} at 4.8" for i in range(3)), "j3 prismatic 0..1 at 4.8"], True),  # rad/s and m/s alike
        ([f"j{i} at 10" for i in range(3)], False),
    ],
)
def test_velocities_that_an_exporter_has_written_are_doubted(tmp_path: Path, joints: list[str], marked: bool) -> None:
    found = limits(small_urdf(tmp_path, *joints), *(joint.split()[0] for joint in joints))
    assert bool(found.decide) == marked


def test_a_velocity_that_is_doubted_for_all_is_not_marked_for_each(tmp_path: Path) -> None:
    found = limits(small_urdf(tmp_path, *(f"j{i} at 100" for i in range(4))), *(f"j{i}" for i in range(4)))
    assert "all 4 velocities of the URDF are 100" in found.decide
    assert {(str(own.value), own.decide) for own in found.joints.values()} == {("{'instead_of_urdf': {'velocity': 1.0}}", "")}
