"""LeRobot itself, in a Python of its own (see `lerobot_venv`): writes a dataset, converts one, and says what it reads. No test: a script.

python lerobot_peer.py write ROOT EPISODES FRAMES HEIGHT WIDTH video|image
python lerobot_peer.py convert ROOT          # 2.1 to 3.0, in place
python lerobot_peer.py read ROOT OUT         # frames as OUT/*.npy, and the seconds of processor time that it took
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FPS = 30
NAMES = ["pan.pos", "lift.pos", "gripper.pos"]  # two joints in degrees, a gripper in 0..100 of its range
CAMERAS = ("front", "wrist")
FEATURES = {f"observation.images.{camera}": camera for camera in CAMERAS}
TASK = "put the cube into the box"
TASKS = (TASK, "take the cube out")  # of the episodes, in turns


def numbers(frame: float, episode: int = 0) -> np.ndarray:
    """What is measured at a frame; what is commanded there is measured at the next."""
    t = frame / FPS
    return np.array([45.0 * np.sin(3.0 * t + episode), 20.0 - 30.0 * t / (1.0 + t), 50.0 + 40.0 * np.cos(2.0 * t)], np.float32)


def picture(frame: int, camera: int, height: int, width: int, episode: int = 0) -> np.ndarray:
    """A gradient with a disc that moves, (H, W, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * x / width, 255 * y / height, np.full((height, width), 60.0 + 100.0 * camera)], axis=2)
    centre = height * (0.5 + 0.3 * np.sin(0.1 * frame + episode)), width * (0.5 + 0.3 * np.cos(0.07 * frame))
    image[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (0.15 * height) ** 2] = (220.0, 40.0, 30.0)
    return image.astype(np.uint8)


def frames(episode: int, count: int, height: int, width: int) -> Iterator[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
    """State, action and the images of each camera."""
    for frame in range(count):
        images = [picture(frame, camera, height, width, episode) for camera in range(len(CAMERAS))]
        yield numbers(frame, episode), numbers(frame + 1, episode), images


def write(root: str, episodes: str, count: str, height: str, width: str, kind: str) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    vector = {"dtype": "float32", "shape": (len(NAMES),), "names": NAMES}
    image = {"dtype": kind, "shape": (int(height), int(width), 3), "names": ["height", "width", "channels"]}
    features = {"observation.state": vector, "action": vector, **dict.fromkeys(FEATURES, image)}
    dataset = LeRobotDataset.create("someone/reach", FPS, features, root=root, robot_type="my_arm", use_videos=kind == "video")
    for episode in range(int(episodes)):
        for state, action, images in frames(episode, int(count), int(height), int(width)):
            dataset.add_frame(
                {"observation.state": state, "action": action, "task": TASKS[episode % 2], **dict(zip(FEATURES, images, strict=True))}
            )
        dataset.save_episode()
    dataset.finalize()


def convert(root: str) -> None:
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

    convert_dataset("someone/reach", root=root, push_to_hub=False)


def read(root: str, out: str) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    backend = None
    try:
        import torchcodec  # noqa: F401
    except (ImportError, RuntimeError, OSError):  # it needs the shared libraries of FFmpeg
        backend = "pyav"
    dataset = LeRobotDataset("someone/reach", root=root, video_backend=backend)
    keys = [k for k, f in dataset.meta.features.items() if f["dtype"] in ("video", "image")]
    Path(out).mkdir(parents=True)
    arrays, tasks = {}, []
    seconds = 0.0
    for index in range(len(dataset)):
        begin = time.process_time()
        item = dataset[index]
        seconds += time.process_time() - begin
        tasks.append(item["task"])
        values = {k: item[k].numpy() for k in ("observation.state", "action", "timestamp", "episode_index")}
        values |= {k: np.round(item[k].numpy() * 255.0).astype(np.uint8).transpose(1, 2, 0) for k in keys}
        for key, value in values.items():
            if key not in arrays:
                shape = (len(dataset), *value.shape)
                arrays[key] = np.lib.format.open_memmap(Path(out) / f"{key}.npy", "w+", value.dtype, shape)
            arrays[key][index] = value
    import lerobot

    facts = {"frames": len(dataset), "tasks": tasks, "seconds": seconds, "backend": backend or "torchcodec", "version": lerobot.__version__}
    (Path(out) / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    {"write": write, "convert": convert, "read": read}[sys.argv[1]](*sys.argv[2:])
