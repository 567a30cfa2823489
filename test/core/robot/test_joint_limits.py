"""What a joint is held to: by its own entry, its group's, or that of all; in its own unit; and never wider than a URDF that can be used."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import Joint
from neon_control.core.robot.robot_file import load_robot

KINDS = {"one": "revolute", "two": "revolute", "finger": "prismatic", "wrist": "continuous"}
LIMITS = {
    "one": 'lower="-1" upper="2" velocity="4"',
    "two": 'lower="0" upper="0" velocity="0"',
    "finger": 'lower="0" upper="0.04" velocity="10"',
    "wrist": 'velocity="3"',
}
STATED = {"lower": -0.5, "upper": 0.5, "velocity": 2.0}


def load(
    folder: Path, joints: dict[str, Any], names: tuple[str, ...] = ("one", "finger"), group: Any = (), **limits: Any
) -> dict[str, Joint]:
    """Robot of one group in which the joints have their own limits `joints`, the group `group`, and all `limits`."""
    links = "".join(f'<link name="l{i}"/>' for i in range(5))
    elements = "".join(
        f'<joint name="{n}" type="{kind}"><parent link="l{i}"/><child link="l{i + 1}"/><axis xyz="0 0 1"/><limit {LIMITS[n]}/></joint>'
        for i, (n, kind) in enumerate(KINDS.items())
    )
    (folder / "r.urdf").write_text(f'<robot name="r">{links}{elements}</robot>')
    held = {"velocity_scale": 0.5, "max_acceleration": 3.0, **dict(group)}
    data = {
        "name": "r",
        "urdf": "r.urdf",
        "groups": {"arm": list(names)},
        "parts": {"arms": ["arm"]},
        "limits": {"groups": {"arm": held}, "joints": joints, **limits},
    }
    (folder / "r.yaml").write_text(yaml.safe_dump(data))
    return load_robot(folder / "r.yaml").joints


def test_the_narrowest_place_that_says_something_counts(tmp_path: Path) -> None:
    own = {"finger": {"position_margin": 0.001, "tracking_error_limit": 0.01, "max_acceleration": 0.5, "velocity_scale": 0.02}}
    joints = load(tmp_path, own, group={"tracking_error_limit": 0.2}, position_margin=0.1)
    one, finger = joints["one"], joints["finger"]
    assert (one.safe_lower, one.safe_upper) == pytest.approx((-0.9, 1.9))
    assert (one.tracking_error_limit, one.max_velocity, one.max_acceleration, one.unit) == (0.2, 2.0, 3.0, "rad")
    assert (finger.safe_lower, finger.safe_upper) == pytest.approx((0.001, 0.039))
    assert (finger.tracking_error_limit, finger.max_velocity, finger.max_acceleration, finger.unit) == (0.01, 0.2, 0.5, "m")


def test_a_joint_of_a_rare_driver_has_an_age_limit_of_its_own_within_what_the_nodes_allow(tmp_path: Path) -> None:
    joints = load(tmp_path, {"finger": {"joint_state_timeout": 0.8}})
    assert (joints["one"].joint_state_timeout, joints["finger"].joint_state_timeout) == (None, 0.8)
    assert load(tmp_path, {}, group={"joint_state_timeout": 1.5})["one"].joint_state_timeout == 1.5
    for wrong in (0.0, 60.0, "long"):
        with pytest.raises(ConfigError, match=r"limits\.joints\.finger\.joint_state_timeout must be .*, got"):
            load(tmp_path, {"finger": {"joint_state_timeout": wrong}})


def test_a_margin_that_leaves_a_finger_no_range_is_refused_in_metres_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {}, position_margin=0.02)
    text = str(error.value)
    assert "position_margin 0.02 m leaves joint finger no range in [0.0, 0.04] m" in text
    assert "below 0.02 m: `limits.joints.finger: {position_margin: ...}` or `limits.groups.arm: {position_margin: ...}`" in text


def test_what_a_urdf_lacks_may_be_stated_in_its_stead(tmp_path: Path) -> None:
    joints = load(tmp_path, {"two": {"instead_of_urdf": STATED}, "finger": {"instead_of_urdf": {"velocity": 0.2}}}, ("two", "finger"))
    two, finger = joints["two"], joints["finger"]
    assert (two.lower, two.upper, two.max_velocity) == (-0.5, 0.5, 1.0)
    assert (finger.lower, finger.upper, finger.max_velocity) == (0.0, 0.04, 0.1)


def test_what_a_urdf_says_may_only_be_narrowed(tmp_path: Path) -> None:
    narrowed = load(tmp_path, {"one": {"instead_of_urdf": {"upper": 1.0}}})["one"]
    assert (narrowed.lower, narrowed.upper, narrowed.max_velocity) == (-1.0, 1.0, 2.0)
    with pytest.raises(ConfigError, match=r"limits\.joints\.one\.instead_of_urdf must be within the URDF's range \[-1\.0, 2\.0\] rad"):
        load(tmp_path, {"one": {"instead_of_urdf": {"lower": -1.5}}})
    with pytest.raises(ConfigError, match=r"limits\.joints\.finger\.instead_of_urdf\.velocity must be at most the URDF's 10\.0 m/s"):
        load(tmp_path, {"finger": {"instead_of_urdf": {"velocity": 11.0}}})


def test_a_useless_urdf_is_refused_with_where_to_state_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"r\.urdf: joint two needs finite lower < upper, got lower=0\.0 upper=0\.0; .*`limits\.joints\.two"
    ):
        load(tmp_path, {}, ("two",))
    with pytest.raises(ConfigError, match=r"joint two needs a finite velocity > 0 .* velocity=0\.0; .*instead_of_urdf: {velocity: \.\.\.}"):
        load(tmp_path, {"two": {"instead_of_urdf": {"lower": -1.0, "upper": 1.0}}}, ("two",))


def test_a_joint_that_turns_without_end_has_the_turn_that_the_file_states(tmp_path: Path) -> None:
    plain = load(tmp_path, {}, ("wrist",), position_margin=0.1)["wrist"]
    assert (plain.turn, plain.wraps, plain.max_velocity) == (-math.pi, False, 1.5)
    assert plain.span == (-math.pi, math.pi) and plain.safe_upper > 1e5
    for given, turn in ((["-pi", "pi"], -math.pi), ([0, "2*pi"], 0.0), ([-3.14, 3.14], -math.pi), ([0.0, 6.28318], 0.0)):
        stated = load(tmp_path, {"wrist": {"turns": given}}, ("wrist",))["wrist"]
        assert stated.turn == pytest.approx(turn, abs=1e-5) and stated.wraps
    of_group = load(tmp_path, {}, ("one", "wrist"), group={"turns": ["-pi", "pi"]})
    assert of_group["wrist"].wraps and of_group["one"].turn is None


def test_a_joint_that_turns_without_end_may_be_given_ends(tmp_path: Path) -> None:
    wrist = load(tmp_path, {"wrist": {"instead_of_urdf": {"lower": -9.0, "upper": 9.0}}}, ("wrist",), position_margin=0.1)["wrist"]
    assert (wrist.turn, wrist.lower, wrist.upper) == (None, -9.0, 9.0)
    assert (wrist.safe_lower, wrist.safe_upper) == pytest.approx((-8.9, 8.9))


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        ({"wrist": {"turns": [-1, 1]}}, r"limits\.joints\.wrist\.turns must be one turn wide"),
        ({"wrist": {"turns": ["a", "b"]}}, r"limits\.joints\.wrist\.turns must be two finite numbers"),
        ({"one": {"turns": ["-pi", "pi"]}}, r"limits\.joints\.one\.turns must be left out: the joint is revolute and has ends"),
        ({"thumb": {}}, r"limits\.joints names \['thumb'\], which no group has"),
        ({"one": {"speed": 1.0}}, r"limits\.joints\.one takes the fields"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path: Path, joints: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, joints, ("one", "wrist"))
