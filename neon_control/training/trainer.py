"""The training loop: features in, a trained action layer out. The encoders are frozen, so they are not here at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from neon_control.core.action_space import ActionSpace
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.vision import VISION_FEATURES
from neon_control.training.config import TrainConfig
from neon_control.training.features import Arrays

EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class Batch:
    """n samples as tensors, actions and joints normalised."""

    vision: Tensor  # (n, 2048)
    audio: Tensor  # (n, 384)
    joints: Tensor  # (n, J)
    actions: Tensor  # (n, H, N)
    mask: Tensor  # (n, H)

    def __len__(self) -> int:
        return len(self.vision)

    def pick(self, index: Tensor) -> Batch:
        """The samples at `index`."""
        return Batch(*(getattr(self, name)[index] for name in ("vision", "audio", "joints", "actions", "mask")))


@dataclass(frozen=True)
class Result:
    """A trained policy and what validation says of it."""

    policy: ActionPolicy
    losses: dict[str, float]  # validation, weighted sum as `total`, and each group's own
    joint_error: float  # [rad] mean absolute error of the joints
    base_error: float | None  # mean absolute error of the base velocities [m/s, rad/s]; None without a base

    @property
    def errors(self) -> str:
        """Both errors in words."""
        base = "" if self.base_error is None else f", base {self.base_error:.4f} m/s"
        return f"joints {self.joint_error:.4f} rad{base}"


def split_recordings(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the validation recordings; samples of one recording never part."""
    order = np.random.default_rng(seed).permutation(count).tolist()
    validation = max(1, round(share * count))
    return sorted(order[validation:]), sorted(order[:validation])


def to_batch(recordings: Sequence[Arrays], space: ActionSpace) -> Batch:
    """Join recordings and normalise joints and actions."""
    joined = {key: np.concatenate([r[key] for r in recordings]) for key in ("vision", "audio", "joints", "actions", "mask")}
    # A command may lie a little outside the range that a policy can express; it is taught the nearest that it can.
    actions = np.clip(space.normalise(joined["actions"]), -1.0, 1.0)
    arrays = (joined["vision"], joined["audio"], space.normalise_joints(joined["joints"]), actions, joined["mask"])
    return Batch(*(torch.as_tensor(a, dtype=torch.float32) for a in arrays))


def build_policy(config: TrainConfig, space: ActionSpace, width: int = VISION_FEATURES) -> ActionPolicy:
    """An untrained policy of the configured sizes, for `width` features of the backbone."""
    options = {"vision_dim": width, **config.policy}
    head = ActionHeadConfig(**{"hidden_size": width, **options.pop("head", {})})
    return ActionPolicy(PolicyConfig.from_action_space(space, **options, head=replace(head, action_dim=space.dim)))


def train(config: TrainConfig, space: ActionSpace, training: Batch, validation: Batch) -> Result:
    """Train the action layer; the same seed and data give the same weights.

    Minimises the masked mean squared error, weighted by group, with AdamW, a cosine schedule after a linear warm-up,
    gradient clipping, and an exponential moving average of the weights, which is what is returned.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    policy = build_policy(config, space, training.vision.shape[1])
    policy.set_feature_statistics(*_statistics(training.vision), *_statistics(training.audio))
    average = AveragedModel(policy, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))
    optimiser = torch.optim.AdamW(policy.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * math.ceil(len(training) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, config.warmup_share))
    mixed_precision = config.mixed_precision and has_bfloat16()
    progress = tqdm(total=steps, desc="training", unit="step")
    for epoch in range(config.epochs):
        policy.train()
        for batch in _shuffled(training, config.batch_size, config.seed + epoch):
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed_precision):
                loss, _ = policy.compute_loss(batch.vision, batch.audio, batch.joints, batch.actions, batch.mask)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), config.gradient_clip)
            optimiser.step()
            schedule.step()
            average.update_parameters(policy)
            progress.update()
        result = evaluate(average.module, space, validation)
        progress.set_postfix_str(f"validation: {result.errors}")
    progress.close()
    return evaluate(average.module, space, validation)


@torch.no_grad()
def evaluate(policy: ActionPolicy, space: ActionSpace, batch: Batch) -> Result:
    """Losses and errors on a batch, recorded steps only."""
    policy.eval()
    totals: dict[str, float] = {}
    errors = np.zeros(space.dim)
    half_range = (space.upper - space.lower) / 2.0
    for index in torch.arange(len(batch)).split(EVALUATION_BATCH):
        part = batch.pick(index)
        loss, groups = policy.compute_loss(part.vision, part.audio, part.joints, part.actions, part.mask)
        for name, value in (("total", loss), *groups.items()):
            totals[name] = totals.get(name, 0.0) + float(value) * len(part) / len(batch)
        predicted = policy(part.vision, part.audio, part.joints)
        absolute = (predicted - part.actions).abs() * part.mask.unsqueeze(-1)
        errors += absolute.sum((0, 1)).numpy()
    errors *= half_range / float(batch.mask.sum())
    joints, base = space.split(errors)
    return Result(policy, totals, float(joints.mean()), float(base.mean()) if len(base) else None)


def has_bfloat16() -> bool:
    """Whether this processor computes in bfloat16. Where it does not, torch emulates it: one step took 7 s instead of 0.3 s."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    return features.mean(0), features.std(0)


def _rate(step: int, steps: int, warmup_share: float) -> float:
    """Factor on the learning rate: linear up, then a half cosine down to zero."""
    warmup = warmup_share * steps
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))


def _shuffled(batch: Batch, size: int, seed: int) -> Iterator[Batch]:
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed))
    for index in order.split(size):
        yield batch.pick(index)
