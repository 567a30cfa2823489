"""Values that stay where they were computed: numpy arrays in the CPU's memory, or arrays in that of a device.

A torch tensor is such an array of a device, and `ort_array.OrtArray` is one for ONNX Runtime. Both know the few of numpy's ways that
features need, so that one code combines cameras wherever their features are, and neither library is needed where the other one runs.

Nobody has to wait for such values, and nobody can see them change:

- Who hands them out has waited until the device has written them.
- They are written once, into memory of their own; every observation gets new memory.
- Who holds them keeps their memory, and every run of an action layer ends before its caller goes on, hence before it can let go.

So the head's thread may read the last features while the backbone's makes the next ones, without a lock, an event or a second buffer.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, Union

import numpy as np


class Device(Protocol):
    """Where an array is; `torch.device` is one."""

    @property
    def type(self) -> str: ...  # cpu, cuda

    @property
    def index(self) -> int | None: ...  # which one of them; None for the only one


class DeviceArray(Protocol):
    """What a torch tensor and an `OrtArray` share; what is not said here is as of numpy."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...  # its text ends with the name of numpy's type

    @property
    def device(self) -> Device: ...

    def data_ptr(self) -> int: ...  # the address of the first value there

    def contiguous(self) -> DeviceArray: ...  # the same without gaps

    def reshape(self, *shape: int) -> DeviceArray: ...

    def mean(self, axis: int) -> DeviceArray: ...

    def cpu(self) -> Any: ...  # the values in the CPU's memory, once they are computed


Array: TypeAlias = Union[np.ndarray, DeviceArray]  # noqa: UP007  evaluated, where | needs types


def to_numpy(values: Array) -> np.ndarray:
    """The values in the CPU's memory, wherever they are."""
    return values if isinstance(values, np.ndarray) else np.asarray(values.cpu())


def numpy_on_cpu(values: DeviceArray) -> Array:
    """What everybody can read: a numpy array if the values are in the CPU's memory, else the values as they are."""
    return to_numpy(values) if values.device.type == "cpu" else values
