"""Recordings to a LeRobot dataset of version 3.0, so that others' tools can use them.

LeRobot counts frames at a constant rate, so each frame of an episode is the sample that is nearest to its time; where images are missing
for longer than two frames, another episode begins. Each frame has the task that was told at its time. Sound has no place in that format
and is left out. How an episode ended and when a person led are features as LeRobot itself writes them: `next.success`, true in the last
frame of a success, and `intervention`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import DEFAULT_NAME
from neon_control.recordings.episode import SUCCESS
from neon_control.recordings.labels import labels_of
from neon_control.recordings.leaders import LED_BY_PERSON, SHOWN
from neon_control.recordings.lerobot.feature_statistics import PixelCount, statistics
from neon_control.recordings.lerobot.on_disk import INFO
from neon_control.recordings.lerobot.video import CODEC_NAME, PIXELS
from neon_control.recordings.lerobot.video_files import VideoFiles
from neon_control.recordings.reading import Recording, Report, Sample

IMAGES = "observation.images"
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH, VIDEO_PATH, EPISODES = f"data/{PLACE}.parquet", f"videos/{{video_key}}/{PLACE}.mp4", f"meta/episodes/{PLACE}.parquet"
COUNTERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
SUCCEEDED, LED = "next.success", "intervention"
DATA_MB, VIDEO_MB, CHUNK = 100, 200, 1000  # LeRobot's own defaults: sizes at which it begins another file, files in a folder
RATE_IMAGES = 100  # by which a recording's rate is judged
PIXEL_STEP, STATISTICS_FRAMES = 8, 10  # statistics of images: every 8th pixel each way, of every 10th frame of an episode

Columns = dict[str, np.ndarray]


class LeRobotExport:
    """A dataset that is being written. Use as a context manager: only a finished one has its `meta/info.json`.

    Args:
        fps: [Hz]
        task: what is done in it, in words, where a recording does not say so itself.
        cameras: names of those that the recordings are seen through, the first one first.
        labels: of `SUCCEEDED` and `LED`, those that it has: every recording of it then needs the one, and any the other. Who shows
            a task without a policy counts as a person who leads.

    Raises:
        ConfigError: the folder `root` exists.
    """

    def __init__(
        self,
        root: Path,
        space: ActionSpace,
        robot: str,
        fps: int,
        task: str,
        cameras: Sequence[str] = (DEFAULT_NAME,),
        labels: Collection[str] = (),
    ) -> None:
        if root.exists():
            raise ConfigError(f"{root} exists; the dataset needs a folder of its own")
        self._root, self._space, self._robot, self._fps, self._task = root, space, robot, fps, task
        self._labels = labels
        self._videos = {
            key: VideoFiles(key, partial(self._video, key), fps, VIDEO_MB * 2**20) for c in cameras for key in [f"{IMAGES}.{c}"]
        }
        self._data: parquet.ParquetWriter | None = None
        self._data_path = self._root
        self._data_file = -1
        self._rows: list[dict[str, Any]] = []
        self._kept: list[Columns] = []  # for the statistics of the whole dataset
        self._pixels = {key: PixelCount() for key in self._videos}
        self._tasks: dict[str, int] = {}
        self.episodes = self.frames = 0

    def __enter__(self) -> LeRobotExport:
        self._root.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(Exception) if kind is not None else nullcontext():  # what went wrong first is what counts
            for file in (*self._videos.values(), self._data):
                if file is not None:
                    file.close()
        if kind is None and self.episodes:
            self._write_meta()

    def add(self, recording: Recording, dt: float, report: Report) -> None:
        """Append the episodes of a recording, which must look through the cameras; one image of each at a time is in memory."""
        outcome = labels_of(recording).outcome if SUCCEEDED in self._labels else ""
        samples = _at_rate(recording.samples(self._space, dt, 1, report=report), self._fps)
        for _, episode in groupby(samples, key=itemgetter(0)):
            states, actions, tasks, led = [], [], [], []
            pixels = {key: PixelCount() for key in self._videos}
            for frame, (_, sample) in enumerate(episode):
                seen = sample.observation
                for (key, videos), clip in zip(self._videos.items(), seen.clips, strict=True):
                    videos.add(clip[-1], begins=not frame)
                    if frame % STATISTICS_FRAMES == 0:
                        pixels[key].add(clip[-1][::PIXEL_STEP, ::PIXEL_STEP])
                states.append(seen.joint_positions)
                actions.append(sample.actions[0])
                tasks.append(seen.instruction or self._task)
                led.append(sample.leader in (SHOWN, LED_BY_PERSON))
            ended = np.arange(len(led)) == len(led) - 1
            labels = {SUCCEEDED: ended & (outcome == SUCCESS), LED: np.array(led, bool)}
            self._finish(np.asarray(states, np.float32), np.asarray(actions, np.float32), tasks, pixels, labels)

    def _video(self, key: str, number: int) -> Path:
        return self._root / VIDEO_PATH.format(video_key=key, **_place(number))

    def _finish(
        self, states: np.ndarray, actions: np.ndarray, tasks: Sequence[str], pixels: dict[str, PixelCount], labels: Columns
    ) -> None:
        """The end of an episode, of which each of n frames has the positions (n, J), the actions (n, N) and what was to be done."""
        count, number = len(states), self.episodes
        columns: Columns = {
            "observation.state": states,
            "action": actions,
            "timestamp": (np.arange(count) / self._fps).astype(np.float32),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": np.arange(self.frames, self.frames + count),
            "task_index": np.array([self._tasks.setdefault(words, len(self._tasks)) for words in tasks], np.int64),
        }
        columns |= {k: v for k, v in labels.items() if k in self._labels}
        table = arrow.table({k: _column(v) for k, v in columns.items()})
        if self._data is None or self._data_path.stat().st_size > DATA_MB * 2**20:
            if self._data is not None:
                self._data.close()
            self._data_file += 1
            self._data_path = self._root / DATA_PATH.format(**_place(self._data_file))
            self._data_path.parent.mkdir(parents=True, exist_ok=True)
            self._data = parquet.ParquetWriter(self._data_path, table.schema)
        self._data.write_table(table)
        self._kept.append(columns)
        row: dict[str, Any] = {"episode_index": number, "tasks": list(dict.fromkeys(tasks)), "length": count}
        row |= {f"data/{k}": v for k, v in _place(self._data_file).items()}
        row |= {"dataset_from_index": self.frames, "dataset_to_index": self.frames + count}
        for key, videos in self._videos.items():
            row |= {f"videos/{key}/{k}": v for k, v in _place(videos.number).items()}
            row |= {f"videos/{key}/from_timestamp": videos.start, f"videos/{key}/to_timestamp": videos.start + count / self._fps}
            self._pixels[key].merge(pixels[key])
        found = {k: statistics(v) for k, v in columns.items()} | {k: p.statistics() for k, p in pixels.items()}
        row |= {f"stats/{feature}/{k}": v for feature, values in found.items() for k, v in values.items()}
        self._rows.append({**row, "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})
        self.episodes += 1
        self.frames += count

    def _write_meta(self) -> None:
        meta = self._root / INFO.parent
        file = self._root / EPISODES.format(**_place(0))
        file.parent.mkdir(parents=True)
        parquet.write_table(arrow.Table.from_pylist(self._rows), file)
        everything = {k: np.concatenate([c[k] for c in self._kept]) for k in self._kept[0]}
        found = {k: statistics(v) for k, v in everything.items()} | {k: p.statistics() for k, p in self._pixels.items()}
        (meta / "stats.json").write_text(json.dumps(found, indent=4))
        # LeRobot reads the tasks with pandas, as the index of a table; this is how pandas finds an index in a file.
        kinds = [("task", "unicode", "object"), ("task_index", "int64", "int64")]
        described = [{"name": n, "field_name": n, "pandas_type": p, "numpy_type": t, "metadata": None} for n, p, t in kinds]
        pandas = json.dumps({"index_columns": ["task"], "column_indexes": [], "columns": described, "pandas_version": "2.0.0"})
        columns = {"task_index": list(self._tasks.values()), "task": list(self._tasks)}
        tasks = arrow.table(columns).replace_schema_metadata({"pandas": pandas})
        parquet.write_table(tasks, meta / "tasks.parquet")
        (meta / INFO.name).write_text(json.dumps(self._info(), indent=4))

    def _info(self) -> dict[str, Any]:
        space = self._space
        features: dict[str, Any] = {
            "observation.state": {"dtype": "float32", "shape": [space.num_joints], "names": list(space.joint_names)},
            "action": {"dtype": "float32", "shape": [space.dim], "names": list(space.names)},
        }
        for key, videos in self._videos.items():
            height, width = videos.size or (0, 0)
            video = {"height": height, "width": width, "codec": CODEC_NAME, "pix_fmt": PIXELS, "fps": self._fps, "channels": 3}
            features[key] = {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {**{f"video.{k}": v for k, v in video.items()}, "video.is_depth_map": False, "has_audio": False},
            }
        kinds = COUNTERS | dict.fromkeys(self._labels, "bool")
        features |= {k: {"dtype": kind, "shape": [1], "names": None} for k, kind in kinds.items()}
        return {
            "codebase_version": "v3.0",
            "robot_type": self._robot,
            "total_episodes": self.episodes,
            "total_frames": self.frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": self._fps,
            "splits": {"train": f"0:{self.episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features,
        }


def image_rate(recordings: Iterable[Recording], space: ActionSpace, dt: float) -> int | None:
    """[Hz] the median rate of the images of the first recording that has any, rounded; None where none has."""
    for recording in recordings:
        stamps = [s.observation.stamp for s in islice(recording.samples(space, dt, 1), RATE_IMAGES)]
        if len(stamps) > 1:
            return max(1, round(NANOSECONDS / float(np.median(np.diff(stamps)))))
    return None


def _at_rate(samples: Iterator[Sample], fps: int) -> Iterator[tuple[int, Sample]]:
    """Samples at a constant rate, each time the nearest one, with a number that changes where an episode ends or images are missing."""
    period, run = NANOSECONDS / fps, -1
    before: Sample | None = None
    start, count = 0, 0
    for sample in samples:
        if before is None or sample.episode != before.episode or sample.observation.stamp - before.observation.stamp > 2.5 * period:
            run += 1
            start, count = sample.observation.stamp, 1
            yield run, sample
        else:
            while (wanted := start + count * period) <= sample.observation.stamp + 0.5 * period:
                nearer = before if wanted - before.observation.stamp < sample.observation.stamp - wanted else sample
                yield run, nearer
                count += 1
        before = sample


def _place(number: int) -> dict[str, int]:
    return {"chunk_index": number // CHUNK, "file_index": number % CHUNK}


def _column(values: np.ndarray) -> arrow.Array:
    if values.ndim == 1:
        return arrow.array(values)
    return arrow.FixedSizeListArray.from_arrays(arrow.array(values.reshape(-1)), values.shape[1])
