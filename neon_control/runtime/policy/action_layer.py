"""The action layer of a policy at work: normalised inputs in, one normalised chunk out.

A policy says how it runs (`backend` in `policy.yaml`):

    onnx    the exported graph, on ONNX Runtime
    torch   the module itself, for a head that torch cannot export; see `torch_action_layer.py`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import onnxruntime

from neon_control.runtime.compute.binding import Binding
from neon_control.runtime.compute.bounded_run import bounded
from neon_control.runtime.compute.device_arrays import Array

BACKENDS = ("onnx", "torch")
# [s], [bytes] that the first run may take: some milliseconds and megabytes on a CPU; on a GPU, TensorRT compiles for minutes.
FIRST_RUN = {"cpu": (30.0, 2 << 30), "cuda": (900.0, 8 << 30)}


class ActionLayer(Protocol):
    """What both are. For one thread at a time."""

    def run(self, inputs: Mapping[str, Array]) -> np.ndarray:
        """`vision` (1, F), `audio` (1, 384), `proprioception` (1, J) -> actions (1, H, N); for the others see `policy_file.graph_inputs`.

        What is left out stays as it was in the run before: only what is new goes to the device. When this returns, nothing reads the inputs
        any more.
        """


class OnnxActionLayer:
    """A graph on ONNX Runtime, its inputs and output in memory that never changes its place."""

    def __init__(self, session: onnxruntime.InferenceSession, batch: int = 1) -> None:
        self._binding = Binding(session, batch)
        self._actions = np.empty(self._binding.output, np.float32)
        self._binding.bind_output(self._actions)

    def try_out(self) -> None:
        """Run once, on zeros.

        Raises:
            PolicyError: it does not end, or fills the memory.
        """
        with bounded(self._binding.options, *FIRST_RUN[self._binding.device.type]):
            self.run({name: np.zeros(shape, self._binding.types[name]) for name, shape in self._binding.inputs.items()})

    def run(self, inputs: Mapping[str, Array]) -> np.ndarray:
        """See `ActionLayer`."""
        for name, values in inputs.items():
            self._binding.bind(name, values)
        self._binding.run()
        result: np.ndarray = self._actions.copy()
        return result
