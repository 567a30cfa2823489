"""What a recording of this robot looks like: the optional section `recording` of a robot file, with the live topics as defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import as_mapping
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.topic_names import AUDIO, BASE_COMMAND, CAMERA, JOINT_STATES

UNITS = {"rad": 1.0, "deg": math.pi / 180.0}  # of a LeRobot dataset's joints -> [rad]


@dataclass(frozen=True)
class CommandTopic:
    """Where positions are commanded; its type, JointTrajectory or Float64MultiArray, is read from the recording."""

    topic: str
    joints: tuple[str, ...] = ()  # order of a Float64MultiArray; a JointTrajectory names its joints itself


@dataclass(frozen=True)
class LeRobotNames:
    """How a LeRobot dataset calls things, where it does not use our names."""

    image: str = ""  # feature that holds the camera's images; empty: the only one there is
    state: Mapping[str, str] = field(default_factory=dict)  # our joint -> name in `observation.state`
    action: Mapping[str, str] = field(default_factory=dict)  # our joint, or `base/vx` and so on -> name in `action`
    unit: str = "rad"  # of joint positions, one of `UNITS`; the base is always in m/s and rad/s


@dataclass(frozen=True)
class RecordingConfig:
    """Topics of a rosbag2, names of a LeRobot dataset. A leading slash of a topic means nothing."""

    camera: str = CAMERA  # Image or CompressedImage; `<camera>/compressed` is taken where it is not there
    others: tuple[Camera, ...] = ()  # further cameras, for a policy that looks through several; not from the file: see `looking_through`
    joint_states: str = JOINT_STATES
    audio: str = AUDIO  # empty: this robot has no microphone
    audio_rate_hz: int = 16000  # [Hz]
    audio_channels: int = 1
    commands: tuple[CommandTopic, ...] = (CommandTopic("arm_controller/joint_trajectory"),)
    base: str = BASE_COMMAND  # Twist or TwistStamped; empty: not recorded
    boundary: str = ""  # each message begins an episode, each call for `<service>/_service_event`; empty: a bag is one episode
    reaction: float = 0.02  # [s] after an image's arrival that the live node looks at it; what arrives meanwhile still counts
    lerobot: LeRobotNames = field(default_factory=LeRobotNames)

    def looking_through(self, cameras: Sequence[Camera]) -> RecordingConfig:
        """The same for a policy that looks through these cameras of the robot; none means the first one, on `camera`."""
        return replace(self, camera=cameras[0].topic, others=tuple(cameras[1:])) if cameras else self


def load_recording(file: Path, data: Any, controllers: tuple[CommandTopic, ...], camera: str = CAMERA) -> RecordingConfig:
    """The section `recording` of a robot file.

    Args:
        file: for messages.
        data: the section; None where there is none.
        controllers: the topics of the robot's joint controllers.
        camera: the topic of the robot's first camera.

    Raises:
        ConfigError: an unknown field or a wrong value.
    """
    fields = {"camera": camera, **as_mapping(file, "recording", data)}
    commanded = fields.pop("commands", "controllers")
    if commanded not in ("controllers", "none"):
        raise ConfigError(
            f"{file}: recording.commands is {commanded!r}, but must be 'controllers' or 'none' (then measured states are learnt)"
        )
    names = as_mapping(file, "recording.lerobot", fields.pop("lerobot", None))
    for key in ("state", "action"):
        names[key] = {str(k): str(v) for k, v in as_mapping(file, f"recording.lerobot.{key}", names.get(key)).items()}
    if "others" in fields:
        raise ConfigError(f"{file}: section recording takes one camera; further ones belong into the section cameras")
    try:
        config = RecordingConfig(**fields, commands=controllers if commanded == "controllers" else (), lerobot=LeRobotNames(**names))
    except TypeError as error:
        raise ConfigError(f"{file}: section recording: {error}") from error
    for key in ("camera", "joint_states", "audio", "base", "boundary"):
        value = getattr(config, key)
        if not isinstance(value, str) or (not value and key in ("camera", "joint_states")):
            raise ConfigError(f"{file}: recording.{key} must be a topic, got {value!r}")
    for key, least in (("audio_rate_hz", 8000), ("audio_channels", 1), ("reaction", 0.0)):
        value = getattr(config, key)
        kinds = (int, float) if key == "reaction" else int
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value) or value < least:
            raise ConfigError(f"{file}: recording.{key} must be a number >= {least}, got {value!r}")
    if config.lerobot.unit not in UNITS:
        raise ConfigError(f"{file}: recording.lerobot.unit is {config.lerobot.unit!r}, but must be one of {list(UNITS)}")
    return config
