"""The specification's code examples, run as they stand but for the package's name, and its comparison table."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest
import torch

import neon_control.model.action_heads as action_heads
from neon_control.model.action_heads import build_head

FEATURES, TARGET = torch.randn(2, 2048), torch.rand(2, 16, 17) - 0.5
GIVEN = {"features": FEATURES, "target_actions": TARGET, "mask": torch.ones(2, 16), "joint_positions": torch.rand(2, 17)}

# ruff: noqa: RUF001
MLP_DECODER = """
    decoder = MLPDecoder(
        input_dim=2048,
        output_dim=14,                  # 14 arm joints
        hidden_dim=512,
        num_layers=3,
        dropout=0.1,
        use_relu_squared=True,          # ReLU² — smoother
        use_rmsnorm=True,               # RMSNorm — lighter
        use_residual_scale=True,        # Learned α — self-adjusting
        use_skip_connections=True,      # U-Net — gradient highway
        soft_cap_value=1.0,             # Soft-cap — never kills gradients
    )
"""
CONFIGURATION = """
    from neon.model.action_heads import ActionHeadConfig
    config = ActionHeadConfig(
        hidden_size=2048,               # Must match backbone output
        action_dim=17,                  # Auto-set from action space
        num_action_steps=16,            # Chunk size
        mlp_hidden=512,                 # MLP width
        num_layers=3,                   # MLP depth
        dropout=0.1,
        use_separate_heads=True,        # Per-group decoders
        use_action_chunking=True,       # Temporal prediction
        # Parameter Golf v2 — all on by default
        use_relu_squared=True,
        use_rmsnorm=True,
        use_residual_scale=True,
        use_skip_connections=True,
        soft_cap_value=1.0,
    )
"""
VANILLA = """
    config = ActionHeadConfig(
        use_relu_squared=False,         # → GELU
        use_rmsnorm=False,              # → Identity
        use_residual_scale=False,       # → Standard residuals
        use_skip_connections=False,     # → No skip
        soft_cap_value=0.0,             # → Hard Tanh
    )
"""
FLOW = """
    from neon.model.action_heads import FlowMatchingHead
    head = FlowMatchingHead(
        input_dim=2048,
        action_dim=17,
        num_steps=16,
        hidden_dim=512,
        num_layers=4,
        num_denoise_steps=4,            # Euler integration steps at inference
        soft_cap_value=1.0,
        noise_beta_alpha=0.0,           # Optional: Beta noise scheduling
        use_cross_attention=False,      # Optional: cross-attend to backbone features
    )
    # Training: returns flow matching loss
    loss = head.compute_loss(features, target_actions, mask)
    # Inference: Euler integration from noise → action
    actions = head.sample(features, num_denoise_steps=4)  # (batch, 16, 17)
"""
DIT = """
    from neon.model.action_heads import DiTActionHead
    head = DiTActionHead(
        input_dim=2048,
        action_dim=17,
        num_steps=16,
        hidden_dim=384,
        num_layers=8,                   # 8 DiT blocks (vs GR00T's 32 — stronger backbone)
        num_heads=6,
        num_denoise_steps=4,
        soft_cap_value=1.0,
    )
    # Training: diffusion loss
    loss = head.compute_loss(features, target_actions, mask)
    # Inference: DDIM sampling
    actions = head.sample(features, num_denoise_steps=4)  # (batch, 16, 17)
"""
DIT_BLOCK = """
    from neon.model.action_heads import DiTBlock
    block = DiTBlock(
        hidden_dim=384,
        num_heads=6,
        dropout=0.1,
        cross_attention_dim=2048,       # Optional: enable cross-attention to backbone
    )
"""
STATE_RELATIVE = """
    from neon.model.action_heads import StateRelativeHead, ActionChunkingHead
    # Wrap any head
    inner = ActionChunkingHead(input_dim=2048, action_dim=17, num_steps=16)
    head = StateRelativeHead(inner_head=inner, action_dim=17, num_steps=16)
    # Forward pass with current proprioception
    actions = head(features, current_state=joint_positions)  # predicts deltas, adds to state
"""
ENSEMBLE = """
    from neon.model.action_heads import EnsembleHead
    head = EnsembleHead(
        input_dim=2048,
        action_dim=17,
        num_steps=16,
        mlp_hidden=512,
        flow_hidden=512,
        dit_hidden=384,
        dit_layers=8,
        dit_heads=6,
        flow_layers=4,
        num_denoise_steps=4,
    )
    # Total: ~13M params (MLP ~3M + Flow ~4M + DiT ~6M + gate ~6K)
"""


def run(example: str) -> dict[str, object]:
    """The names that an example defines."""
    names = {**vars(action_heads), **GIVEN}
    exec(textwrap.dedent(example).replace("from neon.", "from neon_control."), names)
    return names


def test_mlp_decoder():
    assert run(MLP_DECODER)["decoder"](FEATURES).shape == (2, 14)


def test_configuration_states_the_defaults():
    assert run(CONFIGURATION)["config"] == action_heads.ActionHeadConfig()


def test_vanilla_configuration_builds():
    assert build_head(run(VANILLA)["config"])(FEATURES).shape == (2, 16, 17)


@pytest.mark.parametrize("example", [FLOW, DIT], ids=["flow", "dit"])
def test_generative_heads(example):
    names = run(example)
    assert names["loss"].isfinite()
    assert names["loss"].shape == ()
    assert names["actions"].shape == (2, 16, 17)


def test_dit_block():
    block = run(DIT_BLOCK)["block"]
    assert block(torch.randn(2, 16, 384), torch.randn(2, 384), torch.randn(2, 9, 2048)).shape == (2, 16, 384)


def test_state_relative_head():
    names = run(STATE_RELATIVE)
    assert names["actions"].shape == (2, 16, 17)
    assert sum(p.numel() for p in names["head"].parameters()) == sum(p.numel() for p in names["inner"].parameters())


def test_ensemble_head():
    assert run(ENSEMBLE)["head"].eval()(FEATURES).shape == (2, 16, 17)


@pytest.mark.parametrize("example", [MLP_DECODER, CONFIGURATION, FLOW, DIT, DIT_BLOCK, ENSEMBLE])
def test_arguments_stand_in_the_order_of_the_specification(example):
    name, arguments = re.search(r"= (\w+)\((.*?)\n    \)", example, re.DOTALL).groups()
    written = re.findall(r"^ *(\w+)=(.+?),", arguments, re.MULTILINE)
    kind = getattr(action_heads, name)
    bound = inspect.signature(kind).bind(*(ast.literal_eval(value) for _, value in written)).arguments
    assert list(bound.items()) == [(argument, ast.literal_eval(value)) for argument, value in written]


@pytest.mark.parametrize("name", ["MLPDecoder", "ActionChunkingHead", "FlowMatchingHead", "DiTActionHead", "EnsembleHead"])
def test_an_unknown_argument_is_named(name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        getattr(action_heads, name)(2048, 17, colour="red")


@pytest.mark.parametrize(
    ("name", "parameters", "multi_modal", "temporal"),
    [
        ("mlp", 1.5e6, False, "none"),
        ("chunking", 1.5e6, False, "step embeddings"),
        ("flow", 4e6, True, "none"),
        ("dit", 6e6, True, "self-attention"),
        ("ensemble", 13e6, True, "self-attention"),
    ],
)
def test_comparison_table(name, parameters, multi_modal, temporal):
    head = build_head({"type": name})
    assert sum(p.numel() for p in head.parameters()) == pytest.approx(parameters, rel=0.15)
    assert (head.multi_modal, head.temporal) == (multi_modal, temporal)


@pytest.mark.parametrize("name", ["chunking", "flow", "dit"])
def test_comparison_table_a_state_relative_head_costs_nothing_and_is_what_its_inner_head_is(name):
    inner = build_head({"type": name, "input_dim": 32})
    head = action_heads.StateRelativeHead(inner, 17)
    assert sum(p.numel() for p in head.parameters()) == sum(p.numel() for p in inner.parameters())
    assert (head.multi_modal, head.temporal) == (inner.multi_modal, inner.temporal)
