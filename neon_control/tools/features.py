"""`neon_control features`: the slow part of a training, before it and apart from it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from neon_control.core.common.paths import find_file
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.tools.arguments import whole

EPILOG = """\
examples:
  neon_control features data/g1_reach
  neon_control features /mnt/read_only --cache features   # and `neon_control train --cache features`
  neon_control features data/g1_reach --ray 10.0.0.5:6379 # its computers see the same folders"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compute what the frozen encoders make of each camera image and of the sound before it, and keep it on disk,\n"
        "where `neon_control train` finds it. What is there is not computed again, so an interrupted run goes on where\n"
        "it was. Recordings and images that cannot be used are listed at the end; if nothing can, the exit code is 1."
    )
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="folder with recordings (default: what the configuration says)")
    text = "training configuration, which names encoder and robot; as of `neon_control train` (default: %(default)s)"
    parser.add_argument("--config", default="train/g1_reach.yaml", metavar="FILE", help=text)
    parser.add_argument("--robot", metavar="FILE", help="robot file (default: what the configuration says)")
    text = "folder for the features (default: what the configuration says, else beside each recording)"
    parser.add_argument("--cache", metavar="DIR", help=text)
    text = "processes (default: one per core; over Ray: one per core of the cluster)"
    parser.add_argument("--workers", type=whole(1), metavar="N", help=text)
    text = "spread over a Ray cluster; without ADDRESS: RAY_ADDRESS, or the cluster of this computer, or a new one on it"
    parser.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help=text)


def run(args: argparse.Namespace) -> int:
    from neon_control.recordings.chosen import chosen
    from neon_control.recordings.finding import find_recordings
    from neon_control.training.config import load_train_config
    from neon_control.training.feature_job import Job
    from neon_control.training.features import extract

    overrides = {"data": args.path and str(args.path), "robot": args.robot, "cache": args.cache}
    config = load_train_config(find_file(args.config, "config"), overrides)
    robot = load_robot(config.robot)
    space = ActionSpace.from_robot(robot, config.mode)
    bags, _ = chosen(find_recordings(config.data, config.recording_of(robot)), config.episodes)
    cache = Path(config.cache) if config.cache else None
    start = time.monotonic()
    vision = config.backbone_spec(robot)
    job = Job(space, config.dt, config.num_steps, vision, cache, args.workers, config.listens, config.speak_tasks, config.augmentation)
    found = extract(bags, job, args.ray)
    frames = sum(len(arrays["stamps"]) for arrays in found.arrays)
    seconds = time.monotonic() - start
    print(f"{len(found.arrays)} of {len(bags)} recordings can be used: {frames} frames, {found.encoded} encoded now, in {seconds:.1f} s")
    if table := found.table():
        print(table)
    return 0 if found.arrays else 1
