"""What no version can beat on a device: reading the weights once at its copy bandwidth, and the operations at its matrix rate.

Both rates are measured there, on random values (zeros can run faster than real data), because a data sheet's are never reached.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

ROUNDS, WARM_UP = 10, 3
# Large enough to fill a GPU and to lie outside its caches, small enough for a CPU to finish within a second.
COPIED = {"cuda": 1 << 30, "cpu": 1 << 26}  # [bytes]
EDGE = {"cuda": 8192, "cpu": 512}  # rows and columns of the matrices


@dataclass(frozen=True)
class Floors:
    """A device's measured rates."""

    copy: float  # [bytes/s] of a large copy inside its memory, counting bytes read and bytes written
    bfloat16: float  # [operations/s] of a large matrix product, a multiplication and an addition being two
    float32: float  # [operations/s] likewise, as torch multiplies by default: without TF32

    @classmethod
    def measured(cls, device: torch.device) -> Floors:
        """Of a device, in about a second."""
        values = torch.randint(0, 256, (COPIED[device.type],), dtype=torch.uint8, device=device)
        other = torch.empty_like(values)
        copy = 2.0 * values.numel() / median_seconds(partial(other.copy_, values), device)
        return cls(copy, matrix_rate(device, torch.bfloat16), matrix_rate(device, torch.float32))

    def of(self, module: nn.Module, call: Callable[[], object]) -> dict[str, float]:
        """[ms] The floors of a pass of a module that reads all its weights: `bytes` and `operations`, and both counts."""
        parameters = list(module.parameters())
        size = sum(p.numel() * p.element_size() for p in parameters)
        with FlopCounterMode(display=False) as counter:
            call()
        operations = float(counter.get_total_flops())
        rate = self.bfloat16 if parameters[0].dtype == torch.bfloat16 else self.float32
        return {
            "weight_bytes": size,
            "operations": operations,
            "floor_bytes_ms": 1e3 * size / self.copy,
            "floor_operations_ms": 1e3 * operations / rate,
        }


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """[operations/s] of a square matrix product."""
    edge = EDGE[device.type]
    left, right = (torch.randn(edge, edge, device=device, dtype=dtype) for _ in range(2))
    return 2.0 * edge**3 / median_seconds(lambda: left @ right, device)


def median_seconds(call: Callable[[], object], device: torch.device) -> float:
    """[s] The median duration of a call; with a GPU, until it has ended there."""
    durations = []
    for _ in range(WARM_UP + ROUNDS):
        wait_for(device)
        start = time.perf_counter()
        call()
        wait_for(device)
        durations.append(time.perf_counter() - start)
    return statistics.median(durations[WARM_UP:])


def wait_for(device: torch.device) -> None:
    """Return when a GPU has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
