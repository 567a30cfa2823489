"""A robot file against the running graph: what fits, what does not, and what to change. Judged from what `robot_graph.py` has seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.robot.message_types import BASES as BASE_TYPES
from neon_control.core.robot.message_types import COMMANDS as COMMAND_TYPES
from neon_control.core.robot.message_types import IMAGES
from neon_control.core.robot.robot import Joint, Robot, Wire
from neon_control.core.robot.topic_names import JOINT_STATES
from neon_control.core.sensing.measured import MAX_FUTURE
from neon_control.nodes.listeners import watches
from neon_control.nodes.robot_graph import Endpoint, Seen, Topic

RIGHT, DOUBTFUL, WRONG = "right", "doubtful", "WRONG"
OLDEST = ExecutorSettings.joint_state_timeout  # [s]
OUTSIDE = ExecutorSettings.tracking_error_limit  # [rad] or [m] beyond its range, from where a position is none
SLOWEST = 20.0  # [Hz] of joint states, below which the executor sees little of what it commands
COMMANDS = {kind: message for message, kind in COMMAND_TYPES.items()}
BASES = {name: message for message, name in BASE_TYPES.items()}
OWN = ("executor_node", "inference_node")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: str
    text: str
    mend: str = ""  # what to do about it


def check(robot: Robot, seen: Seen) -> list[Finding]:
    """All findings, in the order of the way from sensors to motors."""
    return [*_joint_states(robot, seen), *_cameras(robot, seen), *_audio(robot, seen), *_controllers(robot, seen), *_base(robot, seen)]


def _joint_states(robot: Robot, seen: Seen) -> Iterator[Finding]:
    topic, joints = seen.topics[JOINT_STATES], seen.joints
    yield from _published(JOINT_STATES, topic, ("sensor_msgs/msg/JointState",), "start the driver, or remap its topic")
    if not topic.arrivals:
        return
    if joints.refused:
        yield Finding(WRONG, f"{JOINT_STATES}: {joints.refused}", "mend the driver; such messages are refused")
    ours = robot.wire.ours(joints.positions, robot.joints)
    named = {joint: joints.positions[told] for told, joint in ours.items()}
    if missing := [name for name in robot.joints if name not in named]:
        yield Finding(
            WRONG, f"{JOINT_STATES}: nothing of {_some(missing)}; heard of {_some([*joints.positions])}", _prefix(robot, seen, missing)
        )
    else:
        yield Finding(RIGHT, f"{JOINT_STATES}: all {len(robot.joints)} joints")
    yield from (_range(joint, named[name]) for name, joint in robot.joints.items() if name in named and _outside(joint, named[name]))
    yield Finding(RIGHT, f"{JOINT_STATES}: {topic.rate:.1f} messages a second")
    yield from _rates(robot, seen, ours)
    yield from _clock(seen)
    if len(topic.publishers) > 1:
        text = f"{JOINT_STATES}: published by {_some([p.node for p in topic.publishers])}"
        yield Finding(DOUBTFUL, text, "right where each reports joints of its own; of one joint, only one may")


def _rates(robot: Robot, seen: Seen, ours: dict[str, str]) -> Iterator[Finding]:
    """Joints that are told so rarely that the executor waits for them, or sees little; by their own rate, whoever else speaks."""
    slow: dict[tuple[str, str, str], list[str]] = {}
    for told, joint in ours.items():
        rate, limit = seen.joints.rate(told), robot.wire.timeout((joint,), OLDEST)
        if rate * limit < 1.0:
            mend = f"publish faster than {1.0 / limit:g} Hz, or state `joint_state_timeout` [s] in `limits` for a gripper that cannot"
            slow.setdefault((WRONG, f"{rate:.1f} times a second, and may be {limit:g} s old", mend), []).append(joint)
        elif rate < SLOWEST and limit <= OLDEST:
            slow.setdefault((DOUBTFUL, f"{rate:.1f} times a second", f"{SLOWEST:g} Hz are sensible"), []).append(joint)
    for (level, text, mend), joints in slow.items():
        yield Finding(level, f"{JOINT_STATES}: {_some(joints)} told {text}", mend)


def _clock(seen: Seen) -> Iterator[Finding]:
    joints = seen.joints
    if joints.unstamped:
        yield Finding(WRONG, f"{JOINT_STATES}: {joints.unstamped} messages without a stamp", "the driver has to fill `header.stamp`")
    if not joints.ages:
        return
    age = median(joints.ages)
    if seen.simulated_time:
        yield Finding(DOUBTFUL, "somebody publishes /clock", "run the nodes with `use_sim_time`; stamps were not compared with this clock")
    elif -MAX_FUTURE <= age <= OLDEST:
        yield Finding(RIGHT, f"{JOINT_STATES}: stamps are {age:.3f} s old when they arrive")
    else:
        text = f"{JOINT_STATES}: stamps lie {abs(age):.3f} s in the {'past' if age > 0.0 else 'future'} of this computer's clock"
        yield Finding(WRONG, text, "synchronise both computers' clocks (chrony, PTP), or find what delays the messages")


def _outside(joint: Joint, value: float) -> bool:
    return not joint.lower - OUTSIDE <= value <= joint.upper + OUTSIDE or (joint.unit == "m" and not _in_range(joint, value))


def _in_range(joint: Joint, value: float) -> bool:
    slack = 0.1 * (joint.upper - joint.lower)
    return joint.lower - slack <= value <= joint.upper + slack


def _range(joint: Joint, value: float) -> Finding:
    text = f"{joint.name} is at {value:.4g}, but its range is [{joint.lower:.4g}, {joint.upper:.4g}] {joint.unit}"
    scale, unit = (1e-3, "millimetres") if joint.unit == "m" else (math.pi / 180.0, "degrees")
    if _in_range(joint, value * scale):
        return Finding(WRONG, f"{text}: in {unit}?", f"the driver has to publish {'metres' if joint.unit == 'm' else 'radians'} (REP-103)")
    return Finding(WRONG, text, "home the encoder, or mend the URDF's range")


def _prefix(robot: Robot, seen: Seen, missing: list[str]) -> str:
    """What to do about joints that have other names."""
    heard = seen.joints.positions
    found = {name.removesuffix(missing[0]) for name in heard if name.endswith(missing[0])}
    found = {prefix for prefix in found if len(Wire(prefix).ours(heard, robot.joints)) == len(robot.joints)}
    if found == {""}:
        return "leave `joint_prefix` out of the robot file"
    if found:
        stated = " or ".join(f"`joint_prefix: {prefix}`" for prefix in sorted(found - {""}))
        return f"state {stated} in the robot file{', whichever this robot is' if len(found) > 1 else ''}"
    return "name the joints in URDF and robot file as the driver does, or start the driver that reports them"


def _cameras(robot: Robot, seen: Seen) -> Iterator[Finding]:
    for camera in robot.cameras:
        packed = f"{camera.topic}/compressed"
        topic = next((t for t in (camera.topic, packed) if seen.topics[t].publishers), camera.topic)
        yield from _published(topic, seen.topics[topic], tuple(IMAGES), "start the camera, or name its topic in `cameras`")
        if topic == packed and camera.transport != "compressed":
            mend = f"`transport: compressed` of the camera {camera.name}, or the parameter `image_transport`"
            yield Finding(DOUBTFUL, f"{camera.topic}: compressed images only", mend)
        if seen.topics[topic].arrivals:
            yield Finding(RIGHT, f"{topic}: {seen.topics[topic].rate:.1f} images a second")


def _audio(robot: Robot, seen: Seen) -> Iterator[Finding]:
    name = robot.recording.audio
    if name and not seen.topics[name].publishers:
        mend = 'start the microphone; a robot without one states `recording: {audio: ""}`, and policies that do not listen need none'
        yield Finding(DOUBTFUL, f"{name}: nobody publishes it", mend)


def _controllers(robot: Robot, seen: Seen) -> Iterator[Finding]:
    for controller in robot.controllers:
        if controller not in robot.streamed:
            mend = "the executor's diagnostics say whether its server is there"
            yield Finding(DOUBTFUL, f"{controller.topic}: goals of an action are not looked at here", mend)
            continue
        expected = COMMANDS[controller.type]
        other = next(kind for kind in COMMANDS if kind != controller.type)
        mend = f"`type: {other}` of the controller {controller.name}"
        nobody = f"load and activate the controller, or name its topic in `controllers.{controller.name}`"
        yield from _heard(controller.topic, seen.topics[controller.topic], expected, {COMMANDS[other]: mend}, nobody)


def _base(robot: Robot, seen: Seen) -> Iterator[Finding]:
    if robot.base is None:
        return
    topic, message = seen.topics[robot.base.topic], robot.base.message
    mends = {kind: f"`message: {name}` of `base` in the robot file" for name, kind in BASES.items()}
    expected = BASES.get(message) or next((s.type for s in topic.subscribers if s.type in mends), BASES["twist_stamped"])
    yield from _heard(robot.base.topic, topic, expected, mends, "start the base's driver, or name its topic in `base.topic`")


def _published(name: str, topic: Topic, types: tuple[str, ...], nobody: str) -> Iterator[Finding]:
    if not topic.publishers:
        yield Finding(WRONG, f"{name}: nobody publishes it", nobody)
    for publisher in topic.publishers:
        if publisher.type not in types:
            yield Finding(WRONG, f"{name}: {publisher.node} publishes {publisher.type}, needs {' or '.join(types)}", "remap one of them")
    if topic.publishers and not topic.arrivals and any(p.type in types for p in topic.publishers):
        yield Finding(
            WRONG, f"{name}: nothing arrives from {_some([p.node for p in topic.publishers])}", "is it active, and its device on?"
        )


def _heard(name: str, topic: Topic, expected: str, mends: dict[str, str], nobody: str) -> Iterator[Finding]:
    """Whether somebody who may act on it hears a topic of ours of the type `expected`; `mends`: for other types."""
    acting = [each for each in topic.subscribers if not watches(each.node)]
    fitting = [each for each in acting if each.type == expected and _fits(each)]
    if fitting:
        yield Finding(RIGHT, f"{name}: heard by {_some([each.node for each in fitting])} as {expected}")
    elif not acting:
        yield Finding(WRONG, f"{name}: nobody subscribes to it", nobody)
    for each in acting:
        if each.type != expected:
            mend = mends.get(each.type, "name the topic of a controller that takes it")
            yield Finding(DOUBTFUL if fitting else WRONG, f"{name}: {each.node} expects {each.type}, not {expected}", mend)
        elif not _fits(each):
            text = f"{name}: the QoS of {each.node} does not fit: {each.reliability}, {each.durability}"
            yield Finding(WRONG, text, "it has to subscribe with durability volatile: commands are not kept for late comers")
    if rivals := [each.node for each in topic.publishers if each.node not in OWN]:
        yield Finding(DOUBTFUL, f"{name}: also commanded by {_some(rivals)}", "end it, before a policy drives")


def _fits(subscriber: Endpoint) -> bool:
    return subscriber.durability != "transient_local"


def _some(names: list[str], most: int = 4) -> str:
    names = sorted(set(names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "nothing"
