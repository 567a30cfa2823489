"""`neon_control topics`: a robot's topics for `ros2 bag record` and `ros2 bag play`; the launch files ask it too."""

from __future__ import annotations

import argparse
from pathlib import Path

from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topics import recorded_topics, replay_remappings, resolve
from neon_control.tools.arguments import ros_name


def robot_file(given: str | None, params_file: str) -> Path:
    """The robot file: as given, or the one that the parameter file gives to the executor.

    Raises:
        ConfigError: a file is missing, or the parameter file names no robot.
    """
    if not given:
        sections = read_mapping(find_file(params_file, "config"))
        given = str(sections.get("/**/executor_node", {}).get("ros__parameters", {}).get("robot_config", "g1.yaml"))
    return find_file(given, "config")


def add_robot_arguments(parser: argparse.ArgumentParser) -> None:
    """The options from which `robot_file` finds the robot, and its namespace."""
    parser.add_argument("--robot", metavar="FILE", help="robot file, which names the topics (default: as in the parameter file)")
    parser.add_argument("--params-file", default="robot.yaml", metavar="FILE", help="parameters of the nodes (default: config/%(default)s)")
    parser.add_argument("--namespace", type=ros_name, default="", metavar="NS", help="namespace of the nodes and their topics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_robot_arguments(parser)
    parser.add_argument("--remap", action="store_true", help="print the remappings that a replay needs, FROM:=TO, instead")


def run(args: argparse.Namespace) -> int:
    robot = load_robot(robot_file(args.robot, args.params_file))
    if args.remap:
        lines = [f"{old}:={new}" for old, new in replay_remappings(robot, args.namespace).items()]
    else:
        lines = [resolve(topic, args.namespace) for topic in recorded_topics(robot)]
    print("\n".join(lines))
    return 0
