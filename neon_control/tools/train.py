"""`neon_control train`: recordings in, a verified policy folder out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from neon_control.core.action_space import ActionSpace
from neon_control.core.paths import find_file
from neon_control.core.robot import load_robot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `neon_control train`."""
    text = "training configuration; a name that is no file here is looked up in the package's config/ (default: %(default)s)"
    parser.add_argument("--config", default="train/g1_reach.yaml", help=text)
    parser.add_argument("--data", help="folder with recordings (default: what the configuration says)")
    parser.add_argument("--out", help="folder in which the policy's folder is made (default: what the configuration says)")
    parser.add_argument("--name", help="name of the policy (default: what the configuration says)")
    parser.add_argument("--epochs", type=int, help="passes over the data (default: what the configuration says)")
    parser.add_argument("--seed", type=int, help="decides everything random (default: what the configuration says)")


def run(args: argparse.Namespace) -> int:
    """Encode what is not encoded yet, train, export, and load the result as a robot would."""
    from neon_control.runtime.export import export_policy
    from neon_control.runtime.policy import Policy
    from neon_control.training.config import load_train_config
    from neon_control.training.features import find_recordings, prepare
    from neon_control.training.trainer import split_recordings, to_batch, train

    overrides = {key: getattr(args, key) for key in ("data", "out", "name", "epochs", "seed")}
    config = load_train_config(find_file(args.config, "config"), overrides)
    robot = load_robot(config.robot)
    space = ActionSpace.from_robot(robot, config.mode)
    num_steps = int(config.policy.get("head", {}).get("num_action_steps", 16))
    bags = find_recordings(Path(config.data))
    vision = config.backbone_spec()
    recordings = prepare(bags, space, config.dt, num_steps, config.threads, config.image_fit, vision)
    kept, held_out = split_recordings(len(bags), config.validation_share, config.seed)
    training, validation = (to_batch([recordings[i] for i in part], space) for part in (kept, held_out))
    print(f"{len(bags)} recordings: {len(training)} samples to train on, {len(validation)} to validate")
    start = time.monotonic()
    result = train(config, space, training, validation)
    summary = {
        "recordings": len(bags),
        "samples": len(training),
        "epochs": config.epochs,
        "seed": config.seed,
        "minutes": round((time.monotonic() - start) / 60.0, 1),
        "validation_joint_error_rad": round(result.joint_error, 5),
        **({} if result.base_error is None else {"validation_base_error_m_s": round(result.base_error, 5)}),
        "validation_loss": {name: float(f"{value:.4g}") for name, value in result.losses.items()},
    }
    folder = Path(config.out) / config.name
    export_policy(
        result.policy,
        folder,
        space,
        robot=robot.name,
        action_layer=result.policy.config.to_dict(),
        training=summary,
        dt=config.dt,
        num_steps=num_steps,
        use_audio=result.policy.config.use_audio,
        vision=vision,
    )
    Policy.load(folder, robot)
    print(f"{folder}: trained in {summary['minutes']} min, exported, and verified by loading it")
    print(f"validation error: {result.errors}")
    return 0
