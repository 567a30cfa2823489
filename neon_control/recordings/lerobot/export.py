"""Recordings to a LeRobot dataset of version 3.0, so that others' tools can use them.

LeRobot counts frames at a constant rate, so each frame of an episode is the sample that is nearest to its time; where images are missing
for longer than two frames, another episode begins. Sound has no place in that format and is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
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
from neon_control.recordings.lerobot.on_disk import INFO
from neon_control.recordings.lerobot.video import CODEC_NAME, PIXELS, VideoWriter
from neon_control.recordings.reading import Recording, Report, Sample

CAMERA = "observation.images.camera"
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH, VIDEO_PATH, EPISODES = f"data/{PLACE}.parquet", f"videos/{{video_key}}/{PLACE}.mp4", f"meta/episodes/{PLACE}.parquet"
COUNTERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
DATA_MB, VIDEO_MB, CHUNK = 100, 200, 1000  # LeRobot's own defaults: sizes at which it begins another file, files in a folder
RATE_IMAGES = 100  # by which a recording's rate is judged
PIXEL_STEP, STATISTICS_IMAGES = 8, 50  # statistics of images: every 8th pixel each way, of at most so many images of an episode

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
Columns = dict[str, np.ndarray]


class LeRobotExport:
    """A dataset that is being written. Use as a context manager: only a finished one has its `meta/info.json`.

    Args:
        fps: [Hz]
        task: what is done in it, in words.

    Raises:
        ConfigError: the folder `root` exists.
    """

    def __init__(self, root: Path, space: ActionSpace, robot: str, fps: int, task: str) -> None:
        if root.exists():
            raise ConfigError(f"{root} exists; the dataset needs a folder of its own")
        self._root, self._space, self._robot, self._fps, self._task = root, space, robot, fps, task
        self._video: VideoWriter | None = None
        self._data: parquet.ParquetWriter | None = None
        self._data_path = self._root
        self._data_file = self._video_file = -1
        self._rows: list[dict[str, Any]] = []
        self._kept: list[Columns] = []  # for the statistics of the whole dataset
        self._size: tuple[int, int] | None = None  # (height, width)
        self.episodes = self.frames = 0

    def __enter__(self) -> LeRobotExport:
        self._root.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(Exception) if kind is not None else nullcontext():  # what went wrong first is what counts
            for file in (self._video, self._data):
                if file is not None:
                    file.close()
        if kind is None and self.episodes:
            self._write_meta()

    def add(self, recording: Recording, dt: float, report: Report) -> None:
        """Append the episodes of a recording; one image at a time is in memory."""
        samples = _at_rate(recording.samples(self._space, dt, 1, report=report), self._fps)
        for _, episode in groupby(samples, key=itemgetter(0)):
            frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
            for _, sample in episode:
                image = sample.observation.image
                self._write_image(image, begins=not frames)
                frames.append((sample.observation.joint_positions, sample.actions[0], image[::PIXEL_STEP, ::PIXEL_STEP]))
            self._finish(frames)

    def _write_image(self, image: np.ndarray, begins: bool) -> None:
        size = image.shape[:2]
        if self._size is not None and size != self._size:
            raise ConfigError(
                f"images of {size[1]} x {size[0]} pixels after some of {self._size[1]} x {self._size[0]}: one dataset, one size"
            )
        self._size = size
        if self._video is None or (begins and self._video.path.stat().st_size > VIDEO_MB * 2**20):
            if self._video is not None:
                self._video.close()
            self._video_file += 1
            path = self._root / VIDEO_PATH.format(video_key=CAMERA, **_place(self._video_file))
            self._video = VideoWriter(path, self._fps, size)
        if begins:
            self._video_start = self._video.frames
        self._video.add(image)

    def _finish(self, frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
        """The end of an episode, of which each frame has the positions (J,), the actions (N,) and some pixels of its image."""
        state, actions, pixels = zip(*frames, strict=True)
        count, number = len(frames), self.episodes
        columns: Columns = {
            "observation.state": np.asarray(state, np.float32),
            "action": np.asarray(actions, np.float32),
            "timestamp": (np.arange(count) / self._fps).astype(np.float32),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": np.arange(self.frames, self.frames + count),
            "task_index": np.zeros(count, np.int64),
        }
        table = arrow.table({k: _column(v) for k, v in columns.items()})
        if self._data is None or self._data_path.stat().st_size > DATA_MB * 2**20:
            if self._data is not None:
                self._data.close()
            self._data_file += 1
            self._data_path = self._root / DATA_PATH.format(**_place(self._data_file))
            self._data_path.parent.mkdir(parents=True, exist_ok=True)
            self._data = parquet.ParquetWriter(self._data_path, table.schema)
        self._data.write_table(table)
        columns[CAMERA] = np.stack(pixels[:: 1 + len(pixels) // STATISTICS_IMAGES])
        self._kept.append(columns)
        row: dict[str, Any] = {"episode_index": number, "tasks": [self._task], "length": count}
        row |= {f"data/{k}": v for k, v in _place(self._data_file).items()}
        row |= {"dataset_from_index": self.frames, "dataset_to_index": self.frames + count}
        start = self._video_start / self._fps
        row |= {f"videos/{CAMERA}/{k}": v for k, v in _place(self._video_file).items()}
        row |= {f"videos/{CAMERA}/from_timestamp": start, f"videos/{CAMERA}/to_timestamp": start + count / self._fps}
        for feature, values in columns.items():
            row |= {f"stats/{feature}/{k}": v for k, v in statistics(values).items()}
        self._rows.append({**row, "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})
        self.episodes += 1
        self.frames += count

    def _write_meta(self) -> None:
        assert self._size is not None
        meta = self._root / INFO.parent
        file = self._root / EPISODES.format(**_place(0))
        file.parent.mkdir(parents=True)
        parquet.write_table(arrow.Table.from_pylist(self._rows), file)
        everything = {k: np.concatenate([c[k] for c in self._kept]) for k in self._kept[0]}
        (meta / "stats.json").write_text(json.dumps({k: statistics(v) for k, v in everything.items()}, indent=4))
        # LeRobot reads the tasks with pandas, as the index of a table; this is how pandas finds an index in a file.
        kinds = [("task", "unicode", "object"), ("task_index", "int64", "int64")]
        described = [{"name": n, "field_name": n, "pandas_type": p, "numpy_type": t, "metadata": None} for n, p, t in kinds]
        pandas = json.dumps({"index_columns": ["task"], "column_indexes": [], "columns": described, "pandas_version": "2.0.0"})
        tasks = arrow.table({"task_index": [0], "task": [self._task]}).replace_schema_metadata({"pandas": pandas})
        parquet.write_table(tasks, meta / "tasks.parquet")
        (meta / INFO.name).write_text(json.dumps(self._info(*self._size), indent=4))

    def _info(self, height: int, width: int) -> dict[str, Any]:
        space = self._space
        video = {"height": height, "width": width, "codec": CODEC_NAME, "pix_fmt": PIXELS, "fps": self._fps, "channels": 3}
        features: dict[str, Any] = {
            "observation.state": {"dtype": "float32", "shape": [space.num_joints], "names": list(space.joint_names)},
            "action": {"dtype": "float32", "shape": [space.dim], "names": list(space.names)},
            CAMERA: {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {**{f"video.{k}": v for k, v in video.items()}, "video.is_depth_map": False, "has_audio": False},
            },
        }
        features |= {k: {"dtype": kind, "shape": [1], "names": None} for k, kind in COUNTERS.items()}
        return {
            "codebase_version": "v3.0",
            "robot_type": self._robot,
            "total_episodes": self.episodes,
            "total_frames": self.frames,
            "total_tasks": 1,
            "chunks_size": CHUNK,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": self._fps,
            "splits": {"train": f"0:{self.episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features,
        }


def statistics(values: np.ndarray) -> dict[str, list[Any]]:
    """What LeRobot keeps of a feature (T, D) or (T,): per dimension; of images (T, H, W, 3) per channel as (3, 1, 1), in [0, 1]."""
    image = values.ndim == 4
    flat = values.reshape(-1, 3) / 255.0 if image else values.reshape(len(values), -1).astype(np.float64)
    found = {"min": flat.min(axis=0), "max": flat.max(axis=0), "mean": flat.mean(axis=0), "std": flat.std(axis=0)}
    found |= dict(zip(QUANTILES, np.quantile(flat, list(QUANTILES.values()), axis=0), strict=True))
    shaped = {k: (v.reshape(3, 1, 1) if image else v).tolist() for k, v in found.items()}
    return {**shaped, "count": [len(values)]}


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
