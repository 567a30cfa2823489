"""Runs an ONNX Runtime session on values where they are, without a way through the CPU's memory.

    numpy array                      copied into memory that is reserved once on the session's device, at every `bind`
    array on the session's device    read where it is, for as long as it is bound
    array on another device          copied through the CPU's memory: correct, and slow

An input stays bound until another one takes its name, so what is the same in every run is bound, and copied, once. All of this is the
same on the CPU, where the device's memory is the CPU's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from onnxruntime import OrtValue

from neon_control.core.common.errors import PolicyError
from neon_control.runtime.compute.device_arrays import Array, to_numpy
from neon_control.runtime.compute.sessions import CPU

TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int64)": np.dtype(np.int64),
}


class OrtDevice(NamedTuple):
    """A device by ONNX Runtime's name for it."""

    type: str  # cpu, cuda
    index: int = 0  # type: ignore[assignment]  # torch calls it so; nobody looks for a value in this tuple


HOST = OrtDevice("cpu")


def device_of(session: onnxruntime.InferenceSession) -> OrtDevice:
    """Where a session computes: with CUDA and TensorRT on a GPU."""
    provider = session.get_providers()[0]
    if provider == CPU:
        return HOST
    return OrtDevice("cuda", int(session.get_provider_options()[provider].get("device_id", 0)))


class Binding:
    """A session of one output, its inputs and where its output goes. For one thread at a time.

    Attributes:
        options: of its runs, by which another thread may end one.
        inputs, types: name -> shape with the batch; name -> type, the output's too.

    Args:
        batch: B, where the graph leaves the batch open.

    Raises:
        PolicyError: an input or the output is of a type that is not in `TYPES`.
    """

    def __init__(self, session: onnxruntime.InferenceSession, batch: int = 1) -> None:
        (output,) = session.get_outputs()
        self.device = device_of(session)
        self.inputs = {v.name: _shape(v, batch) for v in session.get_inputs()}  # name -> shape, with the batch
        self.output = _shape(output, batch)  # its shape, likewise
        types = {v.name: v.type for v in (*session.get_inputs(), output)}
        if not set(types.values()) <= set(TYPES):
            raise PolicyError(f"the graph has inputs and outputs of the types {types}, can have {list(TYPES)}")
        self.types = {name: TYPES[kind] for name, kind in types.items()}
        self._name = output.name
        self._session = session
        self._binding = session.io_binding()
        self.options = onnxruntime.RunOptions()
        self._reserved: dict[str, OrtValue] = {}
        self._kept: dict[str, Array] = {}  # what is bound by its address, which does not keep it

    def bind(self, name: str, values: Array) -> None:
        """Bind an input.

        Raises:
            PolicyError: the graph has no such input, or takes another shape or type.
        """
        if name not in self.inputs:
            raise PolicyError(f"the graph has no input '{name}', only {list(self.inputs)}")
        self._check(name, values, self.inputs[name])
        if not isinstance(values, np.ndarray):
            if _place(values) == self.device:
                values = self._kept[name] = values.contiguous()
                self._binding.bind_input(name, *self.device, self.types[name], values.shape, values.data_ptr())
                return
            values = to_numpy(values)
        if name not in self._reserved:
            self._reserved[name] = OrtValue.ortvalue_from_shape_and_type(self.inputs[name], self.types[name], *self.device)
        self._reserved[name].update_inplace(np.ascontiguousarray(values))
        self._kept.pop(name, None)
        # Again each time: where a graph begins on another device than its session's, the copy is made now and not when it runs.
        self._binding.bind_ortvalue_input(name, self._reserved[name])

    def bind_output(self, values: Array) -> None:
        """Bind the memory that the output is written to, on whatever device.

        Raises:
            PolicyError: the graph gives another shape or type.
        """
        self._check(self._name, values, self.output)
        address = values.ctypes.data if isinstance(values, np.ndarray) else values.data_ptr()
        self._kept[self._name] = values
        self._binding.bind_output(self._name, *_place(values), self.types[self._name], self.output, address)

    def run(self) -> None:
        """Compute; when this returns, the output is there and the inputs have been read.

        ONNX Runtime waits for its own stream. `synchronize_outputs` would wait for all that the GPU does, for a backbone too.
        """
        self._session.run_with_iobinding(self._binding, self.options)

    def _check(self, name: str, values: Array, shape: tuple[int, ...]) -> None:
        given = str(values.dtype).removeprefix("torch.")
        if tuple(values.shape) != shape or given != self.types[name].name:
            raise PolicyError(f"'{name}' is {tuple(values.shape)} {given}, but the graph needs {shape} {self.types[name]}")


def _shape(value: onnxruntime.NodeArg, batch: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else batch for size in value.shape)


def _place(values: Array) -> OrtDevice:
    return HOST if isinstance(values, np.ndarray) else OrtDevice(values.device.type, values.device.index or 0)
