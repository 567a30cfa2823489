"""`neon_control train`: recordings in, a verified policy folder and a report out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.common.printable import printable
from neon_control.core.common.registry import import_plugins
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot

if TYPE_CHECKING:
    import numpy as np

    from neon_control.core.robot.robot import Robot
    from neon_control.runtime.encoders.backbone import BackboneSpec
    from neon_control.training.batches import Batch
    from neon_control.training.config import TrainConfig
    from neon_control.training.curves import Curves
    from neon_control.training.distribution import Workers
    from neon_control.training.evaluation import Result
    from neon_control.training.features import Extraction

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
    from neon_control.training.augmentation import trained_kinds
    from neon_control.training.batches import to_batch, to_views
    from neon_control.training.delays import drawn_prefixes
    from neon_control.training.delivery import deliver
    from neon_control.training.interventions import counting, draws, marked, seconds_of
    from neon_control.training.report import write_report
    from neon_control.training.spill import Spill
    from neon_control.training.splitting import HELD_OUT, split_episodes
    from neon_control.training.trainer import train

    robot = load_robot(config.robot)
    space, vision = ActionSpace.from_robot(robot, config.mode), config.backbone_spec(robot)
    given = drawn_prefixes(config)
    found = _prepare(config, robot, space, vision, workers)
    recordings = marked(found.arrays, found.outcomes, config)
    split = split_episodes(recordings, config.validation_share, config.seed, found.takes, found.names, _held_out_before(config))
    kept, held_out, old = counting(split.kept), counting(split.held_out), counting(split.old)
    if not kept or not held_out:
        raise ConfigError(
            f"nothing counts of the episodes {'to validate on' if kept else 'to train on'}; see person_weight and own_successes"
        )
    often = draws(kept, config.sampling)
    run_folder = Path(config.runs) / config.name
    spill = Spill(run_folder)
    training, validation = (to_batch(episodes, space, spill) for episodes in (kept, held_out))
    if workers.first:
        if found.tasks:
            print(f"{len(found.tasks)} tasks: {printable('; '.join(found.tasks))}")
        sizes = f"{len(split.kept)} episodes to train on, {len(training)} samples; {len(split.held_out)} to validate on"
        print(f"{sizes}, {len(validation)} samples")
    result, curves = train(config, space, training, validation, run_folder, vision, workers, to_views(kept, spill), spill, often)
    if not workers.first:
        return 0
    seconds = seconds_of(recordings, kept, often)
    summary = _summary(config, found, given, training, result, curves)
    summary |= _against_before(config, space, vision, training, result, to_batch(old, space, spill) if old else None)
    report = write_report(run_folder, config, space, result, curves, training, validation, summary, spill, seconds)
    summary |= {"seconds_used": {name: round(of.used, 1) for name, of in seconds.items()}, HELD_OUT: split.noted}
    images = trained_kinds(found.images, [camera.name for camera in config.cameras_of(robot)], config.augmentation)
    folder = deliver(config, robot, result, validation, summary, vision, images)
    print(f"{folder}: trained in {summary['minutes']} min, exported, and verified by running it")
    print("; ".join(f"{name}: {of.used:.0f} of {of.recorded:.0f} s, {of.share:.0%} of the draws" for name, of in seconds.items()))
    print(f"validation error: {result.errors}; more in {report}")
    return 0


def _prepare(config: TrainConfig, robot: Robot, space: ActionSpace, vision: BackboneSpec, workers: Workers) -> Extraction:
    """Encode the recordings. What can be wrong with the rest of the run is told before: encoding and training take hours."""
    from neon_control.recordings.chosen import chosen
    from neon_control.recordings.finding import find_recordings
    from neon_control.training.delivery import target_folder
    from neon_control.training.feature_job import Job
    from neon_control.training.features import prepare
    from neon_control.training.optimisation import choose_device
    from neon_control.training.progressive import check_start

    bags, left_out = chosen(find_recordings(config.data, config.recording_of(robot)), config.episodes)
    if left_out and workers.first:
        print(left_out)
    choose_device(config.device, workers.local_rank)
    check_start(config, space, vision)
    target_folder(config).parent.mkdir(parents=True, exist_ok=True)
    (Path(config.runs) / config.name).mkdir(parents=True, exist_ok=True)
    cache = Path(config.cache) if config.cache else None
    job = Job(space, config.dt, config.num_steps, vision, cache, config.threads, config.listens, config.speak_tasks, config.augmentation)
    return workers.first_before_others(lambda: prepare(bags, job))


def _held_out_before(config: TrainConfig) -> str:
    """Which takes the policy that is started from was not trained on, as its file notes them."""
    from neon_control.runtime.policy.policy_file import read_policy_file
    from neon_control.training.splitting import noted_in

    return noted_in(read_policy_file(config.init_from).training) if config.init_from else ""


def _summary(
    config: TrainConfig, found: Extraction, given: np.ndarray | None, training: Batch, result: Result, curves: Curves
) -> dict[str, Any]:
    """What the policy's file and the report say of the run."""
    return {
        "recordings": len(found.arrays),
        "samples": len(training),
        "epochs": config.epochs,
        "seed": config.seed,
        **({"init_from": config.init_from} if config.init_from else {}),
        **({"tasks": list(found.tasks[:MOST_TASKS])} if found.tasks else {}),
        **({} if given is None else {"prefix_weights": given.round(4).tolist()}),
        "minutes": round(curves.seconds / 60.0, 1),
        "validation_joint_error_rad": round(result.joint_error, 5),
        **({} if result.base_error is None else {"validation_base_error_m_s": round(result.base_error, 5)}),
        "validation_loss": {name: float(f"{value:.4g}") for name, value in result.losses.items()},
    }


def _against_before(
    config: TrainConfig, space: ActionSpace, vision: BackboneSpec, training: Batch, result: Result, old: Batch | None
) -> dict[str, str]:
    """Errors on old validation episodes of the policy that was started from, and of the new one; tells it if they grew."""
    from neon_control.training.progressive import start_policy
    from neon_control.training.regression import compare, judge

    if not config.init_from or old is None:
        return {}
    found = compare(start_policy(config, space, training, vision), result.policy, space, old)
    if text := judge(found, config):
        print(text, file=sys.stderr)
    return found.facts
