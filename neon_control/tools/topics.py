"""The topics of one robot, by what they are to a recording: what the policy reads, what our nodes say, what else happened.

`neon_control topics` prints them for `ros2 bag record` and `ros2 bag play`; the launch files ask it. The names are those of
docs/topics.md and of the robot file; they are held here as text, so that neither a launch file nor a report needs ROS for them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from neon_control.core.paths import find_file
from neon_control.core.robot import Robot, load_robot
from neon_control.core.yaml_file import read_mapping

CAMERA, COMPRESSED = "camera/image_raw", "camera/image_raw/compressed"
AUDIO, JOINT_STATES = "audio", "joint_states"
CHUNK_JOINTS, CHUNK_BASE = "action_chunk/joints", "action_chunk/base"
BASE_COMMAND, DIAGNOSTICS = "cmd_vel", "/diagnostics"
RECORDED = "recorded"  # the prefix under which a replay shows what our nodes said on the day

INPUTS = (CAMERA, COMPRESSED, AUDIO, JOINT_STATES)
CONTEXT = ("odom", "sim_node/episode", "instruction")  # for people and judges; nothing reads them to act


def output_topics(robot: Robot) -> tuple[str, ...]:
    """What our nodes publish on `robot`: chunks, commands and diagnostics."""
    return (CHUNK_JOINTS, CHUNK_BASE, *(c.topic for c in robot.controllers), BASE_COMMAND, DIAGNOSTICS)


def recorded_topics(robot: Robot) -> tuple[str, ...]:
    """All that is needed to replay a recording, to train from it, and to see what the nodes made of it."""
    return (*INPUTS, *output_topics(robot), *CONTEXT)


def resolve(topic: str, namespace: str = "") -> str:
    """The absolute name of `topic` for nodes in `namespace`, as ROS makes it: absolute names stay as they are."""
    if topic.startswith("/"):
        return topic
    return "/" + "/".join(part for part in (namespace.strip("/"), topic) if part)


def replay_remappings(robot: Robot, namespace: str = "") -> dict[str, str]:
    """Where a replay moves the nodes' recorded words, so that only living nodes speak to controllers: absolute names, old to new."""
    names = [resolve(topic, namespace) for topic in output_topics(robot)]
    return {name: f"/{RECORDED}{name}" for name in names}


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
    parser.add_argument("--robot", metavar="FILE", help="robot description, which names the topics (default: as in the parameter file)")
    parser.add_argument("--params-file", default="robot.yaml", metavar="FILE", help="parameters of the nodes (default: config/%(default)s)")
    parser.add_argument("--namespace", default="", metavar="NS", help="namespace of the nodes and their topics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_robot_arguments(parser)
    parser.add_argument("--remap", action="store_true", help="print the remappings that a replay needs, FROM:=TO, instead")


def run(args: argparse.Namespace) -> int:
    """Print one name a line."""
    robot = load_robot(robot_file(args.robot, args.params_file))
    if args.remap:
        lines = [f"{old}:={new}" for old, new in replay_remappings(robot, args.namespace).items()]
    else:
        lines = [resolve(topic, args.namespace) for topic in recorded_topics(robot)]
    print("\n".join(lines))
    return 0
