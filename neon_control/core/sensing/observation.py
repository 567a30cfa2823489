"""Streams to one time-aligned observation; training and the live node build observations with the same code.

Worked example, times in ms: images stamped 0, 67, 133 arrive, joint states come every 5, audio in blocks of 20.
`build` takes the image of 133, interpolates the joint states of 130 and 135 to 133, and cuts the two seconds of sound that end at 133.

Every buffer may be filled by one thread and read by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.camera import DEFAULT_NAME, input_name
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.age import age_problem
from neon_control.core.sensing.audio_buffer import AudioBuffer
from neon_control.core.sensing.cameras import MAX_SKEW_S, Cameras
from neon_control.core.sensing.image_buffer import StoredImage
from neon_control.core.sensing.joint_states import JointStateBuffer
from neon_control.core.sensing.measured import in_words
from neon_control.core.sensing.witnesses import Witnesses

# Field of the inference node's parameters and of an evaluation's.
MAX_SKEW: float = setting(
    MAX_SKEW_S, "with several cameras, how much older than the first one's image another one's may be", unit="s", minimum=0.0, maximum=10.0
)
FUTURE_S = 0.1  # [s] a stamp this far in the future means that two clocks disagree


@dataclass(frozen=True)
class Observation:
    """What the policy sees, hears and feels at one instant."""

    stamp: int  # [ns] time of the image
    image: np.ndarray  # (H, W, 3) uint8 RGB, of the policy's first camera
    joint_positions: np.ndarray  # (J,) [rad], interpolated to `stamp`; (0,) where they were not asked for
    audio: np.ndarray  # (32000,) float32 in [-1, 1], ends at `stamp`; (0,) when the policy does not listen
    clip: tuple[np.ndarray, ...] = ()  # T images like `image`, which is the last; empty for a policy that looks at one image
    others: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)  # the policy's further cameras, in its order -> T images
    skew: float = 0.0  # [s] how far the cameras' images are from the first one's in time, at most
    instruction: str = ""  # what the policy was told in words last; empty: nothing

    @property
    def frames(self) -> tuple[np.ndarray, ...]:
        """The first camera's clip, also where it is a single image."""
        return self.clip or (self.image,)

    @property
    def clips(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """The clip of each camera, in the policy's order."""
        return (self.frames, *self.others.values())

    @classmethod
    def of_clips(
        cls,
        stamp: int,
        clips: Mapping[str, tuple[np.ndarray, ...]],
        joint_positions: np.ndarray,
        audio: np.ndarray,
        skew: float = 0.0,
        instruction: str = "",
    ) -> Observation:
        """From what `Cameras.clips` gives, and `Cameras.skew`."""
        (_, frames), *others = clips.items()
        return cls(stamp, frames[-1], joint_positions, audio, frames if len(frames) > 1 else (), dict(others), skew, instruction)


@dataclass(frozen=True)
class MaxAge:
    """[s] How old the newest message of each input may be, and the features that were made of one."""

    FURTHER_FIELDS: ClassVar[bool] = True  # a parameter file may hold what nobody reads; so in all settings of nodes

    camera: float = setting(0.2, "oldest image to act on", unit="s", minimum=0.0, maximum=10.0)
    joint_states: float = setting(0.2, "oldest joint state to act on", unit="s", minimum=0.0, maximum=10.0)
    audio: float = setting(0.5, "longest silence of the audio topic", unit="s", minimum=0.0, maximum=10.0)
    features: float = setting(
        0.5, "oldest features to act on, from their image's time, with head_rate_hz", unit="s", minimum=0.0, maximum=10.0
    )


def nothing_told() -> ObservationError:
    """Why a policy that reads what is to be done waits."""
    return ObservationError("instruction: nothing was told; the policy reads what is to be done", ("instruction",))


class ObservationBuilder:
    """The buffers of cameras, joint states and sound, and the rule by which they make one observation.

    Attributes:
        instruction: the newest text that the policy was told, as of `checked_instruction`; it holds until another one takes its place, and
            an empty one takes it back.
        needs_instruction: whether there is no observation before something was told.
        voice: speaks an instruction, (text, stamp [ns]) -> (32000,) float32 that end then, where no sound was ever received; None: nobody.

    Args:
        joint_names: the joints of an observation, in order.
        max_age: limits of age.
        use_audio: False for a policy that does not listen; audio is then neither needed nor cut.
        max_skew: [s] how much older than the first camera's image another one's may be.
        witnesses: who decides which joint states can be true; None: one driver, which is always right.
        cameras: the robot's cameras; an observation is made of the first one's newest image until `cameras.look_at` says otherwise.
        wire: how drivers speak of the joints.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        max_age: MaxAge | None = None,
        use_audio: bool = True,
        cameras: Sequence[str] = (DEFAULT_NAME,),
        witnesses: Witnesses | None = None,
        max_skew: float = MAX_SKEW_S,
        wire: Wire = PLAIN,
    ) -> None:
        self.max_age = max_age or MaxAge()
        self.cameras = Cameras(cameras, self.max_age.camera, max_skew)
        self.images = self.cameras.buffers[cameras[0]]
        self.joint_states = JointStateBuffer(joint_names, gap_s=self.max_age.joint_states, witnesses=witnesses, wire=wire)
        self.audio = AudioBuffer()
        self.use_audio = use_audio
        self.instruction, self.needs_instruction = "", False
        self.voice: Callable[[str, int], np.ndarray] | None = None
        self._checked = 0  # [ns] time of the last check

    def build(self, now: int, use_joints: bool = True) -> Observation:
        """The observation at the newest image's stamp.

        Args:
            now: [ns] the current time, by which ages are judged.
            use_joints: False where joint states are taken at another time; the observation then has none, and needs none.

        Raises:
            ObservationError: an input is missing or stale, and `inputs` names every such one, or images are too far apart (`cameras.SKEW`).
        """
        picked = self.cameras.pick()
        stamps = {input_name(name): None if image is None else image.stamp for name, image in picked.items()}
        if use_joints:
            stamps["joint_states"] = None  # `check` looks at every joint's own
        told = self.instruction
        voice = self.voice if told and self.use_audio and self.can_speak else None
        if self.use_audio and voice is None:
            stamps["audio"] = self.audio.latest_stamp
        self.check(now, stamps)
        if self.needs_instruction and not told:
            raise nothing_told()
        stamp = cast(StoredImage, picked[self.cameras.used[0]]).stamp
        audio = np.zeros(0, np.float32)
        if self.use_audio:
            audio = self.audio.window(stamp) if voice is None else voice(told, stamp)
        joints = self.joint_states.at(stamp) if use_joints else np.zeros(0)
        return Observation.of_clips(stamp, self.cameras.clips(picked), joints, audio, self.cameras.skew(picked), told)

    @property
    def can_speak(self) -> bool:
        """Whether the instruction is spoken to a policy that listens: only where there never was sound.

        A microphone that has fallen silent is no reason to obey what was written long before.
        """
        return self.voice is not None and bool(self.instruction) and self.audio.latest_stamp is None

    def check(self, now: int, stamps: Mapping[str, int | None]) -> None:
        """Hold inputs, each a field of `MaxAge` or a camera of the robot, to their limits of age.

        When the clock was set back, as by a recording that begins anew, what is stamped later is forgotten. It would else be fresh again
        when that time comes, also if its sender has fallen silent.

        Args:
            now: [ns] the current time.
            stamps: [ns] time of each input's newest message; None when there is none. Of joint states, every joint's own newest one counts.

        Raises:
            ObservationError: see `build`.
        """
        if now <= 0:
            raise ObservationError("clock: no time yet; with use_sim_time somebody must publish /clock", ("clock",))
        limits = {buffer.label: self.max_age.camera for buffer in self.cameras.buffers.values()} | vars(self.max_age)
        problems = {
            name: self._joint_states_problem(now) if name == "joint_states" else age_problem(stamp, now, limits[name], FUTURE_S)
            for name, stamp in stamps.items()
        }
        bad = {name: text for name, text in problems.items() if text}
        future = round(FUTURE_S * NANOSECONDS)
        if now + future < self._checked:
            for images in self.cameras.buffers.values():
                images.forget_after(now + future)
            self.joint_states.forget_after(now + future)
            self.audio.forget_after(now + future)
        self._checked = now
        if bad:
            raise ObservationError("; ".join(f"{name}: {text}" for name, text in bad.items()), tuple(bad))

    def _joint_states_problem(self, now: int) -> str:
        """Joints whose newest state is missing or stale; without their names where all come together. Doubt comes first."""
        doubted = self.joint_states.doubted
        if doubted:
            return in_words(doubted)
        newest = self.joint_states.newest_stamps
        limits = [self.joint_states.wire.timeout(names, self.max_age.joint_states) for names, _ in newest]
        problems = [(names, age_problem(stamp, now, limit, FUTURE_S)) for (names, stamp), limit in zip(newest, limits, strict=True)]
        return ", ".join(text if len(newest) == 1 else f"{names} {text}" for names, text in problems if text)
