"""How a step changes the weights: AdamW, its learning rate over time, precision, and inputs that are left out at random."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.model.policy import ActionPolicy
from neon_control.training.config import TrainConfig

VIEWS_RANK, PREFIX_RANK = 1 << 20, 1 << 21  # in place of a process's rank, of which there are fewer: numbers of their own


def make_optimiser(config: TrainConfig, module: nn.Module) -> torch.optim.AdamW:
    """AdamW over the parameters that are trained."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return torch.optim.AdamW(trained, config.learning_rate, weight_decay=config.weight_decay, fused=True)


def rate_factor(step: int, steps: int, warmup_share: float) -> float:
    """Factor on the learning rate: linear up, then a half cosine down to zero."""
    warmup = warmup_share * steps
    if step < warmup:
        return min(1.0, (step + 1) / warmup)
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device that the configuration means; on a machine with several GPUs each process has its own.

    Raises:
        ConfigError: a GPU is asked for, and torch finds none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("TrainConfig.device is 'cuda', but torch finds no GPU that it can use")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    return torch.device("cuda", local_rank)


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Matrix products in bfloat16 where the hardware has it, everything else in float32."""
    enabled = config.mixed_precision and (has_bfloat16() if device.type == "cpu" else torch.cuda.is_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def has_bfloat16() -> bool:
    """Whether this processor computes in bfloat16. Where it does not, torch emulates it: one step took 7 s instead of 0.3 s."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def draw_known(config: TrainConfig, count: int, step: int) -> Tensor | None:
    """(count, 3): 0 where a sample's camera, sound or joints are to count as unknown, else 1; None where nothing is ever left out.

    A function of seed and step, drawn for the batch of all processes together.
    """
    shares = torch.tensor([config.camera_dropout, config.audio_dropout, config.proprioception_dropout])
    if not shares.any():
        return None
    generator = torch.Generator().manual_seed(step_seed(config.seed, step, 0))
    return (torch.rand(count, 3, generator=generator) >= shares).float()


def draw_views(config: TrainConfig, count: int, views: int, step: int) -> Tensor:
    """(count,) from 0, the image itself, to `views`, each as likely: which variant of its image each sample of a batch shows."""
    generator = torch.Generator().manual_seed(step_seed(config.seed, step, VIEWS_RANK))
    return torch.randint(views + 1, (count,), generator=generator)


def draw_prefix(config: TrainConfig, weights: np.ndarray, mask: Tensor, step: int) -> Tensor:
    """(n,) whole numbers: how many of each sample's steps are given, with these `weights` (D + 1,), but no more than were recorded.

    Args:
        mask: (n, H) of the batch of all processes together.
    """
    generator = torch.Generator().manual_seed(step_seed(config.seed, step, PREFIX_RANK))
    drawn = torch.multinomial(torch.from_numpy(weights), len(mask), replacement=True, generator=generator)
    return torch.minimum(drawn, mask.cumprod(1).sum(1).long())


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of everything random in one step of one process: dropout, noise, times.

    Because it depends on nothing that came before, a run that is taken up again draws the same numbers, and no state of a random
    number generator has to be kept.
    """
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """How the average of the weights follows them: by `decay`, but in the first steps faster, min(decay, (1 + n) / (10 + n)) after n steps.

    With a constant decay, half of the weights that training began with would still be in the average after 0.7 / (1 - decay) steps.
    """

    def follow(average: Tensor, weights: Tensor, count: Tensor | int) -> Tensor:
        kept = min(decay, (1.0 + float(count)) / (10.0 + float(count)))
        return torch.lerp(weights, average, kept) if average.is_floating_point() else weights

    return follow


class Objective(nn.Module):
    """The loss as a forward pass, which is the form that DistributedDataParallel and torch.compile take.

    Returns (1 + groups,): the weighted loss, with its gradient, and each group's own.
    """

    def __init__(self, policy: ActionPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(
        self,
        vision: Tensor,
        audio: Tensor,
        joints: Tensor,
        actions: Tensor,
        mask: Tensor,
        known: Tensor | None = None,
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        loss, groups = self.policy.compute_loss(vision, audio, joints, actions, mask, known=known, prefix_length=prefix_length)
        return torch.stack([loss, *groups.values()])
