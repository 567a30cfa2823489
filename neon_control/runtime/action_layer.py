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

BACKENDS = ("onnx", "torch")


class ActionLayer(Protocol):
    """What both are."""

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """`vision` (1, F), `audio` (1, 384), `proprioception` (1, J), and `noise` (1, H, N) for one that draws -> actions (1, H, N)."""


class OnnxActionLayer:
    """A graph on ONNX Runtime."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `ActionLayer`."""
        actions: np.ndarray = self._session.run(None, dict(inputs))[0]
        return actions
