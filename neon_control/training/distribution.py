"""Several training processes as one, started by torchrun: every process computes on its share of each batch.

torch's own DistributedDataParallel is all that six million parameters need: it sends the gradients around while the backward pass
still runs. Accelerate and Lightning Fabric wrap the same class, and bring launchers, loaders and checkpoints that this trainer, whose
samples all lie in memory, has no use for.

    torchrun --nproc-per-node 2 -m neon_control.tools.cli train --config ...
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

PATIENCE = timedelta(hours=12)  # the first process may compute features, or validate, while the others wait

Anything = TypeVar("Anything")


@dataclass(frozen=True)
class Workers:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine: the number of its GPU

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.rank == 0

    def first_before_others(self, work: Callable[[], Anything]) -> Anything:
        """Let the first process do something, then the others: they find it done. An error of the first one ends all of them."""
        result = work() if self.first else None
        if self.size > 1:
            dist.barrier()
        return result if self.first else work()  # type: ignore[return-value]

    def wrap(self, objective: nn.Module) -> nn.Module:
        """A module whose gradients are averaged over the processes, starting from the first one's weights."""
        return objective if self.size == 1 else DistributedDataParallel(objective, broadcast_buffers=False)

    def share(self, index: Tensor) -> Tensor:
        """This process's part of a batch; all parts together are the batch."""
        return index.tensor_split(self.size)[self.rank]

    def total(self, values: Tensor) -> Tensor:
        """The sum over the processes, without gradient."""
        summed = values.detach().clone()
        if self.size > 1:
            dist.all_reduce(summed)
        return summed


def join_workers(device: str) -> Workers:
    """Find the other processes, as torchrun's environment names them; without it, this one is alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Workers()
    workers = Workers(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        gpu = device != "cpu" and torch.cuda.is_available()
        if gpu:
            torch.cuda.set_device(workers.local_rank)
        dist.init_process_group("nccl" if gpu else "gloo", timeout=PATIENCE)
    return workers


def leave_workers() -> None:
    """Say goodbye to the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()
