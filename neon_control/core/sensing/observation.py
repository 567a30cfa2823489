"""Streams to one time-aligned observation; training and the live node build observations with the same code.

Worked example, times in ms: images stamped 0, 67, 133 arrive, joint states come every 5, audio in blocks of 20.
`build` takes the image of 133, interpolates the joint states of 130 and 135 to 133, and cuts the two seconds of sound that end at 133.

Every buffer may be filled by one thread and read by another.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.camera import DEFAULT_NAME, input_name
from neon_control.core.sensing.cameras import Cameras
from neon_control.core.sensing.image_buffer import JUMP_BACK_S, AnyImage, Clip, ImageBuffer, StoredImage

__all__ = [
    "NANOSECONDS",
    "AnyImage",
    "AudioBuffer",
    "Clip",
    "ImageBuffer",
    "JointStateBuffer",
    "MaxAge",
    "Observation",
    "ObservationBuilder",
]

SAMPLE_RATE = 16000  # [Hz] of the sound that policies hear
AUDIO_WINDOW_S = 2.0  # [s] what the audio encoder hears
FUTURE_S = 0.1  # [s] a stamp this far in the future means that two clocks disagree
CLOCKS_DIFFER_S = 1.0e5  # [s] beyond this an age is no age: one side runs on simulated time


@dataclass(frozen=True)
class Observation:
    """What the policy sees, hears and feels at one instant."""

    stamp: int  # [ns] time of the image
    image: np.ndarray  # (H, W, 3) uint8 RGB, of the policy's first camera
    joint_positions: np.ndarray  # (J,) [rad], interpolated to `stamp`; (0,) where they were not asked for
    audio: np.ndarray  # (32000,) float32 in [-1, 1], ends at `stamp`; (0,) when the policy does not listen
    clip: tuple[np.ndarray, ...] = ()  # T images like `image`, which is the last; empty for a policy that looks at one image
    others: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)  # the policy's further cameras, in its order -> T images

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
        cls, stamp: int, clips: Mapping[str, tuple[np.ndarray, ...]], joint_positions: np.ndarray, audio: np.ndarray
    ) -> Observation:
        """From what `Cameras.clips` gives."""
        (_, frames), *others = clips.items()
        return cls(stamp, frames[-1], joint_positions, audio, frames if len(frames) > 1 else (), dict(others))


class JointStateBuffer:
    """The last seconds of joint positions, in a fixed order whatever the order in the messages.

    Args:
        joint_names: the J joints, in the order of the vectors that come out.
        horizon_s: [s] how far back to remember.
        tolerance_s: [s] how far outside the buffered span, or inside a gap, `at` still answers, with the nearest state.
        gap_s: [s] longest time between two states for what lies between them to be interpolated.
    """

    def __init__(self, joint_names: Sequence[str], horizon_s: float = 2.0, tolerance_s: float = 0.05, gap_s: float = 0.2) -> None:
        self.joint_names = tuple(joint_names)
        self._horizon = round(horizon_s * NANOSECONDS)
        self._tolerance = round(tolerance_s * NANOSECONDS)
        self._gap = round(gap_s * NANOSECONDS)
        self._lock = threading.Lock()
        self._stamps: list[int] = []
        self._positions: list[np.ndarray] = []
        self._order: tuple[tuple[str, ...], np.ndarray] | None = None  # the last message's names -> our order
        self.late = 0  # messages dropped because a newer one was there already

    def add(self, stamp: int, names: Sequence[str], positions: Sequence[float] | np.ndarray) -> None:
        """Store one message's joint positions [rad]; joints that we do not need are ignored.

        Raises:
            ObservationError: a needed joint is missing or not finite, or names and positions differ in number.
        """
        order = self._indices(tuple(names))
        values = np.asarray(positions, dtype=np.float64)
        if values.shape != (len(names),):
            raise ObservationError(f"joint_states: {len(names)} names but positions of shape {values.shape}", ("joint_states",))
        state = values[order]
        if not np.isfinite(state).all():
            bad = [n for n, v in zip(self.joint_names, state, strict=True) if not np.isfinite(v)]
            raise ObservationError(f"joint_states: position of {bad} is not finite", ("joint_states",))
        with self._lock:
            if self._stamps and stamp <= self._stamps[-1]:
                if self._stamps[-1] - stamp < JUMP_BACK_S * NANOSECONDS:
                    self.late += 1
                    return
                self._stamps.clear()
                self._positions.clear()
            self._stamps.append(stamp)
            self._positions.append(state)
            old = bisect_left(self._stamps, stamp - self._horizon)
            del self._stamps[:old]
            del self._positions[:old]

    def _indices(self, names: tuple[str, ...]) -> np.ndarray:
        if self._order is None or names != self._order[0]:  # drivers repeat the same names for ever: look them up once
            index = {name: i for i, name in enumerate(names)}
            twice = sorted({n for n in self.joint_names if names.count(n) > 1})
            if twice:
                raise ObservationError(f"joint_states: {twice} named more than once in a message", ("joint_states",))
            missing = [n for n in self.joint_names if n not in index]
            if missing:
                raise ObservationError(f"joint_states: no position of {missing}; the message has {sorted(names)}", ("joint_states",))
            self._order = (names, np.array([index[n] for n in self.joint_names], dtype=np.intp))
        return self._order[1]

    def forget_after(self, stamp: int) -> None:
        """Forget what is stamped later [ns]."""
        with self._lock:
            first = bisect_right(self._stamps, stamp)
            del self._stamps[first:]
            del self._positions[first:]

    @property
    def latest_stamp(self) -> int | None:
        """[ns] stamp of the newest state; None when there is none."""
        with self._lock:
            return self._stamps[-1] if self._stamps else None

    def latest(self) -> tuple[int, np.ndarray]:
        """The newest stamp [ns] and positions (J,) [rad].

        Raises:
            ObservationError: nothing was received.
        """
        with self._lock:
            if not self._stamps:
                raise ObservationError("joint_states: nothing received", ("joint_states",))
            return self._stamps[-1], self._positions[-1].copy()

    def at(self, stamp: int) -> np.ndarray:
        """Positions (J,) [rad] at `stamp` [ns], linearly interpolated between the states around it.

        Raises:
            ObservationError: nothing was received, or `stamp` lies outside the buffered span, or in a gap, by more than the tolerance.
        """
        with self._lock:
            if not self._stamps:
                raise ObservationError("joint_states: nothing received", ("joint_states",))
            right = bisect_left(self._stamps, stamp)
            around = range(max(0, right - 1), min(right + 1, len(self._stamps)))  # the states before and after
            before, after = self._stamps[around[0]], self._stamps[around[-1]]
            state: np.ndarray
            if before <= stamp <= after and after - before <= self._gap:
                weight = (stamp - before) / max(1, after - before)
                state = (1.0 - weight) * self._positions[around[0]] + weight * self._positions[around[-1]]
                return state
            nearest = min(around, key=lambda i: abs(self._stamps[i] - stamp))
            away = abs(self._stamps[nearest] - stamp)
            if away > self._tolerance:
                side = "before the oldest" if stamp < before else "after the newest" if stamp > after else "from the nearest"
                raise ObservationError(
                    f"joint_states: the asked time is {away / NANOSECONDS:.3f} s {side} of {len(self._stamps)} states, "
                    f"limit {self._tolerance / NANOSECONDS:.3f} s",
                    ("joint_states",),
                )
            state = self._positions[nearest].copy()
            return state


class AudioBuffer:
    """The last seconds of sound, from unstamped blocks.

    Audio messages carry no stamp, so the arrival time of the first block fixes the end of that block, and later blocks are taken to follow
    each other without a gap: jitter of the transport does not tear the sound. Only when a block arrives more than
    `gap_s` away from where it should, the buffer moves its clock to the arrival time; if sound was lost, silence takes its place.

    Args:
        sample_rate: [Hz].
        horizon_s: [s] how far back to remember.
        gap_s: [s] tolerated difference between a block's arrival and its place in the stream.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE, horizon_s: float = 4.0, gap_s: float = 0.1) -> None:
        self.sample_rate = sample_rate
        self._capacity = round(horizon_s * sample_rate)
        self._gap = round(gap_s * NANOSECONDS)
        self._lock = threading.Lock()
        self._samples = np.zeros(2 * self._capacity, np.float32)  # filled from the left; when full, the newest half moves to the left end
        self._count = 0
        self._end: int | None = None  # [ns] the time at which the newest sample ends
        self.gaps = 0  # times that the clock was moved

    def add(self, arrival: int, samples: np.ndarray) -> None:
        """Append one mono block, int16 or float32 in [-1, 1], which arrived at `arrival` [ns].

        Raises:
            ObservationError: another shape or type, or a sample is not finite.
        """
        block = _as_float(samples)
        with self._lock:
            duration = len(block) * NANOSECONDS // self.sample_rate
            if self._end is None:
                self._end = arrival - duration
            drift = arrival - (self._end + duration)
            if abs(drift) > self._gap:
                self.gaps += 1
                if drift < -JUMP_BACK_S * NANOSECONDS:  # time was reset
                    self._count = 0
                elif drift > 0:
                    self._append(np.zeros(min(drift * self.sample_rate // NANOSECONDS, self._capacity), np.float32))
                self._end = arrival - duration
            self._append(block)
            self._end += duration

    def _append(self, block: np.ndarray) -> None:
        block = block[-self._capacity :]
        if self._count + len(block) > len(self._samples):
            kept = self._capacity - len(block)
            self._samples[:kept] = self._samples[self._count - kept : self._count]
            self._count = kept
        self._samples[self._count : self._count + len(block)] = block
        self._count += len(block)

    def forget_after(self, stamp: int) -> None:
        """Forget all sound if it ends later [ns]: unstamped, it is of one piece."""
        with self._lock:
            if self._end is not None and self._end > stamp:
                self._count, self._end = 0, None

    @property
    def latest_stamp(self) -> int | None:
        """[ns] the time at which the newest sample ends; None when there is none."""
        with self._lock:
            return self._end

    def window(self, end: int, seconds: float = AUDIO_WINDOW_S) -> np.ndarray:
        """The last `seconds` of sound before `end` [ns]: float32 (seconds * sample_rate,), silence on the left where nothing was heard yet.

        When `end` is later than the newest sample, the window ends with the newest sample: an image usually overtakes the
        block of sound that was recorded with it, and silence on the right would put a click into every window.
        """
        size = round(seconds * self.sample_rate)
        out = np.zeros(size, np.float32)
        with self._lock:
            if self._end is None:
                return out
            newer = max(0, round((self._end - end) * self.sample_rate / NANOSECONDS))
            oldest = self._count - min(self._count, self._capacity)
            stop = max(self._count - newer, oldest)
            start = max(stop - size, oldest)
            if stop > start:
                out[size - (stop - start) :] = self._samples[start:stop]
        return out


def _as_float(samples: np.ndarray) -> np.ndarray:
    if samples.ndim != 1:
        raise ObservationError(f"audio: block has shape {samples.shape}, needs (samples,) of one channel", ("audio",))
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768.0
    if samples.dtype != np.float32:
        raise ObservationError(f"audio: block has type {samples.dtype}, needs int16 or float32", ("audio",))
    if not np.isfinite(samples).all():
        raise ObservationError("audio: a sample is not finite", ("audio",))
    return samples


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


class ObservationBuilder:
    """The buffers of cameras, joint states and sound, and the rule by which they make one observation.

    Args:
        joint_names: the joints of an observation, in order.
        max_age: limits of age.
        use_audio: False for a policy that does not listen; audio is then neither needed nor cut.
        clip: the images of an observation; the newest one where none is given.
        cameras: the robot's cameras; an observation is made of the first one until `look_at` says otherwise.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        max_age: MaxAge | None = None,
        use_audio: bool = True,
        clip: Clip | None = None,
        cameras: Sequence[str] = (DEFAULT_NAME,),
    ) -> None:
        self.max_age = max_age or MaxAge()
        self.cameras = Cameras(cameras, self.max_age.camera)
        self.cameras.look_at(clip or Clip())
        self.images = self.cameras.buffers[cameras[0]]
        self.joint_states = JointStateBuffer(joint_names, gap_s=self.max_age.joint_states)
        self.audio = AudioBuffer()
        self.use_audio = use_audio
        self._checked = 0  # [ns] time of the last check

    def look_at(self, clip: Clip, cameras: Sequence[str] = ()) -> None:
        """Take other clips, of other cameras, from now on; see `Cameras.look_at`. Called by the thread that builds."""
        self.cameras.look_at(clip, cameras)

    def build(self, now: int, use_joints: bool = True) -> Observation:
        """The observation at the newest image's stamp.

        Args:
            now: [ns] the current time, by which ages are judged.
            use_joints: False where joint states are taken at another time; the observation then has none, and needs none.

        Raises:
            ObservationError: an input is missing or stale; the message and `inputs` name every such input.
        """
        picked = self.cameras.pick()
        stamps = {input_name(name): None if image is None else image.stamp for name, image in picked.items()}
        if use_joints:
            stamps["joint_states"] = self.joint_states.latest_stamp
        if self.use_audio:
            stamps["audio"] = self.audio.latest_stamp
        self.check(now, stamps)
        stamp = cast(StoredImage, picked[self.cameras.used[0]]).stamp
        audio = self.audio.window(stamp) if self.use_audio else np.zeros(0, np.float32)
        joints = self.joint_states.at(stamp) if use_joints else np.zeros(0)
        return Observation.of_clips(stamp, self.cameras.clips(picked), joints, audio)

    def check(self, now: int, stamps: Mapping[str, int | None]) -> None:
        """Hold inputs, each a field of `MaxAge` or a camera of the robot, to their limits of age.

        When the clock was set back, as by a recording that begins anew, what is stamped later is forgotten. It would else be fresh again
        when that time comes, also if its sender has fallen silent.

        Args:
            now: [ns] the current time.
            stamps: [ns] time of each input's newest message; None when there is none.

        Raises:
            ObservationError: an input is missing or stale; the message and `inputs` name every such input.
        """
        if now <= 0:
            raise ObservationError("clock: no time yet; with use_sim_time somebody must publish /clock", ("clock",))
        limits = {buffer.label: self.max_age.camera for buffer in self.cameras.buffers.values()} | vars(self.max_age)
        problems = {name: _age_problem(stamp, now, limits[name]) for name, stamp in stamps.items()}
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


def _age_problem(stamp: int | None, now: int, limit: float) -> str:
    if stamp is None:
        return "nothing received"
    age = (now - stamp) / NANOSECONDS
    if abs(age) > CLOCKS_DIFFER_S:
        hint = "check use_sim_time" if stamp else "its sender gives no stamp"
        return f"stamped {stamp / NANOSECONDS:.1f} s, but the clock says {now / NANOSECONDS:.1f} s; {hint}"
    if age > limit:
        return f"{age:.2f} s old, limit {limit} s"
    if age < -FUTURE_S:
        return f"stamped {-age:.2f} s in the future, limit {FUTURE_S} s; are the clocks synchronised?"
    return ""
