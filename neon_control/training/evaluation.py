"""What validation says of a policy: losses, and errors of each action dimension at each step of the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.policy import ActionPolicy
from neon_control.training.batches import Batch

EVALUATION_BATCH = 1024
USUAL, USUAL_SHARE = 0.75, 0.999  # of a head's range (-1, 1); of the recorded changes
LEAST_CHANGE = 1e-3  # of half a joint's range: a joint that stands still is not blown up
NOISE_SEED = 0  # a policy that draws is compared by one draw, always the same


@dataclass(frozen=True)
class Result:
    """A policy and what validation says of it; recorded steps only."""

    policy: ActionPolicy
    losses: dict[str, float]  # weighted sum as `total`, and each group's own
    error: np.ndarray  # (H, N) mean absolute error [rad] and [m/s, rad/s]; zero where no step was recorded
    recorded: np.ndarray  # (H,) how many such steps there were

    @property
    def dimension_error(self) -> np.ndarray:
        """(N,) mean over the recorded steps."""
        return np.average(self.error, axis=0, weights=self.recorded)

    @property
    def joint_error(self) -> float:
        """[rad] mean over recorded steps and joints."""
        return float(self.dimension_error[: self.policy.config.num_joints].mean())

    @property
    def base_error(self) -> float | None:
        """[m/s, rad/s] mean over recorded steps and base axes; None without a base."""
        base = self.dimension_error[self.policy.config.num_joints :]
        return float(base.mean()) if base.size else None

    @property
    def errors(self) -> str:
        """Those of joints and base in words."""
        base = "" if self.base_error is None else f", base {self.base_error:.4f} m/s"
        return f"joints {self.joint_error:.4f} rad{base}"


@torch.no_grad()
def evaluate(policy: ActionPolicy, space: ActionSpace, batch: Batch) -> Result:
    """Losses and errors on a batch; random numbers of the caller are left as they are."""
    policy.eval()
    totals: dict[str, float] = {}
    absolute = np.zeros((batch.actions.shape[1], space.dim))
    with torch.random.fork_rng():
        torch.manual_seed(NOISE_SEED)
        for index in torch.arange(len(batch)).split(EVALUATION_BATCH):
            part = batch.pick(index)
            loss, groups = policy.compute_loss(part.vision, part.audio, part.joints, part.actions, part.mask)
            share = float(part.mask.sum() / batch.mask.sum()) if policy.config.loss_reduction == "valid" else len(part) / len(batch)
            for name, value in (("total", loss), *groups.items()):
                totals[name] = totals.get(name, 0.0) + float(value) * share
            error = (predict(policy, part) - part.actions).abs() * part.mask.unsqueeze(-1)
            absolute += error.sum(0).cpu().numpy()
    recorded = batch.mask.sum(0).cpu().numpy()
    half_range = (space.upper - space.lower) / 2.0
    return Result(policy, totals, absolute * half_range / np.maximum(recorded, 1.0)[:, None], recorded)


def predict(policy: ActionPolicy, batch: Batch) -> torch.Tensor:
    """Normalised chunks (n, H, N)."""
    noise = torch.randn_like(batch.actions) if policy.draws else None
    result: torch.Tensor = policy(batch.vision, batch.audio, batch.joints, noise)
    return result


def change_scale(batch: Batch) -> torch.Tensor:
    """(S, N) in what the changes of each joint at each step are measured (see `StateRelativeHead`); 1 for the base.

    The largest usual change then is `USUAL`, so that a head, whose range ends at 1, can still say rare larger ones.
    """
    count = batch.joints.shape[1]
    changes = (batch.actions[..., :count] - batch.joints.unsqueeze(1)).abs() * batch.mask.unsqueeze(-1)  # (n, S, J)
    scale = torch.ones(batch.actions.shape[1:])
    scale[:, :count] = torch.from_numpy(np.quantile(changes.numpy(), USUAL_SHARE, axis=0)).clamp(min=LEAST_CHANGE) / USUAL
    return scale
