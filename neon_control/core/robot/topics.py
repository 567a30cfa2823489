"""The topics of one robot, by what they are to a recording: what the policy reads, what our nodes say, what else happened.

The names are those of `topic_names` and of the robot file.
"""

from __future__ import annotations

from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import (
    AUDIO,
    BASE_COMMAND,
    CHUNK_BASE,
    CHUNK_JOINTS,
    COMMANDER,
    CONTEXT,
    DIAGNOSTICS,
    EPISODE_NOTE,
    EPISODE_STATE,
    INSTRUCTION,
    JOINT_STATES,
    PLAN_BASE,
    PLAN_JOINTS,
    TAKEOVER_BASE,
    TAKEOVER_ENABLE,
    TAKEOVER_JOINTS,
)

TAKEN_OVER = (TAKEOVER_ENABLE, TAKEOVER_JOINTS, TAKEOVER_BASE, COMMANDER)  # by a person: a replay must not take over
SAID = (EPISODE_STATE, EPISODE_NOTE)  # by a person to the recorder: a page would show buttons for one that is not there
RECORDED = "recorded"  # the prefix under which a replay shows what our nodes said on the day


def cameras_by_role(robot: Robot) -> dict[str, Camera]:
    """The robot's cameras by what they are called in a recording: `camera` is the first one, `camera_<name>` another."""
    return {f"camera_{c.name}" if i else "camera": c for i, c in enumerate(robot.cameras)}


def input_topics(robot: Robot) -> dict[str, tuple[str, ...]]:
    """Role of an input -> the topics that a recording may have it on, the likelier one first: what the section `recording` of the robot
    file says, and what the nodes subscribe to. The roles are cameras, `joint_states`, `audio` if the robot hears, and `instruction` if it
    is told in words what to do.
    """
    recording = robot.recording
    images: dict[str, tuple[str, ...]] = {role: (camera.topic,) for role, camera in cameras_by_role(robot).items()}
    images["camera"] = (recording.camera, *images["camera"])
    roles = {role: tuple(t for topic in topics for t in (topic, f"{topic}/compressed")) for role, topics in images.items()}
    roles["joint_states"] = (recording.joint_states, JOINT_STATES)
    if recording.audio:
        roles["audio"] = (recording.audio, AUDIO)
    if recording.instruction:
        roles["instruction"] = (recording.instruction, INSTRUCTION)
    return {role: tuple(dict.fromkeys(topics)) for role, topics in roles.items()}


def output_topics(robot: Robot) -> tuple[str, ...]:
    """What is published on `robot` to move it: chunks, what the executor foresees of them, a person's targets, commands and diagnostics."""
    bases = dict.fromkeys(filter(None, (robot.recording.base, BASE_COMMAND if robot.base is None else robot.base.topic)))
    return (CHUNK_JOINTS, CHUNK_BASE, PLAN_JOINTS, PLAN_BASE, *TAKEN_OVER, *(c.topic for c in robot.streamed), *bases, DIAGNOSTICS)


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

    What the nodes and a person said goes aside, so that only living ones speak to controllers; inputs that the robot file knows under other
    names in recordings go where the nodes listen.
    """
    recording, camera = robot.recording, robot.cameras[0].topic
    heard = {recording.joint_states: JOINT_STATES, recording.audio: AUDIO, recording.camera: camera, recording.instruction: INSTRUCTION}
    heard[f"{recording.camera}/compressed"] = f"{camera}/compressed"
    inputs = {resolve(old, namespace): resolve(new, namespace) for old, new in heard.items() if old}
    names = [resolve(topic, namespace) for topic in (*output_topics(robot), *SAID)]
    return {name: f"/{RECORDED}{name}" for name in names} | {old: new for old, new in inputs.items() if old != new}
