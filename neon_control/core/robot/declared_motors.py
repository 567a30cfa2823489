"""Which joints of a URDF have motors, as far as it says so: by `<ros2_control>`, or ROS 1's `<transmission>`. `urdf.py` reads the file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

VELOCITY = "velocity"


def motors(robot: ElementTree.Element) -> dict[str, frozenset[str]]:
    """Joint with a motor -> `position`, `velocity`, `effort`, as far as the element <robot> says; empty where it says nothing of motors."""
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
    return {name: frozenset(kinds) for name, kinds in found.items() if name}
