"""Values in memory that ONNX Runtime reserved on a device, with the few of numpy's ways that features need.

    both = OrtArray.empty((2, 2048), device)    # a row for each of two cameras
    binding.bind_output(both[:1])               # the first row's memory
    both.reshape(1, -1)                         # the cameras one after the other: no value moves
    both.reshape(1, 2, -1).mean(axis=1)         # their mean, computed on the device

A shape may have one -1, as of numpy. See `device_arrays.DeviceArray` for what is not said here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime import OrtValue

from neon_control.runtime.compute.binding import OrtDevice
from neon_control.runtime.compute.sessions import open_session

# A graph of one node: y (n, f) is the mean over k of x (n, k, f). A robot has no package that writes graphs; the test has, and compares.
MEAN = bytes.fromhex(
    "08083a6b0a300a0178120179220a5265647563654d65616e2a0b0a04617865734001a001072a0f0a086b65657064696d731800a0010212046d65616e"
    "5a1a0a017812150a130801120f0a0312016e0a0312016b0a0312016662150a017912100a0e0801120a0a0312016e0a0312016642040a00100d"
)


class OrtArray:
    """float32 values without gaps: a stretch of `memory`, which lives as long as any array in it."""

    dtype = np.dtype(np.float32)

    def __init__(self, memory: OrtValue, device: OrtDevice, shape: tuple[int, ...], first: int = 0) -> None:
        self.device = device
        self.shape = shape
        self._memory = memory
        self._first = first  # index of the first value in it

    @classmethod
    def empty(cls, shape: tuple[int, ...], device: OrtDevice) -> OrtArray:
        """New memory, which holds anything."""
        return cls(OrtValue.ortvalue_from_shape_and_type(shape, np.float32, *device), device, shape)

    def data_ptr(self) -> int:
        result: int = self._memory.data_ptr() + self._first * self.dtype.itemsize
        return result

    def contiguous(self) -> OrtArray:
        return self

    def __getitem__(self, rows: slice) -> OrtArray:
        """Some rows, one after the other."""
        start, stop, step = rows.indices(self.shape[0])
        if step != 1:
            raise IndexError("rows of an OrtArray must follow each other")
        first = self._first + start * math.prod(self.shape[1:])
        return OrtArray(self._memory, self.device, (max(0, stop - start), *self.shape[1:]), first)

    def reshape(self, *shape: int) -> OrtArray:
        found = np.broadcast_to(np.empty(()), self.shape).reshape(shape).shape  # numpy says what is wrong with a shape
        return OrtArray(self._memory, self.device, found, self._first)

    def mean(self, axis: int) -> OrtArray:
        """Of (n, k, f) over axis 1."""
        if len(self.shape) != 3 or axis != 1:
            raise ValueError(f"an OrtArray has a mean of three axes over the middle one, not of {self.shape} over {axis}")
        result = OrtArray.empty((self.shape[0], self.shape[2]), self.device)
        session = _mean_session(self.device)
        binding = session.io_binding()
        binding.bind_input("x", *self.device, self.dtype, self.shape, self.data_ptr())
        binding.bind_output("y", *self.device, self.dtype, result.shape, result.data_ptr())
        session.run_with_iobinding(binding)
        return result

    def cpu(self) -> np.ndarray:
        values = self._memory.numpy().reshape(-1)[self._first : self._first + math.prod(self.shape)]
        result: np.ndarray = values.reshape(self.shape).copy()
        return result

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """How `torch.as_tensor` sees the same memory: https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html"""
        if self.device.type != "cuda":
            raise AttributeError("these values are not in the memory of CUDA")
        return {"version": 3, "shape": self.shape, "typestr": self.dtype.str, "data": (self.data_ptr(), False), "strides": None}


@lru_cache
def _mean_session(device: OrtDevice) -> onnxruntime.InferenceSession:
    return open_session(MEAN, provider=device.type)
