"""A rosbag2 to samples: its messages are played to the buffers of the live node, in the order in which they were received.

One sample for each camera image, built `reaction` after the image arrived, as the live node would have built it: an input that is missing
or stale gives no sample here either, but a problem in the report. Messages without a stamp (sound, Twist, Float64MultiArray, trajectories
that begin "now") count from when they were received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import DEFAULT_NAME, Camera
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.view import PLAIN
from neon_control.core.sensing.image_buffer import AnyImage, Clip
from neon_control.core.sensing.instruction import checked_instruction
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.recordings.bag.bag_file import DARK_KEY, METADATA, TAKE_KEY, BagError
from neon_control.recordings.bag.messages import IMAGE_TYPES, TEXT, stamp_of
from neon_control.recordings.bag_scan import Scan
from neon_control.recordings.damaged_bag import ReadableBag
from neon_control.recordings.episode import is_outcome, is_state, outcome_of, succeeded
from neon_control.recordings.observer import CAMERA, JOINTS, SOUND
from neon_control.recordings.reading import SILENCE, Recording, Report, Sample, file_fingerprint, step_times
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.images import image_of, kind_of
from neon_control.runtime.decoding.sound import SoundStream

CAMERA_GAP_S = 0.5  # [s] images further apart are reported


class BagRecording(Recording):
    """One rosbag2: a folder, or a single file without its folder's metadata."""

    def __init__(self, path: Path, config: RecordingConfig | None = None) -> None:
        self.path = path
        self.name = path.name
        self.config = config or RecordingConfig()

    def fingerprint(self) -> str:
        """Of its files and of the topics that are read."""
        files = [self.path] if self.path.is_file() else list(self.path.iterdir())
        named = [f for f in files if f == self.path or f.name == METADATA or ".mcap" in f.name or ".db3" in f.name]
        turned = [self.config.view] if self.config.view != PLAIN else []  # features of older versions are found again
        return file_fingerprint(named, self.config, *turned, *self.config.wire.key)

    def instruction_fingerprint(self) -> str:
        """Of the topic: features of those that are not told anything are kept without it."""
        return self.config.instruction

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        try:
            bag = ReadableBag(self.path, report)
        except BagError as error:
            report.add(self.name, None, error.what)
            return
        report.take, report.dark = bag.custom.get(TAKE_KEY, ""), DARK_KEY in bag.custom
        with bag:
            report.outcome = outcome_of(bag)
            cameras = self._cameras(bag)
            if cameras is not None:
                yield from _Playback(bag, self.config, space, dt, num_steps, clip).play(cameras)

    def _cameras(self, bag: ReadableBag) -> dict[str, Camera] | None:
        """Topic with images -> camera, the first one first; None, and a problem, where there can be no samples."""
        first = Camera(DEFAULT_NAME, **vars(self.config.view))
        wanted = {self.config.camera.lstrip("/"): first, **{c.topic.lstrip("/"): c for c in self.config.others}}
        found = {_stored(bag, topic): camera for topic, camera in wanted.items()}
        needed = [t for t in (*found, self.config.joint_states.lstrip("/")) if t not in bag.types]
        if needed:
            bag.report.add(self.name, None, f"no topic {needed}; the bag has {sorted(bag.types)}")
            return None
        wrong = {t: bag.types[t] for t in found if bag.types[t] not in IMAGE_TYPES}
        for topic, kind in wrong.items():
            bag.report.add(f"{self.name} {topic}", None, f"has the type {kind}, needs one of {list(IMAGE_TYPES)}")
        return None if wrong else found


class _Image(NamedTuple):
    due: int  # [ns] when it is looked at
    stamp: int  # [ns]
    image: AnyImage


def _stored(bag: ReadableBag, topic: str) -> str:
    """The topic under which a camera's images are in a bag: its own, or that of the compressed ones."""
    return next((t for t in (topic, f"{topic}/compressed") if t in bag.types), topic)


def _recorded(bag: ReadableBag, cameras: Sequence[Camera]) -> dict[str, Camera]:
    """Topic -> camera, of those whose images are in a bag."""
    found = {_stored(bag, camera.topic.lstrip("/")): camera for camera in cameras}
    return {topic: camera for topic, camera in found.items() if bag.types.get(topic) in IMAGE_TYPES}


class _Playback:
    """Plays a bag to an `ObservationBuilder`."""

    def __init__(self, bag: ReadableBag, config: RecordingConfig, space: ActionSpace, dt: float, num_steps: int, clip: Clip) -> None:
        self._bag, self._config, self._joints, self._clip = bag, config, space.joint_names, clip
        self._dt, self._num_steps = dt, num_steps
        self._name, self._report = bag.name, bag.report
        self._scan = Scan(bag, config, space, shortest=dt * num_steps)
        audio = config.audio.lstrip("/")
        kind = bag.types[audio].replace("/msg/", "/") if audio in bag.types else ""
        if kind and kind not in READERS:
            bag.report.add(f"{bag.name} {audio}", None, f"has the type {kind}, needs one of {list(READERS)}; silence stands in for it")
        elif audio and not kind:
            bag.report.add(bag.name, None, f"no topic '{audio}'; silence stands in for it")
        self._read_audio = READERS.get(kind)
        told = config.instruction.lstrip("/")
        if told in bag.types and bag.types[told] != TEXT:
            bag.report.add(f"{bag.name} {told}", None, f"has the type {bag.types[told]}, needs {TEXT}; nothing is told")
        self._told = told if bag.types.get(told) == TEXT else ""
        self._sound = SoundStream(config.audio_rate_hz, config.audio_channels)
        self._cameras = [DEFAULT_NAME, *(c.name for c in config.others)]
        self._builder = self._new_builder()
        self._episode = 0
        self._first_image: int | None = None  # [ns] of the episode
        self._last_image: int | None = None  # [ns]

    def play(self, cameras: Mapping[str, Camera]) -> Iterator[Sample]:
        """One sample for each usable image of the first of `cameras` (by topic)."""
        leading, observer = next(iter(cameras)), self._bag.report.observer
        observer.begin(self._scan.spans, self._scan.targets, self._scan.offset, self._config.wire)
        further = {t: c for t, c in _recorded(self._bag, observer.cameras or ()).items() if t not in cameras}  # no sample needs them
        kinds = self._bag.types.items()
        outcomes = [t for t, kind in kinds if is_state(t, kind) or is_outcome(t, kind)]
        joint_states, audio = self._config.joint_states.lstrip("/"), self._config.audio.lstrip("/")
        reaction = round(self._config.reaction * NANOSECONDS)
        waiting: deque[_Image] = deque()
        topics = [
            *cameras,
            joint_states,
            *([audio] if self._read_audio else []),
            *([self._told] if self._told else []),
            *further,
            *outcomes,
        ]
        spans: dict[str, tuple[int, int, int]] = {}  # topic -> messages, first and last one's time [ns]
        for topic, arrival, message in self._bag.contents(topics):
            now = arrival - self._scan.offset
            if topic != self._told:  # words come when they come, at no rate
                count, first, _ = spans.get(topic, (0, now, now))
                spans[topic] = (count + 1, first, now)
            while waiting and waiting[0].due < now:
                yield from self._look(waiting.popleft())
            stamp = stamp_of(message)
            try:
                if topic in cameras or topic in further:
                    camera = cameras.get(topic) or further[topic]
                    observer.message(CAMERA, topic, stamp, arrival)
                    image = observer.image(topic, stamp or now, image_of(message, camera))
                    if topic in cameras and (kind := kind_of(message, camera)):
                        self._report.images[camera.name, kind] += 1
                    if topic == leading:
                        waiting.append(_Image(now + reaction, stamp, image))
                    elif topic in cameras:
                        self._builder.cameras.buffers[camera.name].add(stamp, image)
                elif topic == joint_states:
                    observer.message(JOINTS, topic, stamp, arrival)
                    observer.joints(stamp or now, message.name, message.position)
                    self._builder.joint_states.add(stamp, message.name, message.position)
                elif topic == self._told:
                    self._builder.instruction = checked_instruction(message.data)
                elif topic in outcomes:
                    if (success := succeeded(message.data)) is not None:
                        observer.outcome(now, success)
                else:
                    observer.message(SOUND, topic, stamp, arrival)
                    self._hear(now, message)
            except ObservationError as error:
                self._report.add(f"{self._name} {topic}", self._scan.seconds(now), f"message refused: {error}", "refused")
        while waiting:
            yield from self._look(waiting.popleft())
        for topic, (count, first, last) in spans.items():
            self._report.rates[topic] = (count - 1) * NANOSECONDS / max(last - first, 1)
            if topic == leading:
                self._report.seconds = (last - first) / NANOSECONDS

    def _hear(self, now: int, message: Any) -> None:
        assert self._read_audio is not None
        samples, delay = self._sound.convert(self._read_audio(message))
        gaps = self._builder.audio.gaps
        if len(samples):
            self._builder.audio.add(now - delay, samples)
        if self._builder.audio.gaps > gaps:
            text = "sound is missing; silence stands in for it"
            self._report.add(f"{self._name} {self._config.audio}", self._scan.seconds(now), text, "gap")

    def _look(self, image: _Image) -> Iterator[Sample]:
        episode = max(self._episode, self._scan.episode_of(image.stamp))
        if episode != self._episode:
            self._begin(episode)
        time, where = self._scan.seconds(image.stamp), f"{self._name} {self._config.camera}"
        gap = (image.stamp - self._last_image) / NANOSECONDS if self._last_image is not None else 0.0
        if gap > CAMERA_GAP_S:
            self._report.add(where, time - gap, f"no image for {gap:.2f} s", "gap")
        self._last_image = image.stamp
        self._first_image = image.stamp if self._first_image is None else self._first_image
        self._builder.images.add(image.stamp, image.image)
        if self._builder.images.latest_stamp != image.stamp:
            self._report.add(where, time, "an image is older than the one before it", "late")
            return
        if episode in self._scan.short:
            return
        if self._clip.frames > 1 and image.stamp < self._first_image + round((self._clip.frames - 1) / self._clip.rate_hz * NANOSECONDS):
            return  # its clip would reach back before the episode
        try:
            observation = self._builder.build(image.due)
        except ObservationError as error:
            self._report.add(self._name, time, f"no observation: {error}", "observation " + ", ".join(error.inputs))
            return
        if self._read_audio is None:
            observation = replace(observation, audio=SILENCE)
        times = step_times(image.stamp, self._dt, self._num_steps)
        leaders, end = self._scan.leaders, self._scan.end_of(episode)
        actions, mask = self._scan.targets.at(
            times, self._dt, min(end, leaders.until(image.stamp))
        )  # nobody is taught another one's action
        if mask.any():
            yield Sample(observation, actions, mask, episode, leaders.at(image.stamp), leaders.before_takeover(image.stamp, end))
        else:
            self._report.add(self._name, time, "no command is known at an image's time, before the first or after the last", "empty")

    def _new_builder(self) -> ObservationBuilder:
        hears, wire = self._read_audio is not None, self._config.wire
        builder = ObservationBuilder(self._joints, use_audio=hears, cameras=self._cameras, wire=wire)
        builder.cameras.look_at(self._clip, self._cameras)
        return builder

    def _begin(self, episode: int) -> None:
        """Clips do not reach back into another episode; what was told or heard and where the joints are is no secret."""
        self._episode, self._first_image, self._last_image = episode, None, None
        builder = self._new_builder()
        builder.audio, builder.joint_states = self._builder.audio, self._builder.joint_states
        builder.instruction = self._builder.instruction
        self._builder = builder
