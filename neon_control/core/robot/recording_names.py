"""What a recording of this robot looks like: the optional section `recording` of a robot file, with the live topics as defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neon_control.core.common.fields import Place, Rules, load, read, setting
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.topic_names import AUDIO, BASE_COMMAND, CAMERA, JOINT_STATES
from neon_control.core.robot.view import PLAIN, View
from neon_control.core.robot.wire import PLAIN as PLAIN_WIRE
from neon_control.core.robot.wire import Wire

COMMANDS = ("controllers", "none")  # what a robot file's `recording.commands` may be; none: measured states are learnt
UNITS = {"rad": 1.0, "deg": math.pi / 180.0}  # of a LeRobot dataset's joints -> [rad]


@dataclass(frozen=True)
class CommandTopic:
    """Where positions are commanded; its type, JointTrajectory or Float64MultiArray, is read from the recording."""

    topic: str
    joints: tuple[str, ...] = ()  # order of a Float64MultiArray; a JointTrajectory names its joints itself


@dataclass(frozen=True)
class LeRobotNames:
    """How a LeRobot dataset calls things, where it does not use our names."""

    image: str = setting("", scalar=True)  # feature that holds the camera's images; empty: the only one there is
    state: Mapping[str, str] = setting({}, null=True, scalar=True)  # our joint -> name in `observation.state`
    action: Mapping[str, str] = setting({}, null=True, scalar=True)  # our joint, or `base/vx` and so on -> name in `action`
    unit: str = setting("rad", choices=tuple(UNITS))  # of joint positions; the base is always in m/s and rad/s


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

    def looking_through(self, cameras: Sequence[Camera]) -> RecordingConfig:
        """The same for a policy that looks through these cameras of the robot; none means the first one, on `camera`."""
        return replace(self, camera=cameras[0].topic, view=cameras[0].view, others=tuple(cameras[1:])) if cameras else self


def load_recording(
    file: Path,
    data: Any,
    controllers: tuple[CommandTopic, ...],
    camera: Camera | None = None,
    base: str = "",
    wire: Wire = PLAIN_WIRE,
) -> RecordingConfig:
    """The section `recording` of a robot file, None where there is none; ConfigError for an unknown field or a wrong value.

    Args:
        controllers: the topics of the robot's joint controllers.
        camera: the robot's first one.
        base: the topic of its base's commands; empty: that of old.
        wire: how its drivers speak of the joints.
    """
    place, camera = Place(file, "recording"), camera or Camera()
    fields = {"camera": camera.topic, "base": base or BASE_COMMAND, **({} if data is None else read(Mapping, data, place))}
    commanded = read(str, fields.pop("commands", COMMANDS[0]), place.at("commands"), Rules(choices=COMMANDS))
    commands = controllers if commanded == COMMANDS[0] else ()
    return load(RecordingConfig, fields, place, commands=commands, view=camera.view, others=(), wire=wire)
