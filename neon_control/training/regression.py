"""Whether a policy that went on learning still does what it did: its errors before and after, on episodes that it was never trained on."""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.common.errors import TrainingError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.policy import ActionPolicy
from neon_control.training.batches import Batch
from neon_control.training.config import TrainConfig
from neon_control.training.evaluation import evaluate


@dataclass(frozen=True)
class Comparison:
    """Mean absolute errors of both policies on the same episodes."""

    samples: int
    joints: tuple[float, float]  # [rad] before and after
    base: tuple[float, float] | None  # [m/s, rad/s]; None without a base

    @property
    def facts(self) -> dict[str, str]:
        """For the report, and the policy's file."""
        rows = {"old_validation_joint_error_rad": self.joints, "old_validation_base_error_m_s": self.base}
        return {name: f"{pair[0]:.5f} before, {pair[1]:.5f} after" for name, pair in rows.items() if pair is not None}

    def worse(self, tolerance: float) -> str:
        """What errs more than `tolerance` allows, as a share; empty: nothing."""
        named = {"joints": (self.joints, "rad"), "base": (self.base, "m/s")}
        return ", ".join(
            f"{name} {pair[0]:.4f} {unit} before, {pair[1]:.4f} after"
            for name, (pair, unit) in named.items()
            if pair is not None and not pair[1] <= pair[0] * (1.0 + tolerance)
        )


def compare(before: ActionPolicy, after: ActionPolicy, space: ActionSpace, old: Batch) -> Comparison:
    """Evaluate both policies on the samples `old`, on the device of `after`."""
    device = next(after.parameters()).device
    there = old.to(device)
    first, second = (evaluate(policy.to(device), space, there) for policy in (before, after))
    base = None if first.base_error is None or second.base_error is None else (first.base_error, second.base_error)
    return Comparison(len(old), (first.joint_error, second.joint_error), base)


def judge(found: Comparison, config: TrainConfig) -> str:
    """What to tell if it got worse; empty if not.

    Raises:
        TrainingError: it got worse, and is to be refused.
    """
    worse = found.worse(config.tolerance)
    if not worse:
        return ""
    text = f"on {found.samples} samples that {config.init_from} was not trained on it errs more than {config.tolerance:.0%} more: {worse}"
    if config.getting_worse == "refuse":
        raise TrainingError(
            f"{config.name} is not delivered: {text}; give what is old more weight (--sampling, --data), train fewer --epochs, "
            "or deliver it all the same with --getting_worse warn"
        )
    return f"warning: {text}"
