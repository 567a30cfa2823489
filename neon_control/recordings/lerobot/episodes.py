"""Episodes of a LeRobot dataset to samples: joints by names or places, images from mp4 or parquet, no sound.

What is bad costs itself: a frame whose state or image is no good has no sample, steps that rest on a bad action are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.files import lfs_hint
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import DEFAULT_NAME
from neon_control.core.robot.joint_units import JointUnit, unit_of
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.robot.turns import unrolled
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.episode import FAILURE, SUCCESS
from neon_control.recordings.leaders import Leaders
from neon_control.recordings.lerobot.columns import known_at
from neon_control.recordings.lerobot.layout import Episode, Layout, load_layout
from neon_control.recordings.lerobot.meaning import Joints, Numbers, compared, far_outside
from neon_control.recordings.lerobot.on_disk import INFO
from neon_control.recordings.lerobot.rows import SECTION, START, EpisodeRows, Part
from neon_control.recordings.lerobot.tasks import tasks_file
from neon_control.recordings.observer import CAMERA, UNSEEN
from neon_control.recordings.observer import JOINTS as MEASURED
from neon_control.recordings.reading import SILENCE, Recording, Report, Sample, UnreadableRecording, file_fingerprint, step_times
from neon_control.recordings.tracks import Targets, Track

STATE, IMAGES = "observation.state", "observation.images"  # their rates in a report
REVISION = 2  # of this reader: counts up when it makes other samples of the same episode
NO_IMAGE = "no image at a frame's time"


@dataclass(frozen=True)
class Frames:
    """The numbers of an episode's T frames, in [rad] and [m], base velocities in [m/s, rad/s]."""

    stamps: list[int]  # (T,) [ns]
    states: Part  # (T, J)
    actions: dict[str, Part]  # JOINTS (T, J), BASE (T, 3), as far as the dataset has them


def lerobot_episodes(root: Path, config: RecordingConfig | None = None) -> Iterator[Recording]:
    """The episodes of a dataset; something that says what is wrong with it, or with a row of its list, where that cannot be read."""
    try:
        layout = load_layout(root)
    except Exception as error:  # whatever is wrong with one dataset, the others are read
        yield UnreadableRecording(root, str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}")
        return
    alone = replace(layout, episodes=(), damaged=())  # what travels to worker processes with each episode
    for episode in layout.episodes:
        yield LeRobotEpisode(alone, episode, config or RecordingConfig())
    for why in layout.damaged or ([] if layout.episodes else [f"{root / INFO}: the list of episodes is empty"]):
        yield UnreadableRecording(root, why)


def lerobot_episode(root: Path, config: RecordingConfig, number: int | None = None) -> tuple[LeRobotEpisode, int]:
    """One episode of a dataset, the first one where no number is given, and how many there are.

    Raises:
        ConfigError: the dataset cannot be read, or has no such episode.
    """
    recordings = list(lerobot_episodes(root, config))
    episodes = {r.episode.index: r for r in recordings if isinstance(r, LeRobotEpisode)}
    if not episodes:
        raise ConfigError("; ".join(str(r) for r in recordings))
    if number is not None and number not in episodes:
        given = f"from {min(episodes)} to {max(episodes)}" if len(episodes) > 1 else f"{min(episodes)} alone"
        raise ConfigError(f"{root} has no episode {number}; it has {len(episodes)}, {given}")
    return episodes[min(episodes) if number is None else number], len(episodes)


class LeRobotEpisode(Recording):
    """One episode; `path` is its dataset's folder.

    Attributes:
        layout, episode: its dataset, without the list of episodes, and its row of that.
    """

    def __init__(self, layout: Layout, episode: Episode, config: RecordingConfig) -> None:
        self.path = layout.root
        self.name = f"{layout.name}/episode_{episode.index:06d}"
        self.layout, self.episode, self._config = layout, episode, config

    def fingerprint(self) -> str:
        """Of its files, its place in them, and the names and units that are used."""
        config = self._config
        return self._fingerprint(sorted(vars(config.lerobot).items()), sorted(config.slides), *config.wire.key)

    def senses_fingerprint(self) -> str:
        """Of its files, its place in them, and the cameras."""
        return self._fingerprint("senses")

    def _fingerprint(self, *more: object) -> str:
        layout, episode, config = self.layout, self.episode, self._config
        files = [layout.root / INFO, layout.data_file(episode)]
        cameras = self._cameras()
        files += [layout.video_file(episode, k) for k in cameras if layout.features[k].get("dtype") == "video"]
        row = sorted((k, v) for k, v in episode.row.items() if not k.startswith("stats/"))
        return file_fingerprint([f for f in files if f.exists()], REVISION, row, cameras, config.lerobot.state_key, *more)

    def instruction_fingerprint(self) -> str:
        """Of the dataset's tasks; which of them are the episode's is part of the others."""
        file = tasks_file(self.layout)
        return file_fingerprint([file] if file.exists() else [])

    @property
    def uses_ranges(self) -> bool:
        """Whether samples depend on the ranges of the robot's joints, too."""
        names = self._config.lerobot
        return any(unit.range for unit in (*names.joints.values(), *names.action_joints.values()))

    def as_bag(self, robot: Robot) -> tuple[Bag, Robot]:
        """See `EpisodeBag`."""
        from neon_control.recordings.lerobot.episode_bag import EpisodeBag  # here: it is made of this

        bag = EpisodeBag(self, robot)
        return bag, bag.robot

    def _cameras(self) -> list[str]:
        """The feature with each camera's images, the first one first; ConfigError where a camera has none, or not its own.

        They are seen as they are: LeRobot turns them when it records.
        """
        config = self._config
        names = config.image_features()
        features = [self.layout.image_feature(camera, wanted, config.robot_cameras) for camera, wanted in names.items()]
        if len(set(features)) < len(features):
            given = dict(zip(names, features, strict=True))
            raise ConfigError(f"{self.layout.root / INFO}: cameras need images of their own, got {given}; see {SECTION}.images")
        return features

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        try:
            yield from self._seen(space, dt, num_steps, clip, report)
        except ConfigError as error:
            report.add(self.name, None, str(error))
        except (OSError, KeyError, ValueError) as error:  # pyarrow's errors are these
            report.add(self.name, None, self.unreadable(error))

    def unreadable(self, error: Exception) -> str:
        """What a reader's error says about the file with the rows."""
        file = self.layout.data_file(self.episode)
        missing = "it is not there" if isinstance(error, FileNotFoundError) else ""
        what = missing or lfs_hint(file) or f"{type(error).__name__}: {error}"
        return f"{file.relative_to(self.path)} cannot be read: {what}"

    def rows(self, cameras: Sequence[str], report: Report) -> EpisodeRows:
        """The rows, for images of some features; ConfigError where there are no states."""
        layout, names = self.layout, self._config.lerobot
        if names.state_key not in layout.features:
            found = sorted(layout.features)
            raise ConfigError(f"{layout.root / INFO}: needs the feature '{names.state_key}', has {found}; {SECTION}.state_key names it")
        return EpisodeRows(layout, self.episode, names, cameras, self.name, report)

    def numbers(self, rows: EpisodeRows, space: ActionSpace, report: Report) -> Frames:
        """States and actions of the joints and the base of `space`, at least one row of them."""
        names = self._config.lerobot
        states = rows.part(names.state_key, names.state, "state", space.joint_names)
        actions = self._action(rows, space, report)
        return Frames(rows.stamps, *self._in_radians(states, actions, space, 1.0 / rows.rate, report))

    def _seen(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        cameras, observer = self._cameras(), report.observer
        further = [] if observer.cameras is None else [f for f in self.layout.image_features if f not in cameras]  # no sample needs them
        rows = self.rows([*cameras, *further], report)
        if not rows.stamps:
            return
        report.seconds, report.rates = len(rows.stamps) / rows.rate, {IMAGES: rows.rate, STATE: rows.rate}
        if report.seconds < dt * num_steps:
            report.add(self.name, None, f"lasts {report.seconds:.2f} s, shorter than one chunk of {dt * num_steps:.2f} s (num_steps x dt)")
            return
        frames = self.numbers(rows, space, report)
        stamps, states = frames.stamps, frames.states
        targets, good = _targets(frames, space)
        observer.begin([(stamps[0], stamps[-1])], targets)
        if (success := rows.outcome()) is not None:
            observer.outcome(stamps[0], success)
            report.outcome = SUCCESS if success else FAILURE
        leaders = rows.leaders() or Leaders()
        known = np.asarray(stamps)
        chosen = observer.chosen(known)
        pictures = [rows.images(camera, chosen) for camera in cameras]
        lenses = [DEFAULT_NAME, *(c.name for c in self._config.others)]
        builder = ObservationBuilder(space.joint_names, use_audio=False, cameras=lenses)
        builder.cameras.look_at(clip, lenses)
        told = rows.instructions()
        first = stamps[0] + round((clip.frames - 1) / clip.rate_hz * NANOSECONDS)
        for row, (stamp, *images) in enumerate(zip(stamps, *pictures, strict=False)):
            for lens, camera, image in zip(lenses, cameras, images, strict=True):
                if image is None:
                    report.add(f"{self.name} {camera}", (stamp - START) / NANOSECONDS, NO_IMAGE, "image")
                else:
                    if image is not UNSEEN:
                        height, width = image.shape[:2]
                        report.images[lens, ImageKind(*rows.came[camera], width, height)] += 1
                    observer.message(CAMERA, camera, stamp, stamp)
                    builder.cameras.buffers[lens].add(stamp, observer.image(camera, stamp, image))
            if not states.good[row]:
                continue
            observer.message(MEASURED, self._config.lerobot.state_key, stamp, stamp)
            observer.joints(stamp, space.joint_names, states.values[row])
            builder.joint_states.add(stamp, space.joint_names, states.values[row])
            builder.instruction = told[row]
            if images[0] is None or (clip.frames > 1 and stamp < first):
                continue
            try:
                seen = builder.build(stamp)
            except ObservationError as error:
                report.add(self.name, (stamp - START) / NANOSECONDS, f"no observation: {error}", "observation")
                continue
            steps = step_times(stamp, dt, num_steps)
            targeted, mask = targets.at(steps, dt, min(stamps[-1] + NANOSECONDS, leaders.until(stamp)))
            mask = mask * known_at(steps, known, good)
            if targets.measured_joints:
                mask = mask * known_at(steps + round(dt * NANOSECONDS), known, states.good)
            if mask.any():
                who = leaders.at(stamp), leaders.before_takeover(stamp, stamps[-1] + 1)
                yield Sample(replace(seen, audio=SILENCE), targeted, mask.astype(np.float32), 0, *who)
        for camera in further:
            for stamp, image in zip(stamps, rows.images(camera, chosen), strict=False):
                if image is not None:
                    observer.message(CAMERA, camera, stamp, stamp)
                    observer.image(camera, stamp, image)

    def _action(self, rows: EpisodeRows, space: ActionSpace, report: Report) -> dict[str, Part]:
        """What is commanded, as far as the dataset has it: `JOINTS`, `BASE`."""
        names, found = self._config.lerobot, {}
        key, axes = names.action_key, [f"base/{axis}" for axis in BASE_AXES[: space.dim - space.num_joints]]
        if not key:
            return {}
        if not rows.has(key):
            has = sorted(self.layout.features)
            text = f"no '{key}' of the joints, the dataset has {has}; the next states stand in for it ({SECTION}.action_key names another)"
            report.add(self.name, None, text)
        else:
            theirs = self.layout.names(key)
            for part, wanted in ((JOINTS, space.joint_names), (BASE, axes)):
                if part == JOINTS or any(names.action.get(a, a) in theirs or a in names.action for a in axes):
                    try:
                        found[part] = rows.part(key, names.action, "action", wanted)
                    except ConfigError as error:
                        report.add(f"{self.name} {key}", None, str(error))
                        if part == JOINTS:
                            report.add(self.name, None, f"no '{key}' of the joints; the next states stand in for it")
        if axes and BASE not in found and self._config.base:
            report.add(self.name, None, f"no '{key}' of the base; it is taken to stand still")
        return found

    def _in_radians(
        self, states: Part, actions: dict[str, Part], space: ActionSpace, period: float, report: Report
    ) -> tuple[Part, dict[str, Part]]:
        """Positions in [rad] and [m]; what is strange about them is reported."""
        names, count = self._config.lerobot, space.num_joints
        endless = np.isin(np.arange(count), space.turning)
        slides = np.array([j in self._config.slides for j in space.joint_names])
        joints = Joints(space.joint_names, space.lower[:count], space.upper[:count], slides, endless)
        measured = self._numbers(states.values, space, names.joints)
        self._ask_for_percent(measured, space, names.joints, report)
        where = f"{self.name} {names.state_key}"
        strange: set[int] = set()  # joints of which it is said already
        if states.good.any():
            texts, strange = far_outside(_rows_of(measured, states.good), joints, f"{SECTION}.unit or .joints", set())
            for text in texts:
                report.add(where, None, text)
        turning = np.array(space.turning, dtype=np.intp)
        values = unrolled(measured.values, turning) if space.turning else measured.values
        result = dict(actions)
        if JOINTS in actions:
            given, good = actions[JOINTS], actions[JOINTS].good & states.good
            commanded = self._numbers(given.values, space, {**names.joints, **names.action_joints})
            if good.any():
                whole, section = _rows_of(commanded, good), f"{SECTION}.action_joints"
                texts, told = compared(whole, measured.values[good], joints, period, section)
                for text in (*texts, *far_outside(whole, joints, section, told | strange)[0]):
                    report.add(f"{self.name} {names.action_key}", None, text)
            positions = unrolled(commanded.values, turning, values[0]) if space.turning else commanded.values
            result[JOINTS] = Part(positions, given.good)
        return Part(values, states.good), result

    def _numbers(self, raw: np.ndarray, space: ActionSpace, units: Mapping[str, JointUnit]) -> Numbers:
        lines, words = [], []
        for joint, lower, upper in zip(space.joint_names, space.lower, space.upper, strict=False):
            unit, usual = unit_of(joint, units) or JointUnit(), self._config.lerobot.unit
            if joint in self._config.slides:
                unit, usual = replace(unit, unit=""), "rad"  # in metres
            lines.append(unit.line(usual, lower, upper))
            words.append("m" if joint in self._config.slides and unit.range is None else unit.in_words(usual))
        gain, offset = np.array(lines, dtype=np.float64).reshape(-1, 2).T
        return Numbers(raw, gain, offset, words)

    def _ask_for_percent(self, numbers: Numbers, space: ActionSpace, units: Mapping[str, JointUnit], report: Report) -> None:
        """0..100 of a gripper's range, as lerobot's have it, can look like degrees."""
        for joint, raw, unit in zip(space.joint_names, numbers.raw.T, numbers.units, strict=True):
            is_percent = raw.min() >= -1.0 and raw.max() <= 101.0 and raw.max() - raw.min() > 20.0
            if unit == "deg" and "grip" in joint.lower() and unit_of(joint, units) is None and is_percent:
                where = f"{SECTION}.joints.{joint}"
                text = (
                    f"['{joint}'] has numbers from {raw.min():.1f} to {raw.max():.1f} and is read as deg; lerobot's grippers have 0..100 "
                    f"of their range; say which: {where}: {{range: [0, 100]}}, or {{unit: deg}}"
                )
                report.add(f"{self.name} {self._config.lerobot.state_key}", None, text)


def _targets(frames: Frames, space: ActionSpace) -> tuple[Targets, np.ndarray]:
    """Actions where the dataset has them, and the rows (T,) in which they are good."""
    stamps, actions = frames.stamps, frames.actions
    measured, base = Track(space.joint_names), Track(BASE_AXES)
    measured.add(stamps[0], stamps, list(frames.states.values))
    commands, good = [], np.ones(len(stamps), dtype=bool)
    if JOINTS in actions:
        commands.append(Track(space.joint_names))
        commands[0].add(stamps[0], stamps, list(actions[JOINTS].values))
    if BASE in actions:
        base.add(stamps[0], stamps, list(actions[BASE].values))
    for part in actions.values():
        good &= part.good
    return Targets(space.joint_names, space.dim - space.num_joints, commands, measured, base), good


def _rows_of(numbers: Numbers, rows: np.ndarray) -> Numbers:
    return replace(numbers, raw=numbers.raw[rows])
