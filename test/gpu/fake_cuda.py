"""A stand-in for a GPU that ONNX Runtime computes on: its memory is the CPU's, and everything else is the code that runs on a GPU.

Only the names of devices are changed on their way into ONNX Runtime. What comes back from the "GPU" through `cpu()` is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import onnxruntime
import torch

from neon_control.runtime.compute import binding, ort_array, sessions
from neon_control.runtime.compute.binding import OrtDevice

CUDA = OrtDevice("cuda")


class _Memory:
    """`OrtValue`, with the GPU's memory taken from the CPU's."""

    @staticmethod
    def ortvalue_from_shape_and_type(shape: tuple[int, ...], kind: Any, device: str, index: int) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, kind, "cpu", index)


class TensorThere:
    """A torch tensor on the "GPU": what `DeviceArray` asks for, and no way back."""

    device = torch.device("cuda", 0)

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor
        self.shape, self.dtype = tuple(tensor.shape), tensor.dtype

    def data_ptr(self) -> int:
        return self._tensor.data_ptr()

    def contiguous(self) -> TensorThere:
        return TensorThere(self._tensor.contiguous())

    def reshape(self, *shape: int) -> TensorThere:
        return TensorThere(self._tensor.reshape(*shape))

    def cpu(self) -> torch.Tensor:
        raise AssertionError("the features were copied to the CPU")


@contextmanager
def fake_cuda() -> Iterator[list[tuple[int, ...]]]:
    """Inside, ONNX Runtime "runs on CUDA"; gives the shapes of all that came back to the CPU through `OrtArray.cpu`."""
    came_back: list[tuple[int, ...]] = []
    io_binding, cpu = onnxruntime.InferenceSession.io_binding, ort_array.OrtArray.cpu

    def renamed(session: onnxruntime.InferenceSession) -> onnxruntime.IOBinding:
        made = io_binding(session)
        given = {name: getattr(made, name) for name in ("bind_input", "bind_output")}
        for name, bind in given.items():
            setattr(made, name, lambda what, device, *rest, bind=bind: bind(what, "cpu", *rest))
        return made

    def counted(array: ort_array.OrtArray) -> Any:
        came_back.append(array.shape)
        return cpu(array)

    ort_array._mean_session.cache_clear()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(sessions, "choose_providers", lambda *_: ((sessions.CPU,), "it stands for CUDA")))
        stack.enter_context(mock.patch.object(binding, "device_of", lambda _: CUDA))
        stack.enter_context(mock.patch.object(binding, "OrtValue", _Memory))
        stack.enter_context(mock.patch.object(ort_array, "OrtValue", _Memory))
        stack.enter_context(mock.patch.object(onnxruntime.InferenceSession, "io_binding", renamed))
        stack.enter_context(mock.patch.object(ort_array.OrtArray, "cpu", counted))
        yield came_back
    ort_array._mean_session.cache_clear()
