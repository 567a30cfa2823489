"""A small LeRobot dataset of version 3.0 for tests: two episodes of 20 frames, two cameras in parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as arrow
import pyarrow.parquet as parquet
import yaml

from neon_control.core.robot.action_space import ActionSpace

JOINTS = ("pan", "lift", "gripper")
LOWER, UPPER = np.array([-2.0, -1.5, -0.2]), np.array([2.0, 1.8, 1.7])
SPACE = ActionSpace("arms_only", JOINTS, {"arms": slice(0, 3)}, LOWER, UPPER)
GREY = {"front": 40, "wrist": 160}
FRAMES, FPS = 20, 30
Rows = dict[str, list[Any]]


def motion(frame: float) -> list[float]:
    """[rad] of the joints; the state of a frame is its motion, the action that of the next frame."""
    t = frame / FPS
    return [0.8 * np.sin(5.0 * t), 0.5 - 1.2 * t, 0.2 + 1.5 * t * t]


def write_set(
    root: Path,
    edit: Callable[[Rows], None] = lambda rows: None,
    edit_episodes: Callable[[list[dict[str, Any]]], None] = lambda rows: None,
    edit_info: Callable[[dict[str, Any]], None] = lambda info: None,
    names: Any = JOINTS,
    keys: Sequence[str] = ("observation.state", "action"),
) -> Path:
    """Write it; the functions change rows of the table, of the list of episodes, and `info.json` before that."""
    features = {f"observation.images.{camera}": grey for camera, grey in GREY.items()}
    rows: Rows = {k: [] for k in (*keys, *features, "timestamp", "frame_index", "episode_index", "index", "task_index")}
    for episode in range(2):
        for frame in range(FRAMES):
            row = [motion(frame), motion(frame + 1), *(png(v) for v in features.values()), frame / FPS, frame, episode]
            for key, value in zip(rows, (*row, FRAMES * episode + frame, 0), strict=True):
                rows[key].append(value)
    edit(rows)
    for folder in ("data/chunk-000", "meta/episodes/chunk-000"):
        (root / folder).mkdir(parents=True)
    parquet.write_table(arrow.table({k: arrow.array(v) for k, v in rows.items()}), root / "data/chunk-000/file-000.parquet")
    episodes = [
        {
            "episode_index": e,
            "tasks": ["t"],
            "length": FRAMES,
            "data/chunk_index": 0,
            "data/file_index": 0,
            "dataset_from_index": e * FRAMES,
        }
        for e in range(2)
    ]
    edit_episodes(episodes)
    parquet.write_table(arrow.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    described: dict[str, Any] = {k: {"dtype": "float32", "shape": [3], "names": names and list(names)} for k in keys}
    described |= {k: {"dtype": "image", "shape": [24, 32, 3], "names": ["height", "width", "channels"]} for k in features}
    described |= {k: {"dtype": "float32", "shape": [1], "names": None} for k in ("timestamp", "frame_index", "episode_index")}
    info: dict[str, Any] = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": described,
    }
    edit_info(info)
    (root / "meta/info.json").write_text(json.dumps(info))
    return root


def png(grey: int) -> dict[str, Any]:
    """A cell of an image column."""
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((24, 32, 3), grey, np.uint8)).save(stream, "PNG")
    return {"bytes": stream.getvalue(), "path": None}


def write_arm(
    folder: Path, name: str = "my_arm", cameras: Sequence[str] = ("front", "wrist"), base: bool = False, **recording: Any
) -> Path:
    """The robot file of the dataset's arm, and its URDF: two joints and a gripper, and these cameras; `recording` is that section."""
    kinds = zip(JOINTS, LOWER, UPPER, strict=True)
    joints = "".join(
        f'<link name="{j}"/><joint name="{j}" type="revolute"><parent link="root"/><child link="{j}"/>'
        f'<limit lower="{low}" upper="{high}" effort="1" velocity="10"/></joint>'
        for j, low, high in kinds
    )
    (folder / f"{name}.urdf").write_text(f'<robot name="{name}"><link name="root"/>{joints}</robot>')
    file = folder / f"{name}.yaml"
    limits = {"max_velocity": {"vx": 0.5, "vy": 0.5, "yaw_rate": 1.0}, "max_acceleration": {"vx": 3.0, "vy": 3.0, "yaw_rate": 6.0}}
    description = {
        "name": name,
        "urdf": f"{name}.urdf",
        "groups": {"arm": list(JOINTS)},
        "parts": {"arms": ["arm"]},
        "limits": {"position_margin": 0.0, "groups": {"arm": {"velocity_scale": 0.5, "max_acceleration": 15.0}}},
        "cameras": {camera: {"topic": f"{camera}/image_raw"} for camera in cameras},
        "controllers": {"arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]}},
        "recording": {"audio": "", **({} if base else {"base": ""}), **recording},
        **({"base": limits} if base else {}),
    }
    file.write_text(yaml.safe_dump(description, sort_keys=False))
    return file
