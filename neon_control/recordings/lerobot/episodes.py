"""Episodes of a LeRobot dataset to samples: joints by their names, images from mp4 or parquet, no sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.files import lfs_hint
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import UNITS, RecordingConfig
from neon_control.core.robot.robot import BASE_AXES
from neon_control.core.robot.turns import unrolled
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import Observation, ObservationBuilder
from neon_control.recordings.lerobot.layout import INFO, Episode, Layout, load_layout
from neon_control.recordings.lerobot.video import frames_at
from neon_control.recordings.reading import SILENCE, Recording, Report, Sample, UnreadableRecording, file_fingerprint, step_times
from neon_control.recordings.tracks import Targets, Track
from neon_control.runtime.decoding.compressed_images import decode_compressed

STATE, ACTION = "observation.state", "action"
START = 1_000 * NANOSECONDS  # [ns] an episode's first stamp; any but 0, which means that there is no clock
ROUNDING_S = 1.0e-4  # [s] what LeRobot tolerates between a time stored in 32 bits and a multiple of the frame's period
FAR_OUTSIDE = 0.5  # [rad] beyond the joint's range; states there are probably in degrees


def lerobot_episodes(root: Path, config: RecordingConfig | None = None) -> Iterator[Recording]:
    """The episodes of a dataset; something that says what is wrong with it, where it cannot be read."""
    try:
        layout = load_layout(root)
    except ConfigError as error:
        yield UnreadableRecording(root, str(error))
        return
    alone = replace(layout, episodes=())  # what travels to worker processes with each episode
    for episode in layout.episodes:
        yield LeRobotEpisode(alone, episode, config or RecordingConfig())


class LeRobotEpisode(Recording):
    """One episode; `path` is its dataset's folder."""

    def __init__(self, layout: Layout, episode: Episode, config: RecordingConfig) -> None:
        self.path = layout.root
        self.name = f"{layout.root.name}/episode_{episode.index:06d}"
        self._layout, self._episode, self._config = layout, episode, config

    def fingerprint(self) -> str:
        """Of its files, its place in them, and the names that are used."""
        layout, episode = self._layout, self._episode
        files = [layout.root / INFO, layout.data_file(episode)]
        files += [layout.video_file(episode, k) for k, f in layout.features.items() if f.get("dtype") == "video"]
        row = sorted((k, v) for k, v in episode.row.items() if not k.startswith("stats/"))
        return file_fingerprint([f for f in files if f.exists()], row, self._config.lerobot)

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        try:
            yield from self._frames(space, dt, num_steps, clip, report)
        except ConfigError as error:
            report.add(self.name, None, str(error))
        except (OSError, KeyError, ValueError) as error:  # pyarrow's errors are these
            hint = lfs_hint(self._layout.data_file(self._episode))
            report.add(self.name, None, f"cannot be read: {hint or f'{type(error).__name__}: {error}'}")

    def _frames(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        layout = self._layout
        camera = layout.image_feature(self._config.lerobot.image)
        is_video = layout.features[camera]["dtype"] == "video"
        columns = ["timestamp", STATE, *([ACTION] if ACTION in layout.features else []), *([] if is_video else [camera])]
        file = layout.data_file(self._episode)
        table = parquet.read_table(file, columns=columns, filters=[("episode_index", "==", self._episode.index)])
        times = table["timestamp"].to_numpy().astype(np.float64).reshape(-1)  # [s] (T,)
        even = np.round(times * layout.fps) / layout.fps
        times = np.where(np.abs(even - times) < ROUNDING_S, even, times)
        if len(times) != self._episode.length:
            report.add(self.name, None, f"{file.name} has {len(times)} frames of {self._episode.length}")
        if len(times) == 0:
            return
        report.seconds, report.rates = len(times) / layout.fps, {camera: layout.fps, STATE: layout.fps}
        if report.seconds < dt * num_steps:
            report.add(self.name, None, f"lasts {report.seconds:.2f} s, shorter than one chunk of {dt * num_steps:.2f} s")
            return
        stamps = [START + round(t * NANOSECONDS) for t in times]
        states = self._columns(_matrix(table[STATE]), STATE, self._config.lerobot.state, space.joint_names, report)
        if states is None:
            return
        states *= UNITS[self._config.lerobot.unit]
        self._check_range(states, space, report)
        states = unrolled(states, np.array(space.turning, dtype=np.intp)) if space.turning else states
        targets = self._targets(table, stamps, states, space, report)
        if is_video:
            video = layout.video_file(self._episode, camera)
            images = frames_at(video, layout.video_start(self._episode, camera) + times, 0.5 / layout.fps, report)
        else:
            images = (decode_compressed(cell["bytes"] or (layout.root / cell["path"]).read_bytes()) for cell in table[camera].to_pylist())
        builder = ObservationBuilder(space.joint_names, use_audio=False)
        builder.cameras.look_at(clip)
        first = stamps[0] + round((clip.frames - 1) / clip.rate_hz * NANOSECONDS)
        for stamp, state, image in zip(stamps, states, images, strict=False):
            builder.joint_states.add(stamp, space.joint_names, state)
            if image is None:
                report.add(f"{self.name} {camera}", (stamp - START) / NANOSECONDS, "no image at a frame's time", "image")
                continue
            builder.images.add(stamp, image)
            if clip.frames > 1 and stamp < first:
                continue
            try:
                seen = builder.build(stamp)
            except ObservationError as error:
                report.add(self.name, (stamp - START) / NANOSECONDS, f"no observation: {error}", "observation")
                continue
            actions, mask = targets.at(step_times(stamp, dt, num_steps), dt, stamps[-1] + NANOSECONDS)
            if mask.any():
                yield Sample(Observation(stamp, seen.image, seen.joint_positions, SILENCE, seen.clip), actions, mask)

    def _targets(self, table: object, stamps: list[int], states: np.ndarray, space: ActionSpace, report: Report) -> Targets:
        """Actions where the dataset has them."""
        measured, base_axes = Track(space.joint_names), space.dim - space.num_joints
        measured.add(stamps[0], stamps, list(states))
        mapping, commands, base = self._config.lerobot.action, [], Track(BASE_AXES)
        if ACTION in self._layout.features:
            matrix = _matrix(table[ACTION])  # type: ignore[index]
            joints = self._columns(matrix, ACTION, mapping, space.joint_names, report)
            if joints is not None:
                joints = joints * UNITS[self._config.lerobot.unit]
                joints = unrolled(joints, np.array(space.turning, dtype=np.intp), states[0]) if space.turning else joints
                commands.append(Track(space.joint_names))
                commands[0].add(stamps[0], stamps, list(joints))
            axes = [f"base/{axis}" for axis in BASE_AXES[:base_axes]]
            has_base = any(mapping.get(a, a) in self._layout.names(ACTION) for a in axes)
            velocities = self._columns(matrix, ACTION, mapping, axes, report) if has_base else None
            if velocities is not None:
                base.add(stamps[0], stamps, list(velocities))
        if not commands:
            report.add(self.name, None, f"no '{ACTION}' of the joints; the next states stand in for it")
        if base_axes and base.span is None:
            report.add(self.name, None, f"no '{ACTION}' of the base; it is taken to stand still")
        return Targets(space.joint_names, base_axes, commands, measured, base)

    def _columns(
        self, matrix: np.ndarray, feature: str, mapping: Mapping[str, str], wanted: Sequence[str], report: Report
    ) -> np.ndarray | None:
        """The columns (T, len(wanted)) of a feature (T, D) by name; None, and a problem, where one is not there or not finite."""
        theirs = self._layout.names(feature)
        names = [mapping.get(n, n) for n in wanted]
        missing = [n for n in names if n not in theirs]
        if missing or len(theirs) != matrix.shape[1]:
            text = f"needs the names {missing}, has {theirs} for {matrix.shape[1]} numbers; recording.lerobot of the robot file maps names"
            report.add(f"{self.name} {feature}", None, text)
            return None
        values: np.ndarray = matrix[:, [theirs.index(n) for n in names]].astype(np.float64)
        if not np.isfinite(values).all():
            bad = [n for n, ok in zip(names, np.isfinite(values).all(axis=0), strict=True) if not ok]
            report.add(f"{self.name} {feature}", None, f"{bad} are not finite everywhere")
            return None
        return values

    def _check_range(self, states: np.ndarray, space: ActionSpace, report: Report) -> None:
        count = space.num_joints
        outside = ((states < space.lower[:count] - FAR_OUTSIDE) | (states > space.upper[:count] + FAR_OUTSIDE)).mean(axis=0) > 0.01
        outside[list(space.turning)] = False  # counted in another turn
        if outside.any():
            names = [n for n, out in zip(space.joint_names, outside, strict=True) if out]
            report.add(f"{self.name} {STATE}", None, f"{names} are far outside their range; are they in degrees (recording.lerobot.unit)?")


def _matrix(column: object) -> np.ndarray:
    """A parquet column of lists, or of single numbers, to (T, D)."""
    rows = np.asarray(column.to_pylist(), dtype=np.float64)  # type: ignore[attr-defined]
    return rows.reshape(len(rows), -1)
