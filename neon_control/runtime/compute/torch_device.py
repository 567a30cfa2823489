"""Where torch computes, for what the runtime runs in torch: a device, a stream of its own there, and values of others as tensors.

On a GPU, each backbone and each action layer has a stream of its own. On the default stream, which all threads of a process share, a head
of a millisecond would wait for the backbone of 250 that another thread has just started, and so would the small copies of ONNX Runtime,
which it makes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from neon_control.core.common.errors import PolicyError
from neon_control.runtime.compute.device_arrays import Array


def torch_device(name: str) -> torch.device:
    """The device that `name` means: auto (a GPU where torch finds one), cpu, cuda, cuda:1.

    Raises:
        PolicyError: it cannot be used here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise PolicyError(f"device '{name}' cannot be used: {str(error).splitlines()[0]}") from error
    return device


def own_stream(device: torch.device) -> torch.cuda.Stream | None:
    """A stream for `on_stream`; None where there are none."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None


@contextmanager
def on_stream(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """What is begun inside runs on the stream, and has ended when this does."""
    if stream is None:
        yield
        return
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        stream.synchronize()


def as_tensor(values: Array, device: torch.device) -> Tensor:
    """The values on a device, without a copy where they are there already."""
    return torch.as_tensor(values if isinstance(values, np.ndarray) or device.type == "cuda" else values.cpu(), device=device)
