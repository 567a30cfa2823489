"""What a robot file says to the simulation, and what it says of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.description import SimDescription, load_description

Change = Callable[[dict[str, Any]], object]


def changed(folder: Path, change: Change) -> SimDescription:
    """The arm's description after `change` to its section."""
    arm = load_robot("arm6.yaml")
    data = yaml.safe_load(arm.file.read_text())
    data["urdf"] = str(arm.urdf_path)
    change(data["simulation"])
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_description(load_robot(file))


@pytest.mark.parametrize("name", ["g1.yaml", "arm6.yaml", "arm6_gripper.yaml", "g1_hand.yaml"])
def test_an_episode_begins_inside_the_joints_safe_range(name: str) -> None:
    robot = load_robot(name)
    description = load_description(robot)
    for joint in description.servos:
        position = description.home.get(joint, 0.0)
        assert robot.joints[joint].safe_lower <= position <= robot.joints[joint].safe_upper


def test_the_first_pattern_that_matches_decides(tmp_path: Path) -> None:
    description = changed(tmp_path, lambda s: None)
    assert description.servos["pan_joint"].stiffness == 500.0
    assert description.servos["wrist_joint"].stiffness == 100.0  # only "*" matches it
    assert description.base is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("home"), ["missing ['home']"]),
        (lambda s: s.update(colour="red"), ["unknown ['colour']"]),
        (lambda s: s.update(base={}), ["unknown ['base']"]),  # this robot has none
        (lambda s: s.update(mount=[0.0, 1.0]), ["simulation.mount", "list of finite numbers with 3 entries", "[0.0, 1.0]"]),
        (lambda s: s.update(mount=[0.0, 1.0, float("nan")]), ["simulation.mount", "finite", "nan"]),
        (lambda s: s["home"].update(knee_joint=0.1), ["simulation.home", "knee_joint", "wrist_joint"]),
        (lambda s: s["home"].update(wrist_joint=2.0), ["simulation.home.wrist_joint", "2.0", "1.98"]),
        (lambda s: s["servos"].update({"knee*": {"stiffness": 1.0, "armature": 0.1}}), ["simulation.servos.knee*", "no joint"]),
        (lambda s: s["servos"].update({"*": {"stiffness": 0.0, "armature": 0.1}}), ["simulation.servos.*.stiffness", "> 0"]),
        (lambda s: s["servos"].pop("*"), ["wrist_joint"]),
        (lambda s: s["hands"].clear(), ["simulation.hands must be a mapping with at least one entry, got {}"]),
        (lambda s: s["hands"]["hand"].update(group="leg"), ["simulation.hands.hand.group", "leg", "arm"]),
        (lambda s: s["hands"]["hand"].update(tcp="thumb"), ["simulation.hands.hand.tcp", "thumb", "hand_tcp"]),
        (lambda s: s["camera"].update(link="eye"), ["simulation.camera.link", "eye", "camera_link"]),
        (lambda s: s["camera"].update(fov=500), ["simulation.camera.fov", "500"]),
        (lambda s: s["cubes"].update(x=[0.5, 0.4]), ["simulation.cubes.x", "lowest <= highest"]),
        (lambda s: s.update(task="juggle"), ["simulation.task", "pick_place", "juggle"]),
        (lambda s: s.update(task="pick_place"), ["simulation.tray", "pick_place", "None"]),
        (lambda s: s.update(tray={"x": 0.4, "y": 0.2}), ["simulation.tray", "reach"]),
        (lambda s: s.update(task="pick_place", tray={"x": 0.4, "y": 0.2}), ["simulation.hands.hand.gripper", "missing"]),
        (lambda s: s["hands"]["hand"].update(gripper="jaw"), ["simulation.hands.hand.gripper", "jaw"]),
    ],
)
def test_a_mistake_is_named_with_file_and_field(tmp_path: Path, change: Change, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(tmp_path, change)
    for word in [str(tmp_path / "robot.yaml"), *words]:
        assert word in str(caught.value)


def test_a_gripper_in_the_simulation_needs_two_states(tmp_path: Path) -> None:
    robot = load_robot("arm6_gripper.yaml")
    data = yaml.safe_load(robot.file.read_text()) | {"urdf": str(robot.urdf_path), "grippers": {"gripper": {"kind": "gripper"}}}
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=r"simulation\.hands\.hand\.gripper needs one joint.*open None, closed None"):
        load_description(load_robot(tmp_path / "robot.yaml"))


def test_a_robot_that_was_never_simulated_is_told_what_to_write(tmp_path: Path) -> None:
    arm = load_robot("arm6.yaml")
    data = yaml.safe_load(arm.file.read_text()) | {"urdf": str(arm.urdf_path)}
    del data["simulation"]
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=r"missing field 'simulation'.*docs/robots\.md"):
        load_description(load_robot(tmp_path / "robot.yaml"))
