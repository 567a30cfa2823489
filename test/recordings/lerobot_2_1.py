"""The frames of `lerobot_peer` as a dataset of version 2.1, which LeRobot of today reads, to convert it, but no longer writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
from lerobot_peer import FEATURES, FPS, NAMES, TASK, frames

from neon_control.recordings.lerobot.feature_statistics import PixelCount, statistics
from neon_control.recordings.lerobot.video import VideoWriter


def write_2_1(root: Path, episodes: int, count: int, size: tuple[int, int]) -> Path:
    """Write it: `count` frames in each episode, images of `size` (height, width)."""
    meta, rows, figures = root / "meta", [], []
    meta.mkdir(parents=True)
    for episode in range(episodes):
        videos = [VideoWriter(root / f"videos/chunk-000/{key}/episode_{episode:06d}.mp4", FPS, size) for key in FEATURES]
        states, actions = np.zeros((count, len(NAMES)), np.float32), np.zeros((count, len(NAMES)), np.float32)
        for number, (state, action, images) in enumerate(frames(episode, count, *size)):
            states[number], actions[number] = state, action
            for video, image in zip(videos, images, strict=True):
                video.add(image)
        for video in videos:
            video.close()
        index = np.arange(count)
        columns = {
            "observation.state": states,
            "action": actions,
            "timestamp": (index / FPS).astype(np.float32),
            "frame_index": index,
            "episode_index": np.full(count, episode),
            "index": index + episode * count,
            "task_index": np.zeros(count, np.int64),
        }
        file = root / f"data/chunk-000/episode_{episode:06d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.table({k: list(v) if v.ndim > 1 else v for k, v in columns.items()}), file)
        rows.append({"episode_index": episode, "tasks": [TASK], "length": count})
        pixels = PixelCount()
        pixels.add(images[0])
        stats = {k: statistics(v) for k, v in columns.items()} | dict.fromkeys(FEATURES, pixels.statistics())
        figures.append({"episode_index": episode, "stats": stats})
    vector = {"dtype": "float32", "shape": [len(NAMES)], "names": NAMES}
    image = {"dtype": "video", "shape": [*size, 3], "names": ["height", "width", "channels"]}
    image |= {
        "info": {"video.fps": FPS, "video.codec": "h264", "video.pix_fmt": "yuv420p", "video.is_depth_map": False, "has_audio": False}
    }
    counters = {k: {"dtype": "int64", "shape": [1], "names": None} for k in ("frame_index", "episode_index", "index", "task_index")}
    info = {
        "codebase_version": "v2.1",
        "robot_type": "my_arm",
        "total_episodes": episodes,
        "total_frames": episodes * count,
        "total_tasks": 1,
        "total_videos": episodes * len(FEATURES),
        "total_chunks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            "observation.state": vector,
            "action": vector,
            **dict.fromkeys(FEATURES, image),
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
            **counters,
        },
    }
    (meta / "info.json").write_text(json.dumps(info))
    for name, lines in (("episodes", rows), ("episodes_stats", figures), ("tasks", [{"task_index": 0, "task": TASK}])):
        (meta / f"{name}.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return root
