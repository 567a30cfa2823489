"""Any action head to an ONNX graph by itself, without encoders and fusion: to measure it, or to use it elsewhere.

    features  (B, F)        always
    state     (B, J)        for a state-relative head: the dimensions that are relative
    noise     (B, S, N)     for a head that draws: standard normal
    tokens    (B, T, D)     for a head with cross-attention, if asked for: the backbone's tokens
    token_mask (B, T)       with them: 1 for a token, 0 for padding
    prefix    (B, S, N)     for a head that goes on from committed steps (`max_prefix` above 0)
    prefix_length (B,)      with it: how many of the steps are committed, whole numbers from 0 to `max_prefix`
    actions   (B, S, N)     the output; (B, N) for a head of one step that is not repeated

The denoising loop is unrolled, so the graph has no loop and its time does not depend on its input. A head with cross-attention
for which no number of tokens is given is exported as it computes without them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from neon_control.core.common.errors import PolicyError
from neon_control.model.action_heads import ActionHead, StateRelativeHead
from neon_control.runtime.export.policy_export import OPSET, example_input, to_onnx

ARGUMENTS = {"state": "current_state", "noise": "noise"}  # name in the graph -> argument of the head


class _HeadFunction(nn.Module):
    """A head whose optional inputs stand in a fixed order."""

    def __init__(self, head: ActionHead, names: tuple[str, ...]) -> None:
        super().__init__()
        self.head = head
        self.names = names

    def forward(
        self,
        features: Tensor,
        first: Tensor | None = None,
        second: Tensor | None = None,
        third: Tensor | None = None,
        fourth: Tensor | None = None,
        fifth: Tensor | None = None,
        sixth: Tensor | None = None,
    ) -> Tensor:
        given = (first, second, third, fourth, fifth, sixth)
        result: Tensor = self.head(features, **dict(zip(self.names, given, strict=False)))
        return result


def input_shapes(head: ActionHead, input_dim: int, num_tokens: int = 0) -> dict[str, tuple[int, ...]]:
    """The graph's inputs and their shapes without the batch.

    Raises:
        PolicyError: tokens are asked for, but the head does not look at any.
    """
    shapes: dict[str, tuple[int, ...]] = {"features": (input_dim,)}
    if isinstance(head, StateRelativeHead):
        shapes["state"] = (head.num_relative,)
    if head.multi_modal:
        shapes["noise"] = (head.num_steps, head.action_dim)
    if num_tokens:
        if not head.token_dim:
            raise PolicyError(f"{type(head).__name__} is to be exported with {num_tokens} tokens, but was built without cross-attention")
        shapes |= {"tokens": (num_tokens, head.token_dim), "token_mask": (num_tokens,)}
    if head.max_prefix:
        shapes |= {"prefix": (head.num_steps, head.action_dim), "prefix_length": ()}
    return shapes


def export_head(head: ActionHead, input_dim: int, num_tokens: int = 0) -> onnx.ModelProto:
    """The graph of a head; its metadata says which head it is.

    Args:
        num_tokens: T, padding included; 0: without tokens.

    Raises:
        PolicyError: torch cannot export the head, or it does not look at tokens.
    """
    shapes = input_shapes(head, input_dim, num_tokens)
    function = _HeadFunction(head, tuple(ARGUMENTS.get(name, name) for name in shapes if name != "features"))
    metadata = {
        "head": type(head).__name__,
        "inputs": {name: list(shape) for name, shape in shapes.items()},
        "action_dim": head.action_dim,
        "num_steps": head.num_steps,
        **({"max_prefix": head.max_prefix} if head.max_prefix else {}),
        "parameters": sum(p.numel() for p in head.parameters()),
        "opset": OPSET,
    }
    example = tuple(example_input(name, shape) for name, shape in shapes.items())
    return to_onnx(function, example, tuple(shapes), "actions", metadata)


def random_inputs(shapes: Mapping[str, tuple[int, ...]], batch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Standard normal values of each input's shape, float32; about half of the tokens are padding, the first one never; no prefix."""
    values = {
        name: np.zeros((batch, *shape), np.int64) if name == "prefix_length" else rng.standard_normal((batch, *shape), np.float32)
        for name, shape in shapes.items()
    }
    if "token_mask" in values:
        values["token_mask"] = (values["token_mask"] > 0.0).astype(np.float32)
        values["token_mask"][:, 0] = 1.0
    return values


def run_torch(head: ActionHead, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What torch computes for the graph's inputs."""
    arguments = {ARGUMENTS.get(name, name): torch.from_numpy(values) for name, values in inputs.items()}
    with torch.no_grad():
        result: np.ndarray = head.eval()(**arguments).numpy()
        return result


def largest_difference(head: ActionHead, session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]) -> float:
    """The largest difference between torch and ONNX Runtime over all actions."""
    return float(np.abs(session.run(None, dict(inputs))[0] - run_torch(head, inputs)).max())
