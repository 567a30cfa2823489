"""What a URDF says beside links and joints: the robot's name, and which joints have motors, by `<ros2_control>` or `<transmission>`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

from neon_control.core.common.files import read_whole
from neon_control.core.robot.xacro_file import MAX_BYTES

VELOCITY = "velocity"


@dataclass(frozen=True)
class Declared:
    """Both are empty where the file does not say it."""

    name: str = ""
    interfaces: dict[str, frozenset[str]] = field(
        default_factory=dict
    )  # joint with a motor -> `position`, `velocity`, `effort`, as far as said

    def turns_only(self, joint: str) -> bool:
        """Whether the joint can be told a velocity and nothing else, as wheels are."""
        return self.interfaces.get(joint, frozenset()) == frozenset((VELOCITY,))


def read_declared(file: Path) -> Declared:
    """Of a URDF that `read_urdf` takes."""
    robot = ElementTree.fromstring(read_whole(file, MAX_BYTES))
    found: dict[str, set[str]] = {}
    for joint in robot.findall("ros2_control/joint"):
        commands = {each.get("name", "") for each in joint.findall("command_interface")}
        if commands:
            found.setdefault(joint.get("name", ""), set()).update(commands)
    for joint in robot.findall("transmission/joint"):  # of ROS 1: hardware_interface/VelocityJointInterface
        said = " ".join(filter(None, (each.text for each in joint.findall("hardwareInterface")))).lower()
        kinds = {kind for kind in ("position", VELOCITY, "effort") if f"{kind}jointinterface" in said}
        if kinds or not said:  # a JointStateInterface alone is only measured
            found.setdefault(joint.get("name", ""), set()).update(kinds)
    return Declared(robot.get("name", ""), {name: frozenset(kinds) for name, kinds in found.items() if name})
