"""Episodes of a LeRobot dataset to samples: joints by names or places, images from mp4 or parquet, no sound.

What is bad costs itself: a frame whose state or image is no good has no sample, steps that rest on a bad action are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.files import lfs_hint
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import DEFAULT_NAME
from neon_control.core.robot.joint_units import JointUnit, unit_of
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot import BASE_AXES
from neon_control.core.robot.turns import unrolled
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.recordings.lerobot.columns import filled, frames_in_words, known_at, places, to_matrix
from neon_control.recordings.lerobot.layout import INFO, Episode, Layout, load_layout
from neon_control.recordings.lerobot.meaning import Joints, Numbers, compared, far_outside
from neon_control.recordings.lerobot.video import frame_rate, frames_at
from neon_control.recordings.reading import SILENCE, Recording, Report, Sample, UnreadableRecording, file_fingerprint, step_times
from neon_control.recordings.tracks import Targets, Track
from neon_control.runtime.decoding.compressed_images import decode_compressed

STATE, IMAGES = "observation.state", "observation.images"  # their rates in a report
REVISION = 2  # of this reader: counts up when it makes other samples of the same episode
START = 1_000 * NANOSECONDS  # [ns] an episode's first stamp; any but 0, which means that there is no clock
ROUNDING_S = 1.0e-4  # [s] what LeRobot tolerates between a time stored in 32 bits and a multiple of the frame's period
OTHER_RATE = 0.02  # share by which the timestamps' rate may differ from that of info.json
SECTION = "recording.lerobot"


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


@dataclass(frozen=True)
class _Part:
    """Numbers of some of a feature's columns, a row for each frame."""

    values: np.ndarray  # (T, D) without gaps: what is bad is filled
    good: np.ndarray  # (T,) whether nothing of the row was filled


class LeRobotEpisode(Recording):
    """One episode; `path` is its dataset's folder."""

    def __init__(self, layout: Layout, episode: Episode, config: RecordingConfig) -> None:
        self.path = layout.root
        self.name = f"{layout.name}/episode_{episode.index:06d}"
        self._layout, self._episode, self._config = layout, episode, config

    def fingerprint(self) -> str:
        """Of its files, its place in them, and the names and units that are used."""
        config = self._config
        return self._fingerprint(sorted(vars(config.lerobot).items()), sorted(config.slides), *config.wire.key)

    def senses_fingerprint(self) -> str:
        """Of its files, its place in them, and the cameras."""
        return self._fingerprint("senses")

    def _fingerprint(self, *more: object) -> str:
        layout, episode, config = self._layout, self._episode, self._config
        files = [layout.root / INFO, layout.data_file(episode)]
        cameras = self._cameras()
        files += [layout.video_file(episode, k) for k in cameras if layout.features[k].get("dtype") == "video"]
        row = sorted((k, v) for k, v in episode.row.items() if not k.startswith("stats/"))
        return file_fingerprint([f for f in files if f.exists()], REVISION, row, cameras, config.lerobot.state_key, *more)

    @property
    def uses_ranges(self) -> bool:
        """Whether samples depend on the ranges of the robot's joints, too."""
        names = self._config.lerobot
        return any(unit.range for unit in (*names.joints.values(), *names.action_joints.values()))

    def _cameras(self) -> list[str]:
        """The feature with each camera's images, the first one first; ConfigError where a camera has none, or not its own.

        They are seen as they are: LeRobot turns them when it records.
        """
        config = self._config
        names = config.image_features()
        features = [self._layout.image_feature(camera, wanted, config.robot_cameras) for camera, wanted in names.items()]
        if len(set(features)) < len(features):
            given = dict(zip(names, features, strict=True))
            raise ConfigError(f"{self._layout.root / INFO}: cameras need images of their own, got {given}; see {SECTION}.images")
        return features

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        try:
            yield from self._frames(space, dt, num_steps, clip, report)
        except ConfigError as error:
            report.add(self.name, None, str(error))
        except (OSError, KeyError, ValueError) as error:  # pyarrow's errors are these
            file = self._layout.data_file(self._episode)
            missing = "it is not there" if isinstance(error, FileNotFoundError) else ""
            what = missing or lfs_hint(file) or f"{type(error).__name__}: {error}"
            report.add(self.name, None, f"{file.relative_to(self.path)} cannot be read: {what}")

    def _frames(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        layout, names = self._layout, self._config.lerobot
        cameras = self._cameras()
        if names.state_key not in layout.features:
            found = sorted(layout.features)
            raise ConfigError(f"{layout.root / INFO}: needs the feature '{names.state_key}', has {found}; {SECTION}.state_key names it")
        table, times, numbers, rate = self._rows(cameras, report)
        if len(times) == 0:
            return
        report.seconds, report.rates = len(times) / rate, {IMAGES: rate, STATE: rate}
        if report.seconds < dt * num_steps:
            report.add(self.name, None, f"lasts {report.seconds:.2f} s, shorter than one chunk of {dt * num_steps:.2f} s")
            return
        stamps = [START + round(t * NANOSECONDS) for t in times]
        matrix = to_matrix(table[names.state_key])
        states = self._part(matrix, names.state_key, names.state, "state", space.joint_names, times, numbers, report)
        actions = self._action(table, space, times, numbers, report)
        states, actions = self._in_radians(states, actions, space, 1.0 / rate, report)
        targets, good = self._targets(stamps, states, actions, space, report)
        pictures = [self._images(table, camera, times, numbers, rate, report) for camera in cameras]
        lenses = [DEFAULT_NAME, *(c.name for c in self._config.others)]
        builder = ObservationBuilder(space.joint_names, use_audio=False, cameras=lenses)
        builder.cameras.look_at(clip, lenses)
        first = stamps[0] + round((clip.frames - 1) / clip.rate_hz * NANOSECONDS)
        known = np.asarray(stamps)
        for row, (stamp, *images) in enumerate(zip(stamps, *pictures, strict=False)):
            for lens, camera, image in zip(lenses, cameras, images, strict=True):
                if image is None:
                    report.add(f"{self.name} {camera}", (stamp - START) / NANOSECONDS, "no image at a frame's time", "image")
                else:
                    builder.cameras.buffers[lens].add(stamp, image)
            if not states.good[row]:
                continue
            builder.joint_states.add(stamp, space.joint_names, states.values[row])
            if images[0] is None or (clip.frames > 1 and stamp < first):
                continue
            try:
                seen = builder.build(stamp)
            except ObservationError as error:
                report.add(self.name, (stamp - START) / NANOSECONDS, f"no observation: {error}", "observation")
                continue
            steps = step_times(stamp, dt, num_steps)
            targeted, mask = targets.at(steps, dt, stamps[-1] + NANOSECONDS)
            mask = mask * known_at(steps, known, good)
            if targets.measured_joints:
                mask = mask * known_at(steps + round(dt * NANOSECONDS), known, states.good)
            if mask.any():
                yield Sample(replace(seen, audio=SILENCE), targeted, mask.astype(np.float32))

    def _rows(self, cameras: Sequence[str], report: Report) -> tuple[Any, np.ndarray, np.ndarray, float]:
        """The episode's rows in order of time, their times (T,) [s], the frames' numbers (T,), and the rate [Hz]."""
        layout, names = self._layout, self._config.lerobot
        file = layout.data_file(self._episode)
        there = parquet.read_schema(file).names
        wanted = ["timestamp", "frame_index", names.state_key, names.action_key, *cameras]
        columns = [c for c in dict.fromkeys(wanted) if c in there]
        table = parquet.read_table(file, columns=columns, filters=[("episode_index", "==", self._episode.index)])
        missing = [c for c in ("timestamp", names.state_key) if c not in columns]
        if missing:
            raise ConfigError(f"{file}: needs the columns {missing}, has {there}")
        if len(table) != self._episode.length:
            report.add(self.name, None, f"{file.name} has {len(table)} frames of {self._episode.length}")
        times = to_matrix(table["timestamp"])[:, 0] if len(table) else np.zeros(0)
        numbers = to_matrix(table["frame_index"])[:, 0] if "frame_index" in columns and len(table) else np.arange(len(table), dtype=float)
        numbers = np.where(np.isfinite(numbers), numbers, np.arange(len(table))).astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        if (order != np.arange(len(order))).any():
            report.add(self.name, None, f"{file.name}: rows are out of order; they are sorted by frame_index")
            table, times, numbers = table.take(order), times[order], numbers[order]
        before = np.concatenate([[-np.inf], np.fmax.accumulate(np.where(np.isfinite(times), times, -np.inf))[:-1]]) if len(times) else times
        good = np.isfinite(times) & (times > before)
        if not good.all():
            text = f"{file.name}, {frames_in_words(numbers[~good])}: timestamp is no number, or does not rise; left out"
            report.add(self.name, None, text)
            table, times, numbers = table.filter(good), times[good], numbers[good]
        rate = self._rate(times, numbers, report)
        even = np.round(times * rate) / rate
        return table, np.where(np.abs(even - times) < ROUNDING_S, even, times), numbers, rate

    def _rate(self, times: np.ndarray, numbers: np.ndarray, report: Report) -> float:
        """[Hz] as the timestamps have it; that of `info.json` where they agree."""
        stated = self._layout.fps
        steps = np.diff(times) / np.maximum(np.diff(numbers), 1)
        measured = 1.0 / float(np.median(steps)) if len(steps) else stated
        if abs(measured / stated - 1.0) <= OTHER_RATE:
            return stated
        text = f"the timestamps have {measured:.4g} frames a second, fps of {INFO} is {stated:g}; the timestamps count"
        report.add(self.name, None, text)
        return measured

    def _images(
        self, table: Any, camera: str, times: np.ndarray, numbers: np.ndarray, rate: float, report: Report
    ) -> Iterator[np.ndarray | None]:
        """For each row the image of a camera, None where there is none."""
        layout = self._layout
        if layout.features[camera]["dtype"] == "video":
            video = layout.video_file(self._episode, camera)
            if rate != layout.fps:
                theirs = frame_rate(video)
                if theirs is not None and abs(theirs / layout.fps - 1.0) <= OTHER_RATE:  # its images count by number
                    times, rate = numbers / layout.fps, layout.fps
            return frames_at(video, layout.video_start(self._episode, camera) + times, 0.5 / rate, report)
        if camera not in table.column_names:
            raise ConfigError(f"{layout.data_file(self._episode)}: needs the column '{camera}', has {table.column_names}")
        return self._decoded(table[camera], camera, times, numbers, report)

    def _decoded(self, cells: Any, camera: str, times: np.ndarray, numbers: np.ndarray, report: Report) -> Iterator[np.ndarray | None]:
        for cell, time, number in zip(cells, times, numbers, strict=True):
            try:
                given = cell.as_py()
                if not given or not (given["bytes"] or given["path"]):
                    raise ObservationError("it is empty", (camera,))
                image = decode_compressed(given["bytes"] or self._layout.inside(given["path"]).read_bytes())
            except (ConfigError, ObservationError, OSError, LookupError, TypeError, ValueError) as error:
                report.add(f"{self.name} {camera}", float(time), f"frame {number}: no image: {error}", "cell")
                image = None
            yield image

    def _part(
        self,
        matrix: np.ndarray,
        feature: str,
        mapping: Mapping[str, str],
        field: str,
        wanted: Sequence[str],
        times: np.ndarray,
        numbers: np.ndarray,
        report: Report,
    ) -> _Part:
        """Some columns of a feature (T, D), in the order `wanted`; what is not finite is reported, and filled."""
        where = places(wanted, mapping, self._layout.names(feature), matrix.shape[1], feature, f"{SECTION}.{field}")
        values = matrix[:, where]
        bad = ~np.isfinite(values)
        good = ~bad.any(axis=1)
        if not good.all():
            fields = [n for n, is_bad in zip(wanted, bad.any(axis=0), strict=True) if is_bad]
            file = self._layout.data_file(self._episode).name
            effect = "masked" if field == "action" else "left out"
            text = f"{file}, {frames_in_words(numbers[~good])}: {fields} must be finite numbers, got {_given(values[~good])}; {effect}"
            report.add(f"{self.name} {feature}", float(times[~good][0]), text)
        return _Part(filled(values), good)

    def _action(self, table: Any, space: ActionSpace, times: np.ndarray, numbers: np.ndarray, report: Report) -> dict[str, _Part]:
        """What is commanded, as far as the dataset has it: `joints`, `base`."""
        names, found = self._config.lerobot, {}
        key, axes = names.action_key, [f"base/{axis}" for axis in BASE_AXES[: space.dim - space.num_joints]]
        if not key:
            return {}
        if key not in table.column_names or key not in self._layout.features:
            has = sorted(self._layout.features)
            text = f"no '{key}' of the joints, the dataset has {has}; the next states stand in for it ({SECTION}.action_key names another)"
            report.add(self.name, None, text)
        else:
            matrix, theirs = to_matrix(table[key]), self._layout.names(key)
            for part, wanted in (("joints", space.joint_names), ("base", axes)):
                if part == "joints" or any(names.action.get(a, a) in theirs or a in names.action for a in axes):
                    try:
                        found[part] = self._part(matrix, key, names.action, "action", wanted, times, numbers, report)
                    except ConfigError as error:
                        report.add(f"{self.name} {key}", None, str(error))
                        if part == "joints":
                            report.add(self.name, None, f"no '{key}' of the joints; the next states stand in for it")
        if axes and "base" not in found and self._config.base:
            report.add(self.name, None, f"no '{key}' of the base; it is taken to stand still")
        return found

    def _in_radians(
        self, states: _Part, actions: dict[str, _Part], space: ActionSpace, period: float, report: Report
    ) -> tuple[_Part, dict[str, _Part]]:
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
        if "joints" in actions:
            given, good = actions["joints"], actions["joints"].good & states.good
            commanded = self._numbers(given.values, space, {**names.joints, **names.action_joints})
            if good.any():
                whole, section = _rows_of(commanded, good), f"{SECTION}.action_joints"
                texts, told = compared(whole, measured.values[good], joints, period, section)
                for text in (*texts, *far_outside(whole, joints, section, told | strange)[0]):
                    report.add(f"{self.name} {names.action_key}", None, text)
            positions = unrolled(commanded.values, turning, values[0]) if space.turning else commanded.values
            result["joints"] = _Part(positions, given.good)
        return _Part(values, states.good), result

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

    def _targets(
        self, stamps: list[int], states: _Part, actions: Mapping[str, _Part], space: ActionSpace, report: Report
    ) -> tuple[Targets, np.ndarray]:
        """Actions where the dataset has them, and the rows (T,) in which they are good."""
        measured, base = Track(space.joint_names), Track(BASE_AXES)
        measured.add(stamps[0], stamps, list(states.values))
        commands, good = [], np.ones(len(stamps), dtype=bool)
        if "joints" in actions:
            commands.append(Track(space.joint_names))
            commands[0].add(stamps[0], stamps, list(actions["joints"].values))
        if "base" in actions:
            base.add(stamps[0], stamps, list(actions["base"].values))
        for part in actions.values():
            good &= part.good
        return Targets(space.joint_names, space.dim - space.num_joints, commands, measured, base), good


def _rows_of(numbers: Numbers, rows: np.ndarray) -> Numbers:
    return replace(numbers, raw=numbers.raw[rows])


def _given(values: np.ndarray) -> str:
    bad = values[~np.isfinite(values)]
    return str(float(bad[0]))
