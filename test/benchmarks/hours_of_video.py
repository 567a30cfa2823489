"""Hours of video through `neon_control train`: how much memory all its processes take, how long it takes, and whether it survives kills.

    python test/benchmarks/hours_of_video.py write /tmp/hours                   # 100 episodes of 30 s, two cameras of 640 x 480 at 30 Hz
    python test/benchmarks/hours_of_video.py write /tmp/hours --episodes 20 --times 5              # the same in a fifth of the time
    python test/benchmarks/hours_of_video.py train /tmp/hours --kill 120 1500 -- --epochs 2

    python test/benchmarks/hours_of_video.py pretend /tmp/hours    # features of random numbers: the training, without hours of encoding

`write` is our own export, of images in which everything moves. `train` starts `neon_control train` on it, adds what follows `--`, kills all
of its processes (SIGKILL) so many seconds after it began, as often as it is told, starts the same command again, and reports as a table:
memory is the sum over its processes of what `/proc/PID/smaps_rollup` tells each second. PSS shares a page among those who map it; of it,
what is mapped from files is the system's to take back, the rest is not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import yaml
from PIL import Image
from tqdm import tqdm

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import Observation
from neon_control.recordings.finding import find_recordings
from neon_control.recordings.lerobot.export import LeRobotExport
from neon_control.recordings.observer import Observer
from neon_control.recordings.reading import SILENCE, Recording, Report, Sample
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES
from neon_control.training.config import TrainConfig
from neon_control.training.feature_files import write_arrays
from neon_control.training.feature_job import Job
from neon_control.training.feature_worker import to_arrays

CAMERAS, SIZE, FPS = ("head", "wrist"), (480, 640), 30  # SIZE: height, width
TASKS = ("put the cube into the box", "open the drawer", "close the drawer")
ROBOT = Path(__file__).parents[2] / "config/g1.yaml"
FIELDS = ("Rss", "Pss", "Pss_Anon", "Pss_File")
MB = 1024.0  # of a kB


class Moving(Recording):
    """An episode in which both cameras pan over a large picture, a disc moves, and the arms swing."""

    def __init__(self, number: int, seconds: float) -> None:
        self.path, self.name = Path("moving"), f"episode_{number}"
        self._number, self._seconds = number, seconds

    def fingerprint(self) -> str:
        """Of its number."""
        return self.name

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        rng = np.random.default_rng(self._number)
        pictures = [_picture(rng) for _ in CAMERAS]
        phase, rate = rng.uniform(0.0, 6.0, space.dim), rng.uniform(0.5, 2.0, space.dim)
        middle, swing = (space.upper + space.lower) / 2, 0.3 * (space.upper - space.lower) / 2
        for frame in range(round(self._seconds * FPS)):
            t = frame / FPS
            state, command = (middle + swing * np.sin(rate * at + phase) for at in (t, t + 1.0 / FPS))
            images = [_looked_at(picture, t, number) for number, picture in enumerate(pictures)]
            seen = Observation(round(t * NANOSECONDS), images[0], state[: space.num_joints], SILENCE, others={CAMERAS[1]: (images[1],)})
            yield Sample(_told(seen, TASKS[self._number % len(TASKS)]), command[None], np.ones(1, np.float32))


def _told(seen: Observation, words: str) -> Observation:
    object.__setattr__(seen, "instruction", words)
    return seen


def _picture(rng: np.random.Generator) -> np.ndarray:
    """(2H, 2W, 3) uint8: spots of many sizes."""
    height, width = (2 * side for side in SIZE)
    picture = np.full((height, width, 3), 128.0)
    for grain in (6, 20, 90):  # [px]
        noise = rng.integers(0, 256, (height // grain, width // grain, 3), dtype=np.uint8)
        picture += 0.4 * (np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC), float) - 128.0)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _looked_at(picture: np.ndarray, t: float, camera: int) -> np.ndarray:
    """(H, W, 3) of it."""
    height, width = SIZE
    top, left = (round(size * (0.5 + 0.45 * np.sin(rate * t + camera))) for size, rate in ((height, 0.31), (width, 0.23)))
    image = picture[top : top + height, left : left + width].copy()
    y, x, r = round(height * (0.5 + 0.3 * np.sin(1.3 * t))), round(width * (0.5 + 0.3 * np.cos(t))), 40
    rows, columns = np.ogrid[-r:r, -r:r]
    image[y - r : y + r, x - r : x + r][rows**2 + columns**2 < r * r] = (220, 40, 30)
    return image


def write(root: Path, episodes: int, seconds: float, times: int) -> None:
    """Write the data set `root`/set, all of it so many times, and a robot file with its cameras beside it."""
    root.mkdir(parents=True, exist_ok=True)
    file = robot_file(root)
    description = yaml.safe_load(ROBOT.read_text())
    description["urdf"] = str((ROBOT.parent / description["urdf"]).resolve())
    description["cameras"] = {name: {"topic": f"{name}/image_raw"} for name in CAMERAS}
    description["recording"] = {"audio": ""}
    file.write_text(yaml.safe_dump(description, sort_keys=False))
    robot = load_robot(str(file))
    space = ActionSpace.from_robot(robot, "arms_only")
    begin = time.monotonic()
    with LeRobotExport(root / "set", space, robot.name, FPS, "", CAMERAS) as dataset:
        for number in tqdm(range(episodes), "writing", unit="episode"):
            dataset.add(Moving(number, seconds), 1.0 / FPS, Report())
    repeat(root / "set", times)
    size = sum(f.stat().st_size for f in (root / "set").rglob("*") if f.is_file())
    count = f"{times} x {dataset.episodes} episodes, {times} x {dataset.frames} frames"
    print(f"{count}, {size / 1e9:.2f} GB, written in {time.monotonic() - begin:.0f} s")


def repeat(root: Path, times: int) -> None:
    """The same episodes again, with other numbers and in copies of the files."""
    listed, info = root / "meta/episodes/chunk-000/file-000.parquet", json.loads((root / "meta/info.json").read_text())
    rows, frames = parquet.read_table(listed).to_pylist(), info["total_frames"]
    folders = [root / "data/chunk-000", *(f / "chunk-000" for f in (root / "videos").iterdir())]
    files = {folder: sorted(folder.iterdir()) for folder in folders}
    all_rows = list(rows)
    for again in range(1, times):
        for folder, there in files.items():
            for number, file in enumerate(there):
                copy = folder / f"file-{again * len(there) + number:03d}{file.suffix}"
                if file.suffix == ".mp4":
                    shutil.copyfile(file, copy)
                    continue
                table = parquet.read_table(file)
                for name, step in (("episode_index", len(rows)), ("index", frames)):
                    moved = arrow.array(table[name].to_numpy() + again * step)
                    table = table.set_column(table.column_names.index(name), name, moved)
                parquet.write_table(table, copy)
        for row in rows:
            changed = {"episode_index": row["episode_index"] + again * len(rows)}
            changed |= {f"dataset_{end}_index": row[f"dataset_{end}_index"] + again * frames for end in ("from", "to")}
            for folder, there in files.items():
                key = f"{folder.parent.relative_to(root)}/file_index"
                changed[key] = row[key] + again * len(there)
            all_rows.append(row | changed)
    parquet.write_table(arrow.Table.from_pylist(all_rows), listed)
    info |= {"total_episodes": len(all_rows), "total_frames": times * frames}
    (root / "meta/info.json").write_text(json.dumps(info))


def robot_file(root: Path) -> Path:
    """Beside the data set."""
    return root / "robot.yaml"


class Blind(Observer):
    """Needs no image."""

    def chosen(self, stamps: np.ndarray) -> np.ndarray:
        return np.zeros(len(stamps), bool)


def pretend(root: Path) -> None:
    """Fill the cache: samples as they are, and random numbers in the place of their features."""
    config = TrainConfig(**settings(root))
    robot = load_robot(config.robot)
    space = ActionSpace.from_robot(robot, config.mode)
    job = Job(space, config.dt, config.num_steps, config.backbone_spec(robot), Path(config.cache))
    rng = np.random.default_rng(0)
    for recording in tqdm(find_recordings(config.data, config.recording_of(robot)), "pretending", unit="episode"):
        files = job.files(recording)
        samples = list(recording.samples(space, config.dt, config.num_steps, report=Report(observer=Blind())))
        rows = to_arrays(samples)
        shape = len(samples), job.vision.features
        seen = {"vision": rng.standard_normal(shape, np.float32), "audio": np.zeros((len(samples), AUDIO_FEATURES), np.float32)}
        files.features.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(files.features, seen | {key: rows[key] for key in ("stamps", "episode")})
        write_arrays(files.samples, rows, {"problems": "[]", "images": "[]"})


def settings(root: Path) -> dict[str, Any]:
    """Of the training."""
    config = {"name": "hours", "data": str(root / "set"), "robot": str(robot_file(root)), "cameras": CAMERAS, "epochs": 2}
    return config | {"runs": str(root / "runs"), "out": str(root / "policies"), "cache": str(root / "cache")}


@dataclass
class Memory:
    """[MB] the largest sums over all processes, and when the largest PSS was [s]."""

    peaks: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0.0))
    processes: int = 0

    def look(self, root: int) -> None:
        """Measure a process and all that it started."""
        sums, processes = dict.fromkeys(FIELDS, 0.0), tree(root)
        for process in processes:
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
            except OSError:  # it has ended
                continue
            found = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
            for name in FIELDS:
                sums[name] += found.get(name, 0) / MB
        self.peaks = {name: max(peak, sums[name]) for name, peak in self.peaks.items()}
        self.processes = max(self.processes, len(processes))


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


@dataclass
class Phase:
    """What one start of the command did before it ended, or was killed."""

    words: str
    seconds: float
    memory: Memory


def train(root: Path, kills: list[float], more: list[str]) -> int:
    """Run the command to its end, and print what it took."""
    command = [sys.executable, "-m", "neon_control.tools.cli", "train", "--config", str(root / "train.yaml"), *more]
    (root / "train.yaml").write_text(yaml.safe_dump(settings(root) | {"cameras": list(CAMERAS)}))
    rows, code = [], 0
    with (root / "train.log").open("w") as log:
        for kill in (*kills, float("inf")):
            begin, memory = time.monotonic(), Memory()
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            while process.poll() is None and time.monotonic() < begin + kill:
                memory.look(process.pid)
                time.sleep(1.0)
            ended = process.poll()
            if ended is None:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
            else:
                code = ended
            rows.append(Phase("killed" if ended is None else f"ended with {ended}", time.monotonic() - begin, memory))
            print(json.dumps({"words": rows[-1].words, "seconds": rows[-1].seconds, **memory.peaks}), flush=True)
            if ended is not None:
                break
    print("| start | seconds | processes | " + " | ".join(f"{name} [MB]" for name in FIELDS) + " |")
    print("|---|---|---|" + "---|" * len(FIELDS))
    for number, row in enumerate(rows, 1):
        cells = [f"{number}, {row.words}", f"{row.seconds:.0f}", str(row.memory.processes), *(f"{row.memory.peaks[n]:.0f}" for n in FIELDS)]
        print("| " + " | ".join(cells) + " |")
    load = os.getloadavg()
    print(f"load of the last 15 min: {load[2]:.1f} on {os.cpu_count()} cores; the command's output is in {root / 'train.log'}")
    return code


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("write", "pretend", "train"))
    parser.add_argument("root", type=Path)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--times", type=int, default=1, help="so often are they in it, which saves time")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each episode")
    parser.add_argument("--kill", type=float, nargs="*", default=[], metavar="S", help="kill the training so long after each start")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:split])
    if args.what == "write":
        write(args.root, args.episodes, args.seconds, args.times)
        return 0
    if args.what == "pretend":
        pretend(args.root)
        return 0
    return train(args.root, args.kill, list(itertools.islice(sys.argv, split + 1, None)))


if __name__ == "__main__":
    raise SystemExit(main())
