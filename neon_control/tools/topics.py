"""The topics of one robot, by what they are to a recording: what the policy reads, what our nodes say, what else happened.

`neon_control topics` prints them for `ros2 bag record` and `ros2 bag play`; the launch files ask it. The names are those of
docs/topics.md and of the robot file; they are held here as text, so that neither a launch file nor a report needs ROS for them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from neon_control.core.cameras import Camera
from neon_control.core.paths import find_file
from neon_control.core.robot import Robot, load_robot
from neon_control.core.yaml_file import read_mapping
from neon_control.tools.arguments import ros_name

AUDIO, JOINT_STATES = "audio", "joint_states"
CHUNK_JOINTS, CHUNK_BASE = "action_chunk/joints", "action_chunk/base"
BASE_COMMAND, DIAGNOSTICS = "cmd_vel", "/diagnostics"
RECORDED = "recorded"  # the prefix under which a replay shows what our nodes said on the day

CONTEXT = ("odom", "sim_node/episode", "instruction")  # for people and judges; nothing reads them to act


def cameras_by_role(robot: Robot) -> dict[str, Camera]:
    """The robot's cameras by what they are called in a recording: `camera` is the first one, `camera_<name>` another."""
    return {f"camera_{c.name}" if i else "camera": c for i, c in enumerate(robot.cameras)}


def input_topics(robot: Robot) -> dict[str, tuple[str, ...]]:
    """Role of an input -> the topics that a recording may have it on, the likelier one first: what the section `recording` of the robot
    file says, and what the nodes subscribe to. The roles are cameras, `joint_states`, and `audio` if the robot hears.
    """
    recording = robot.recording
    images: dict[str, tuple[str, ...]] = {role: (camera.topic,) for role, camera in cameras_by_role(robot).items()}
    images["camera"] = (recording.camera, *images["camera"])
    roles = {role: tuple(t for topic in topics for t in (topic, f"{topic}/compressed")) for role, topics in images.items()}
    roles["joint_states"] = (recording.joint_states, JOINT_STATES)
    if recording.audio:
        roles["audio"] = (recording.audio, AUDIO)
    return {role: tuple(dict.fromkeys(topics)) for role, topics in roles.items()}


def base_topics(robot: Robot) -> tuple[str, ...]:
    """The topics that a recording may have the base's commands on, the likelier one first."""
    return tuple(dict.fromkeys(t for t in (robot.recording.base, BASE_COMMAND) if t))


def output_topics(robot: Robot) -> tuple[str, ...]:
    """What our nodes publish on `robot`: chunks, commands and diagnostics."""
    return (CHUNK_JOINTS, CHUNK_BASE, *(c.topic for c in robot.controllers), *base_topics(robot), DIAGNOSTICS)


def recorded_topics(robot: Robot) -> tuple[str, ...]:
    """All that is needed to replay a recording, to train from it, and to see what the nodes made of it."""
    return (*(t for topics in input_topics(robot).values() for t in topics), *output_topics(robot), *CONTEXT)


def resolve(topic: str, namespace: str = "") -> str:
    """The absolute name of `topic` for nodes in `namespace`, as ROS makes it: absolute names stay as they are."""
    if topic.startswith("/"):
        return topic
    return "/" + "/".join(part for part in (namespace.strip("/"), topic) if part)


def replay_remappings(robot: Robot, namespace: str = "") -> dict[str, str]:
    """Where a replay moves topics: absolute names, old to new.

    What the nodes said goes aside, so that only living ones speak to controllers; inputs that the robot file knows under other names in
    recordings go where the nodes listen.
    """
    recording, camera = robot.recording, robot.cameras[0].topic
    heard = {recording.joint_states: JOINT_STATES, recording.audio: AUDIO, recording.camera: camera}
    heard[f"{recording.camera}/compressed"] = f"{camera}/compressed"
    inputs = {resolve(old, namespace): resolve(new, namespace) for old, new in heard.items() if old}
    names = [resolve(topic, namespace) for topic in output_topics(robot)]
    return {name: f"/{RECORDED}{name}" for name in names} | {old: new for old, new in inputs.items() if old != new}


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
