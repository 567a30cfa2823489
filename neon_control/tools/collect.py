"""`neon_control collect`: record demonstrations of the simulated robot as rosbags."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError
from neon_control.core.robot import load_robot

DATASET_FILE = "dataset.yaml"

_record: Callable[[int], None]  # what a worker process does with a take's number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `neon_control collect`."""
    parser.add_argument("--out", type=Path, help="folder for the recordings (default: data/ROBOT_reach, as in data/g1_reach)")
    parser.add_argument("--takes", type=int, default=1200, help="random starts (default: %(default)s)")
    parser.add_argument("--cuts", type=int, default=3, help="recordings of each take, each with a new command (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.8, help="length of each recording [s] (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides everything random (default: %(default)s)")
    parser.add_argument("--robot", default="g1.yaml", help="robot file (default: %(default)s)")
    parser.add_argument("--width", type=int, default=320, help="camera width [px] (default: %(default)s)")
    parser.add_argument("--height", type=int, default=240, help="camera height [px] (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")


def run(args: argparse.Namespace) -> int:
    """Record what is missing; takes that are there already are kept."""
    description = {
        "robot": args.robot,
        "seed": args.seed,
        "cuts": args.cuts,
        "seconds": args.seconds,
        "image_size": [args.width, args.height],
        "task": "reach for the cube of the spoken colour",
    }
    out = args.out or Path("data") / f"{Path(args.robot).stem}_reach"
    _claim(out, description)
    missing = [i for i in range(args.takes) if not all((f / "metadata.yaml").exists() for f in take_folders(out, i, args.cuts))]
    # spawn: a graphics context does not survive a fork
    context = multiprocessing.get_context("spawn")
    with context.Pool(args.workers, _start_worker, (out, description)) as pool:
        recorded = pool.imap_unordered(_work, missing)
        for _ in tqdm(recorded, "recording", args.takes, initial=args.takes - len(missing), unit="take"):
            pass
    return 0


def take_folders(out: Path, index: int, cuts: int) -> list[Path]:
    """Where the recordings of take `index` are."""
    return [out / f"take_{index:05d}_{cut}" for cut in range(cuts)]


def _claim(out: Path, description: dict[str, object]) -> None:
    """Write the data set's description, or check that the folder's is the same: recordings of two kinds must not mix.

    Raises:
        ConfigError: the folder holds other recordings.
    """
    file = out / DATASET_FILE
    if file.exists():
        found = yaml.safe_load(file.read_text())
        if found != description:
            raise ConfigError(f"{out} holds other recordings: {file} says {found}, asked for {description}; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(description, sort_keys=False))


def _start_worker(out: Path, description: dict[str, object]) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    from neon_control.sim.demonstration import Demonstrator

    robot = load_robot(str(description["robot"]))
    width, height = description["image_size"]  # type: ignore[misc]
    demonstrator = Demonstrator(robot, ActionSpace.from_robot(robot, "arms_only").joint_names, (width, height))

    def record(index: int) -> None:
        folders = take_folders(out, index, int(description["cuts"]))  # type: ignore[call-overload]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)  # a bag that was cut off has no metadata.yaml; begin the take again
        rng = np.random.default_rng([int(description["seed"]), index])  # type: ignore[call-overload]
        demonstrator.record_take(folders, rng, float(description["seconds"]))  # type: ignore[arg-type]

    global _record
    _record = record


def _work(index: int) -> None:
    _record(index)
