"""Recordings whose actions depend on what is sensed in a known way, and a run on them as a process of its own.

python test/training/synthetic.py FOLDER [--slow] [FIELD=VALUE ...]
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.training.config import TrainConfig
from neon_control.training.feature_files import Arrays

WIDTH = 32  # of the vision features: small, so that a run takes a second
HEAD = {"type": "grouped", "mlp_hidden": 32, "dropout": 0.0}
POLICY = {"bottleneck_dim": 16, "proprioception_dim": 24, "state_relative": True, "loss_weights": {"arms": 50.0}}
SMALL = TrainConfig("t", "d", epochs=25, batch_size=32, threads=1, device="cpu", checkpoint_steps=5)
CONFIG = replace(SMALL, ema_decay=0.9, learning_rate=3e-3, head=HEAD, policy=POLICY)


def recording(space: ActionSpace, seed: int, n: int = 64, width: int = WIDTH, num_steps: int = 16) -> Arrays:
    """Joints drift one way or the other by what is seen, the base drives by what is heard."""
    rng = np.random.default_rng(seed)
    vision, audio = rng.normal(size=(n, width)).astype(np.float32), rng.normal(size=(n, 384)).astype(np.float32)
    joints = rng.uniform(-0.2, 0.2, (n, space.num_joints)).astype(np.float32)
    step = np.linspace(0.0, 1.0, num_steps)[None, :, None]
    moved = joints[:, None] + 0.3 * step * np.sign(vision[:, :1, None]) * np.ones(space.num_joints)
    base = np.broadcast_to(0.3 * np.sign(audio[:, :1, None]), (n, num_steps, space.dim - space.num_joints))
    actions = np.concatenate([moved, base], axis=2).astype(np.float32)
    mask, episode = np.ones((n, num_steps), np.float32), np.zeros(n, np.int32)
    return {"vision": vision, "audio": audio, "joints": joints, "actions": actions, "mask": mask, "episode": episode}


def main() -> None:
    """Train, and print what the run's curves hold."""
    from neon_control.training import trainer
    from neon_control.training.batches import to_batch
    from neon_control.training.distribution import join_workers, leave_workers

    folder, *rest = sys.argv[1:]
    slow = "--slow" in rest
    changes: dict[str, Any] = {k: yaml.safe_load(v) for k, _, v in (text.partition("=") for text in rest if "=" in text)}
    space = ActionSpace.from_robot(load_robot("g1.yaml"), "arms_only")
    batch = to_batch([recording(space, i) for i in range(3)], space)
    batch.mask[::3, 4:] = 0.0  # processes then get different numbers of recorded steps
    if slow:  # long enough to be killed between two steps
        original = trainer._Trainer._train_step
        trainer._Trainer._train_step = lambda *a: (time.sleep(0.05), original(*a))[1]  # type: ignore[method-assign]
    workers = join_workers("cpu")
    try:
        trainer.train(replace(CONFIG, **changes), space, batch, batch, Path(folder), workers=workers)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        leave_workers()


if __name__ == "__main__":
    main()
