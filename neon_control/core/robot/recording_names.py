"""What a recording of this robot looks like: the optional section `recording` of a robot file, with the live topics as defaults."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from neon_control.core.common.fields import Place, Rules, load, read, setting
from neon_control.core.robot.camera import DEFAULT_NAME, Camera
from neon_control.core.robot.joint_units import UNITS, JointUnit
from neon_control.core.robot.topic_names import AUDIO, BASE_COMMAND, CAMERA, INSTRUCTION, JOINT_STATES
from neon_control.core.robot.view import PLAIN, View
from neon_control.core.robot.wire import PLAIN as PLAIN_WIRE
from neon_control.core.robot.wire import Wire

COMMANDS = ("controllers", "none")  # what a robot file's `recording.commands` may be; none: measured states are learnt


def hidden(default: Any, **rules: Any) -> Any:
    """A setting that the repr does not show."""
    entry = setting(default, **rules)
    entry.repr = False
    return entry


@dataclass(frozen=True)
class CommandTopic:
    """Where positions are commanded; its type, JointTrajectory or Float64MultiArray, is read from the recording."""

    topic: str
    joints: tuple[str, ...] = ()  # order of a Float64MultiArray; a JointTrajectory names its joints itself


@dataclass(frozen=True)
class LeRobotNames:
    """How a LeRobot dataset calls things, where it does not use our names.

    Features of bags are kept by the repr, which therefore has what it always had.
    """

    image: str = setting("", scalar=True)  # feature with the images of the robot's first camera
    state: Mapping[str, str] = setting({}, null=True, scalar=True)  # our joint -> name in the state, or its place there, from 0
    action: Mapping[str, str] = setting({}, null=True, scalar=True)  # our joint, or `base/vx` and so on -> name or place in the action
    unit: str = setting("rad", choices=tuple(UNITS))  # of joint positions; slides are in m, the base always in m/s and rad/s
    images: Mapping[str, str] = hidden({}, null=True, scalar=True)  # our camera -> feature with its images
    joints: Mapping[str, JointUnit] = hidden({}, null=True)  # our joint, or a pattern -> how its numbers are meant
    action_joints: Mapping[str, JointUnit] = hidden({}, null=True)  # of the actions, where they differ from the states
    state_key: str = hidden("observation.state", filled=True)  # the features themselves
    action_key: str = hidden("action")  # empty: measured states are learnt


@dataclass(frozen=True)
class RecordingConfig:
    """Topics of a rosbag2, names of a LeRobot dataset. A leading slash of a topic means nothing."""

    camera: str = setting(CAMERA, filled=True)  # (Compressed)Image; `<camera>/compressed` is taken where it is not there
    view: View = field(default=PLAIN, repr=False)  # of the first camera; not from the file either. Features are kept by the repr: see bags
    others: tuple[Camera, ...] = ()  # further cameras, for a policy that looks through several; not from the file: see `looking_through`
    joint_states: str = setting(JOINT_STATES, filled=True)
    audio: str = AUDIO  # empty: this robot has no microphone
    audio_rate_hz: int = setting(16000, minimum=8000)  # [Hz]
    audio_channels: int = setting(1, minimum=1)
    commands: tuple[CommandTopic, ...] = (CommandTopic("arm_controller/joint_trajectory"),)
    base: str = BASE_COMMAND  # Twist or TwistStamped; empty: not recorded
    boundary: str = ""  # each message begins an episode, each call for `<service>/_service_event`; empty: a bag is one episode
    reaction: float = setting(0.02, minimum=0.0)  # [s] from an image's arrival until the live node looks; what arrives meanwhile counts
    lerobot: LeRobotNames = setting(LeRobotNames(), null=True)
    wire: Wire = field(default=PLAIN_WIRE, repr=False)  # how drivers speak of the joints; not from this section
    name: str = field(default=DEFAULT_NAME, repr=False)  # of the first camera that is looked through; not from this section
    robot_cameras: tuple[str, ...] = field(default=(DEFAULT_NAME,), repr=False)  # all of them; not from this section
    instruction: str = hidden(INSTRUCTION)  # String: what is to be done, in words; empty: not recorded
    slides: frozenset[str] = field(default=frozenset(), repr=False)  # joints in metres; not from this section

    def looking_through(self, cameras: Sequence[Camera]) -> RecordingConfig:
        """The same for a policy that looks through these cameras of the robot; none means the first one, on `camera`."""
        if not cameras:
            return self
        first, *others = cameras
        return replace(self, camera=first.topic, view=first.view, others=tuple(others), name=first.name)

    def image_features(self) -> dict[str, str]:
        """Camera -> the feature of a LeRobot dataset that the robot file names for it; empty where it names none."""
        named = {camera: self.lerobot.images.get(camera, "") for camera in (self.name, *(c.name for c in self.others))}
        return {camera: feature or self.lerobot.image * (camera == self.robot_cameras[0]) for camera, feature in named.items()}


def load_recording(
    file: Path,
    data: Any,
    controllers: tuple[CommandTopic, ...],
    camera: Camera | None = None,
    base: str = "",
    wire: Wire = PLAIN_WIRE,
    cameras: Collection[str] = (),
    joints: Mapping[str, str] | None = None,
) -> RecordingConfig:
    """The section `recording` of a robot file, None where there is none; ConfigError for an unknown field or a wrong value.

    Args:
        controllers: the topics of the robot's joint controllers.
        camera: the robot's first one.
        base: the topic of its base's commands; empty: that of old.
        wire: how its drivers speak of the joints.
        cameras, joints: all that the robot has, and the joints' units, `rad` or `m`; names that are none of them are refused.
    """
    place, camera = Place(file, "recording"), camera or Camera()
    fields = {"camera": camera.topic, "base": base or BASE_COMMAND, **({} if data is None else read(Mapping, data, place))}
    commanded = read(str, fields.pop("commands", COMMANDS[0]), place.at("commands"), Rules(choices=COMMANDS))
    commands = controllers if commanded == COMMANDS[0] else ()
    slides = frozenset(name for name, unit in (joints or {}).items() if unit == "m")
    given = {"view": camera.view, "name": camera.name, "robot_cameras": tuple(cameras) or (camera.name,), "others": ()}
    given |= {"wire": wire, "slides": slides}
    config = load(RecordingConfig, fields, place, commands=commands, **given)
    names = config.lerobot
    if unknown := sorted(set(names.images) - set(cameras)) if cameras else []:
        raise place.at("lerobot").at("images").wrong(f"a mapping of the cameras {list(cameras)}", unknown)
    for field_name, units in (("joints", names.joints), ("action_joints", names.action_joints)) if joints else ():
        for pattern, unit in units.items():
            matched = [j for j in joints or () if fnmatchcase(j, pattern)]
            where = place.at("lerobot").at(field_name)
            if not matched:
                raise where.wrong(f"a mapping of joints, or of patterns of them; the joints are {list(joints or ())}", pattern)
            if pattern in slides and unit.unit:
                raise where.at(pattern).at("unit").wrong("left out: the joint slides, in m", unit.unit)
    return config
