from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import share_directory
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.view import Crop, View

URDF = """<robot name="r"><link name="a"/><link name="b"/><link name="c"/>
<joint name="one" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>
<limit lower="-1" upper="2" velocity="4" effort="1"/></joint>
<joint name="two" type="revolute"><parent link="b"/><child link="c"/><axis xyz="0 0 1"/>{limit}</joint></robot>"""
LIMIT = '<limit lower="-0.5" upper="0.5" velocity="2" effort="1"/>'


def write(folder: Path, changes: dict[str, object] | None = None, limit: str = LIMIT) -> Path:
    (folder / "r.urdf").write_text(URDF.format(limit=limit))
    data: dict[str, object] = {
        "name": "r",
        "urdf": "r.urdf",
        "groups": {"arm": ["one", "two"]},
        "parts": {"arms": ["arm"]},
        "limits": {"position_margin": 0.1, "groups": {"arm": {"velocity_scale": 0.5, "max_acceleration": 3.0}}},
        "controllers": {"c": {"topic": "c/joint_trajectory", "joints": ["arm"]}},
    }
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump({**data, **(changes or {})}))
    return file


@pytest.fixture(scope="module")
def g1() -> Robot:
    return load_robot("g1.yaml")


def test_limits_come_from_the_urdf_and_the_file_only_narrows_them(tmp_path: Path) -> None:
    robot = load_robot(write(tmp_path))
    one = robot.joints["one"]
    assert (one.lower, one.upper, one.max_velocity, one.max_acceleration) == (-1.0, 2.0, 2.0, 3.0)
    assert (one.safe_lower, one.safe_upper) == pytest.approx((-0.9, 1.9))
    assert one.max_jerk == np.inf
    limits = {"groups": {"arm": {"velocity_scale": 0.5, "max_acceleration": 3.0, "max_jerk": 70.0}}}
    assert load_robot(write(tmp_path, {"limits": limits})).joints["one"].max_jerk == 70.0
    assert robot.base is None
    assert robot.controllers[0].joints == ("one", "two")


def test_cameras_are_read_in_order_and_without_them_there_is_the_one_of_old(tmp_path: Path) -> None:
    assert load_robot(write(tmp_path)).cameras == (Camera("camera", "camera/image_raw", ""),)
    cameras = {"wrist": {"topic": "wrist/image", "transport": "compressed"}, "head": {"topic": "/head/image"}}
    (tmp_path / "r.yaml").write_text((write(tmp_path)).read_text() + yaml.safe_dump({"cameras": cameras}, sort_keys=False))
    assert load_robot(tmp_path / "r.yaml").cameras == (Camera("wrist", "wrist/image", "compressed"), Camera("head", "/head/image"))


def test_what_is_seen_of_a_camera_is_read_and_holds_for_recordings(tmp_path: Path) -> None:
    cameras = {"head": {"topic": "head/image", "rotate": 180, "flip": "vertical", "crop": {"left": 0.25, "right": 1}}}
    (tmp_path / "r.yaml").write_text((write(tmp_path)).read_text() + yaml.safe_dump({"cameras": cameras}))
    robot = load_robot(tmp_path / "r.yaml")
    assert robot.cameras[0].view == View(rotate=180, flip="vertical", crop=Crop(left=0.25)) == robot.recording.view
    assert load_robot(write(tmp_path)).cameras[0].view == View()


@pytest.mark.parametrize(
    ("changes", "limit", "words"),
    [
        ({"groups": {"arm": ["one", "three"]}}, LIMIT, ["three", "one"]),
        ({"urdf": "nothing.urdf"}, LIMIT, ["r.yaml: urdf", "nothing.urdf"]),
        ({"parts": {"arms": ["leg"]}}, LIMIT, ["leg", "arm"]),
        ({"parts": {"wings": ["arm"]}}, LIMIT, ["wings"]),
        ({"parts": {"torso": ["arm"]}}, LIMIT, ["parts.arms"]),
        ({"cameras": ["head"]}, LIMIT, ["cameras", "head"]),
        ({"cameras": {"head": {"transport": "raw"}}}, LIMIT, ["cameras.head", "topic"]),
        ({"cameras": {"head": {"topic": "a", "fps": 30}}}, LIMIT, ["cameras.head", "fps"]),
        ({"cameras": {"head": {"topic": "a", "transport": "h264"}}}, LIMIT, ["cameras.head.transport", "h264"]),
        ({"cameras": {"head": {"topic": "a", "rotate": 45}}}, LIMIT, ["cameras.head.rotate", "[0, 90, 180, 270]", "45"]),
        ({"cameras": {"head": {"topic": "a", "flip": "both"}}}, LIMIT, ["cameras.head.flip", "both"]),
        ({"cameras": {"head": {"topic": "a", "crop": {"left": 20}}}}, LIMIT, ["cameras.head.crop.left", "20"]),
        ({"cameras": {"head": {"topic": "a", "crop": {"left": 1.0}}}}, LIMIT, ["cameras.head.crop", "left must be < right"]),
        ({"cameras": {"head": {"topic": "a"}, "wrist": {"topic": "a"}}}, LIMIT, ["cameras", "['a', 'a']"]),
        ({"limits": {"groups": {}}}, LIMIT, ["arm"]),
        ({"limits": {"position_margn": 0.1, "groups": {}}}, LIMIT, ["limits", "position_margn", "position_margin"]),
        ({"base": {"max_velocty": {}}}, LIMIT, ["base", "max_velocty"]),
        ({"contollers": {}}, LIMIT, ["contollers", "controllers"]),
        ({"limits": {"position_margin": 0.6, "groups": {"arm": {"velocity_scale": 1, "max_acceleration": 1}}}}, LIMIT, ["two", "0.6"]),
        ({"limits": {"groups": {"arm": {"velocity_scale": 1.5, "max_acceleration": 1}}}}, LIMIT, ["velocity_scale", "1.5"]),
        ({"limits": {"groups": {"arm": {"velocity_scale": 1, "max_acceleration": float("nan")}}}}, LIMIT, ["max_acceleration", "nan"]),
        ({"limits": {"groups": {"arm": {"velocity_scale": 1, "max_acceleration": -2.0}}}}, LIMIT, ["max_acceleration", "-2.0"]),
        ({"limits": {"groups": {"arm": {"velocity_scale": 1, "max_acceleration": 1, "max_jerk": 0}}}}, LIMIT, ["arm.max_jerk", "0"]),
        ({}, "", ["two", "lower < upper"]),
        ({}, '<limit lower="1" upper="-1" velocity="2"/>', ["two", "lower < upper"]),
        ({}, '<limit lower="-1" upper="1"/>', ["two", "velocity"]),
        ({"controllers": {"a": {"topic": "t", "joints": ["arm"]}, "b": {"topic": "u", "joints": ["one"]}}}, LIMIT, ["one", "than one"]),
        ({"controllers": {"a": {"topic": "t", "joints": ["knee"]}}}, LIMIT, ["knee"]),
        ({"base": {"max_velocity": {"vx": 1.0}, "max_acceleration": {}}}, LIMIT, ["max_velocity", "yaw_rate"]),
    ],
)
def test_a_wrong_file_is_refused_with_what_and_where(tmp_path: Path, changes: dict[str, object], limit: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_robot(write(tmp_path, changes, limit))
    for word in words:
        assert word in str(error.value)


def test_a_joint_that_mimics_another_is_not_commanded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="joint two mimics another one"):
        load_robot(write(tmp_path, limit=LIMIT + '<mimic joint="one"/>'))


@pytest.mark.parametrize("wrong", [None, "text", "", -1, float("nan"), True, [], {}, [1, 2], {"a": 1}, [None]], ids=repr)
def test_a_wrong_type_anywhere_is_a_refusal_that_names_the_file(tmp_path: Path, wrong: object) -> None:
    base = {"max_velocity": {"vx": 1.0, "vy": 1.0, "yaw_rate": 1.0}, "max_acceleration": {"vx": 1.0, "vy": 1.0, "yaw_rate": 1.0}}
    file = write(tmp_path, {"base": base, "cameras": {"head": {"topic": "t"}}})
    whole = file.read_text()
    load_robot(file)
    for place in list(places(yaml.safe_load(whole))):
        data = yaml.safe_load(whole)
        section = data
        for key in place[:-1]:
            section = section[key]
        section[place[-1]] = wrong
        file.write_text(yaml.safe_dump(data))
        try:
            load_robot(file)  # some values are right in some places
        except ConfigError as error:
            assert str(tmp_path) in str(error) or place == ("urdf",), place


def places(data: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The way to every value."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*above, key)
        yield from places(value, (*above, key))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-robot"):
        load_robot(tmp_path / "no-such-robot.yaml")


def test_g1_has_its_29_joints(g1: Robot) -> None:
    assert len(g1.joints) == 29
    assert {p: len(n) for p, n in g1.parts.items()} == {"arms": 14, "hands": 0, "torso": 3, "legs": 12}
    assert g1.joints["left_elbow_joint"].upper == pytest.approx(2.0944)
    assert g1.joints["right_shoulder_roll_joint"].lower == pytest.approx(-2.2515)
    commanded = {j for c in g1.controllers for j in c.joints}
    assert commanded == set(g1.joints)


def test_g1_is_mirror_symmetric(g1: Robot) -> None:
    for name, left in g1.joints.items():
        if not name.startswith("left_"):
            continue
        right = g1.joints[name.replace("left_", "right_")]
        mirrored = "roll" in name or "yaw" in name
        expected = (-left.upper, -left.lower) if mirrored else (left.lower, left.upper)
        assert (right.lower, right.upper) == pytest.approx(expected), name
        assert right.max_velocity == left.max_velocity


def test_no_limit_of_the_urdf_is_written_again_in_the_yaml(g1: Robot) -> None:
    text = (share_directory() / "config" / "g1.yaml").read_text()
    for joint in g1.joints.values():
        assert f"{joint.upper:g}" not in text or joint.upper == round(joint.upper, 1)


def test_limits_as_arrays_follow_the_asked_order(g1: Robot) -> None:
    names = ("right_elbow_joint", "waist_roll_joint")
    assert np.allclose(g1.limits(names, "upper"), [2.0944, 0.52])
    with pytest.raises(ConfigError, match="no_such_joint"):
        g1.limits(("no_such_joint",), "upper")
