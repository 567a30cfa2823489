"""`neon_control collect`: record demonstrations of the simulated robot, or corrections of a policy that drives it, as rosbags."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.worker_pool import in_processes
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.demonstration import Demonstrator
from neon_control.sim.description import load_description, simulated_mode
from neon_control.tools.arguments import IMAGE_SIZES, positive, whole

DATASET_FILE = "dataset.yaml"
PLANS = {"reach": (3, 0.8), "pick_place": (1, 9.0)}  # recordings of a take and their length [s]; a grasp is the end of a long way
TASKS = {"reach": "reach for the cube of the spoken colour", "pick_place": "put the cube of the spoken colour into the tray"}

# Of a worker process.
_plan: tuple[Path, dict[str, Any]]  # the data set's folder and description
_demonstrator: Demonstrator | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="folder for the recordings (default: data/ROBOT_TASK, as in data/g1_reach)")
    parser.add_argument("--takes", type=whole(1), default=1200, help="random starts (default: %(default)s)")
    text = "recordings of each take, each with a new command (default: 3, of picking 1)"
    parser.add_argument("--cuts", type=whole(1), help=text)
    parser.add_argument("--seconds", type=positive, help="longest recording [s], more than one chunk (default: 0.8, of picking 9)")
    parser.add_argument("--seed", type=whole(0), default=1, help="decides everything random (default: %(default)s)")
    text = "let this policy drive, in lock step, while the expert watches: see --corrections"
    parser.add_argument("--policy", help=text, metavar="POLICY")
    text = "with --policy: the expert takes over when it is about to fail, and gives back; each take is a whole trial, and one recording"
    parser.add_argument("--corrections", action="store_true", help=text)
    parser.add_argument("--takeovers", type=whole(1), help="with --corrections: stop after so many, when the trial is over")
    parser.add_argument("--robot", default="g1.yaml", help="robot file (default: %(default)s)")
    parser.add_argument("--width", type=whole(*IMAGE_SIZES), default=320, help="camera width [px] (default: %(default)s)")
    parser.add_argument("--height", type=whole(*IMAGE_SIZES), default=240, help="camera height [px] (default: %(default)s)")
    parser.add_argument("--workers", type=whole(1), default=os.cpu_count(), help="processes (default: one per core)")


def run(args: argparse.Namespace) -> int:
    """Record what is missing; takes that are there already are kept."""
    _check(args)
    task = load_description(load_robot(args.robot)).task  # a mistake in the file is told once, not by every worker
    cuts, seconds = PLANS[task]
    cuts, seconds = args.cuts or cuts, args.seconds or seconds
    description = {
        "robot": args.robot,
        "seed": args.seed,
        "cuts": cuts,
        "seconds": seconds,
        "image_size": [args.width, args.height],
        "task": TASKS[task],
    }
    if args.corrections:
        return _correct(args, task)
    out = args.out or Path("data") / f"{Path(args.robot).stem}_{task}"
    _claim(out, description)
    missing = [i for i in range(args.takes) if not all((f / "metadata.yaml").exists() for f in take_folders(out, i, cuts))]
    recorded = in_processes(_record, missing, args.workers, _start_worker, (out, description))
    for _ in tqdm(recorded, "recording", args.takes, initial=args.takes - len(missing), unit="take", disable=None):
        pass
    print(f"{out}: {args.takes} takes, {cuts} recordings each; {len(missing)} takes recorded now")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse options that go with another way of collecting than the one that is asked for."""
    if args.corrections != (args.policy is not None):
        raise ConfigError("--corrections needs --policy, the one that is to be corrected; and --policy needs --corrections")
    unused = [f"--{name}" for name in ("cuts", "seconds") if getattr(args, name) is not None] if args.corrections else []
    if unused or (args.takeovers is not None and not args.corrections):
        raise ConfigError(f"{unused or '--takeovers'} means nothing {'with' if args.corrections else 'without'} --corrections")


def _correct(args: argparse.Namespace, task: str) -> int:
    """Let the policy drive and the expert correct it; episodes that are there already are kept."""
    from neon_control.demo.corrected_set import in_words, record_corrections  # ONNX Runtime, which demonstrations need not load

    name = Path(args.policy).name
    out = args.out or Path("data") / f"{Path(args.robot).stem}_{task}_{name}"
    policy = str(Path(args.policy).absolute()) if Path(args.policy).is_dir() else args.policy
    size = [args.width, args.height]
    description = {"robot": args.robot, "seed": args.seed, "image_size": size, "task": TASKS[task], "policy": policy, "corrections": True}
    _claim(out, description)
    trials = []
    with tqdm(desc="correcting", total=args.takes, unit="episode", disable=None) as bar:
        for trial in record_corrections(out, description, args.takes, args.takeovers, args.workers):
            trials.append(trial)
            bar.update()
            bar.set_postfix_str(f"{sum(len(t.reasons) for t in trials)} takeovers")
    print(f"{out}: {in_words(trials)}")
    return 0


def take_folders(out: Path, index: int, cuts: int) -> list[Path]:
    """Where the recordings of take `index` are."""
    return [out / f"take_{index:05d}_{cut}" for cut in range(cuts)]


def _claim(out: Path, description: dict[str, object]) -> None:
    """Write the data set's description, or refuse a folder that has another one: recordings of two kinds must not mix."""
    file = out / DATASET_FILE
    if file.exists():
        found = read_mapping(file)
        if found != description:
            raise ConfigError(f"{out} holds other recordings: {file} says {found}, asked for {description}; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(description, sort_keys=False))


def _start_worker(out: Path, description: dict[str, Any]) -> None:
    global _plan
    _plan = out, description


def _record(index: int) -> None:
    """Record one take; the first one of a process builds the world."""
    global _demonstrator
    out, description = _plan
    if _demonstrator is None:
        robot = load_robot(description["robot"])
        width, height = description["image_size"]
        names = ActionSpace.from_robot(robot, simulated_mode(robot)).joint_names
        _demonstrator = Demonstrator(robot, names, (width, height))
    folders = take_folders(out, index, description["cuts"])
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)  # a bag that was cut off has no metadata.yaml; begin the take again
    take = f"{Path(description['robot']).stem}, {description['task']}, seed {description['seed']}, take {index}"
    _demonstrator.record_take(folders, np.random.default_rng([description["seed"], index]), description["seconds"], take)
