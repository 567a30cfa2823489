"""`neon_control train`: recordings in, a verified policy folder and a report out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from neon_control.core.common.paths import find_file
from neon_control.core.common.printable import printable
from neon_control.core.common.registry import import_plugins
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot

if TYPE_CHECKING:
    from neon_control.training.config import TrainConfig
    from neon_control.training.distribution import Workers

MOST_TASKS = 100  # that policy.yaml names

DESCRIPTION = """Encode recordings once with the frozen encoders, train the action layer, and export it as a policy folder, verified.

The configuration is a YAML file; every field of it is also an option here, and wins. The run's folder runs/NAME holds checkpoints, curves
for TensorBoard, and report.md. A run that was stopped, with Ctrl-C or by a power cut, goes on where it was when the same command is given
again.

  neon_control train --config train/g1_reach.yaml --epochs 5 --head.type flow
  neon_control train --config train/g1_whole_body.yaml --init_from g1_reach       # widen a policy: see init_from and freeze
  torchrun --nproc-per-node 2 -m neon_control.tools.cli train                     # one run, two processes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from neon_control.training.building import POLICY_KEYS, head_keys
    from neon_control.training.config import AUGMENT_KEYS, BACKBONE_KEYS, TrainConfig
    from neon_control.training.options import add_options

    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.usage = "neon_control train [--config FILE] [--FIELD VALUE ...]"
    text = "training configuration; a name that is no file here is looked up in the package's config/ (default: %(default)s)"
    parser.add_argument("--config", default="train/g1_reach.yaml", help=text, metavar="FILE")
    parser.add_argument("--delay-from", dest="delay_from", help=argparse.SUPPRESS)  # as tools elsewhere spell it
    add_options(parser, TrainConfig, {"head": head_keys(), "policy": POLICY_KEYS, "backbone": BACKBONE_KEYS, "augment": AUGMENT_KEYS})


def run(args: argparse.Namespace) -> int:
    from neon_control.training.config import TrainConfig, load_train_config
    from neon_control.training.distribution import join_workers, leave_workers
    from neon_control.training.options import given_options

    config = load_train_config(find_file(args.config, "config"), given_options(args, TrainConfig))
    import_plugins(config.plugins)
    workers = join_workers(config.device)
    try:
        return _train(config, workers)
    finally:
        leave_workers()


def _train(config: TrainConfig, workers: Workers) -> int:
    from neon_control.recordings.chosen import chosen
    from neon_control.recordings.finding import find_recordings
    from neon_control.training.augmentation import trained_kinds
    from neon_control.training.batches import split_episodes, to_batch, to_views
    from neon_control.training.delays import drawn_prefixes
    from neon_control.training.delivery import deliver, target_folder
    from neon_control.training.feature_job import Job
    from neon_control.training.features import prepare
    from neon_control.training.optimisation import choose_device
    from neon_control.training.progressive import check_start
    from neon_control.training.report import write_report
    from neon_control.training.spill import Spill
    from neon_control.training.trainer import train

    robot = load_robot(config.robot)
    space = ActionSpace.from_robot(robot, config.mode)
    bags, left_out = chosen(find_recordings(config.data, config.recording_of(robot)), config.episodes)
    if left_out and workers.first:
        print(left_out)
    vision = config.backbone_spec(robot)
    run_folder = Path(config.runs) / config.name
    # What can be wrong is told now: encoding and training take hours.
    choose_device(config.device, workers.local_rank)
    given = drawn_prefixes(config)
    check_start(config, space, vision)
    target_folder(config).parent.mkdir(parents=True, exist_ok=True)
    run_folder.mkdir(parents=True, exist_ok=True)
    cache = Path(config.cache) if config.cache else None
    job = Job(space, config.dt, config.num_steps, vision, cache, config.threads, config.listens, config.speak_tasks, config.augmentation)
    found = workers.first_before_others(lambda: prepare(bags, job))
    recordings = found.arrays
    kept, held_out = split_episodes(recordings, config.validation_share, config.seed, found.takes)
    spill = Spill(run_folder)
    training, validation = (to_batch(episodes, space, spill) for episodes in (kept, held_out))
    tasks = found.tasks
    if workers.first:
        if tasks:
            print(f"{len(tasks)} tasks: {printable('; '.join(tasks))}")
        print(f"{len(kept)} episodes to train on, {len(training)} samples; {len(held_out)} to validate on, {len(validation)} samples")
    result, curves = train(config, space, training, validation, run_folder, vision, workers, to_views(kept, spill), spill)
    if not workers.first:
        return 0
    summary = {
        "recordings": len(recordings),
        "samples": len(training),
        "epochs": config.epochs,
        "seed": config.seed,
        **({"tasks": list(tasks[:MOST_TASKS])} if tasks else {}),
        **({} if given is None else {"prefix_weights": given.round(4).tolist()}),
        "minutes": round(curves.seconds / 60.0, 1),
        "validation_joint_error_rad": round(result.joint_error, 5),
        **({} if result.base_error is None else {"validation_base_error_m_s": round(result.base_error, 5)}),
        "validation_loss": {name: float(f"{value:.4g}") for name, value in result.losses.items()},
    }
    report = write_report(run_folder, config, space, result, curves, training, validation, summary, spill)
    images = trained_kinds(found.images, [camera.name for camera in config.cameras_of(robot)], config.augmentation)
    folder = deliver(config, robot, result, validation, summary, vision, images)
    print(f"{folder}: trained in {summary['minutes']} min, exported, and verified by running it")
    print(f"validation error: {result.errors}; more in {report}")
    return 0
