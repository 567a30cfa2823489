"""What makers' URDFs say of their joints (maker_urdfs.yaml), as packages that hold nothing else: a chain of these joints.

The files in config/robots name the makers' packages. With `write_packages` and ROS_PACKAGE_PATH they are loaded without them, through the
same loader, xacro included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neon_control.core.common.paths import share_directory

TABLE: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
ROBOTS = tuple(TABLE)
XACRO = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'
SHAPE = '<visual><origin xyz="0 0 0.05"/><geometry><box size="0.04 0.04 0.1"/></geometry></visual>'
TOOL = '<link name="tool0"/><joint name="tool0" type="fixed"><parent link="{last}"/><child link="tool0"/></joint>'


def shipped(name: str) -> Path:
    """The robot file."""
    return share_directory() / "config" / "robots" / f"{name}.yaml"


def write_packages(folder: Path, name: str) -> None:
    """Write the packages that a robot file names into `folder`, which belongs into ROS_PACKAGE_PATH."""
    data, joints = yaml.safe_load(shipped(name).read_text()), TABLE[name]["joints"]
    arguments = "".join(f'<xacro:arg name="{argument}" default=""/>' for argument in TABLE[name].get("arguments", ()))
    opening = f'<robot {XACRO} name="r">{arguments}<link name="base"/>'
    if data["urdf"].startswith("package://"):
        package, _, path = data["urdf"].removeprefix("package://").partition("/")
        _write(folder / package, path, f"{opening}{chain(joints, 'base')}</robot>")
        return
    # The one of our own, which puts an arm and a gripper together.
    arm = {joint: of for joint, of in joints.items() if not joint.startswith("robotiq")}
    hand = {joint: of for joint, of in joints.items() if joint not in arm}
    text = f"{opening}{chain(arm, 'base')}{TOOL.format(last=f'{list(arm)[-1]}_link')}</robot>"
    _write(folder / "ur_description", "urdf/ur.urdf.xacro", text)
    macro = f'<xacro:macro name="robotiq_gripper" params="name prefix parent *origin include_ros2_control">{chain(hand, "${parent}")}'
    _write(folder / "robotiq_description", "urdf/robotiq_2f_85_macro.urdf.xacro", f'<robot {XACRO} name="r">{macro}</xacro:macro></robot>')


def chain(joints: dict[str, Any], link: str) -> str:
    """The joints one after the other, each carrying a link of its name."""
    text = ""
    for name, of in joints.items():
        kind, *limit = of if isinstance(of, list) else ["revolute", 0.0, 1.0, 1.0]
        fields = {4: ("lower", "upper", "velocity"), 2: ("velocity",), 1: ()}[len(limit) + 1]
        said = "".join(f' {field}="{value!r}"' for field, value in zip(fields, limit, strict=True))
        text += (
            f'<link name="{name}_link">{SHAPE}</link><joint name="{name}" type="{kind}"><parent link="{link}"/><child link="{name}_link"/>'
        )
        text += '<origin xyz="0 0 0.1"/><axis xyz="0 1 0"/>' + (f'<limit{said} effort="1"/>' if limit else "")
        text += ("" if isinstance(of, list) else f'<mimic joint="{of["mimic"]}"/>') + "</joint>"
        link = f"{name}_link"
    return text


def _write(package: Path, path: str, text: str) -> None:
    file = package / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    (package / "package.xml").write_text(f"<package><name>{package.name}</name></package>")
