"""A robot of config/robots for the rig: its file with what stands in for its maker's packages, and who speaks of which of its joints."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from maker_urdfs import shipped, write_packages

from neon_control.core.robot.gripper import ACTIONS
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot


def written(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The robot file as it comes, with the expanded URDF beside it; grippers that want goals get trajectories, see docs/robots.md."""
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(folder))
    write_packages(folder, name)
    data = yaml.safe_load(shipped(name).read_text())
    (folder / "r.urdf").write_text(load_robot(shipped(name)).urdf_path.read_text())
    for own, controller in data["controllers"].items():
        if controller.get("type") in ACTIONS:
            data["controllers"][own] = {"topic": f"{own}/joint_trajectory", "joints": controller["joints"]}
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in data.items() if k != "urdf_arguments"} | {"urdf": "r.urdf"}, sort_keys=False))
    return file


def drivers(robot: Robot) -> list[tuple[list[str], int]]:
    """Who speaks of which joints, and in which of the 200 periods a second."""
    parts, gripping = robot.parts, set(robot.gripping)
    arms = [joint for joint in parts["arms"] if joint not in gripping]
    rest = [joint for joint in robot.joints if joint not in gripping and joint not in arms]
    each = [([*arms[:1], "a_wheel", *arms[1:]], 2), (["left_wheel", "right_wheel"], 10), (list(robot.gripping), 7), (rest, 4)]
    return [(names, every) for names, every in each if names]
