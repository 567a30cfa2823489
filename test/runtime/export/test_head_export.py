"""Every head of the registry, in every mode, computes in ONNX Runtime what it computes in torch."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from neon_control.core.common.errors import PolicyError
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.model.action_heads import ActionHead, RegressionHead, build_head, group_sizes, registered_heads
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.head_export import export_head, input_shapes, largest_difference, random_inputs, run_torch
from neon_control.runtime.export.policy_export import OPSET

INPUT_DIM = 256
TOLERANCE = 1e-5  # normalised actions, float32
FLOW = {"hidden_dim": 64}
DIT = {"hidden_dim": 48, "num_layers": 2, "num_heads": 3}
ENSEMBLE = {"mlp_hidden": 32, "flow_hidden": 64, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3}
GENERATIVE = ("flow", "dit", "ensemble", "state_relative_flow", "flow_tokens", "dit_tokens")
NUM_TOKENS = {"flow_tokens": 5, "dit_tokens": 5}
PREFIXES = (0, 3, 8)  # steps


def configurations() -> dict[str, dict[str, Any]]:
    sizes = {"input_dim": INPUT_DIM, "action_dim": 17, "num_steps": 16}
    found = {
        "mlp": {"type": "mlp", "hidden_dim": 64},
        "mlp_v1": {
            "type": "mlp",
            "hidden_dim": 64,
            "soft_cap_value": 0.0,
            "use_relu_squared": False,
            "use_rmsnorm": False,
            "use_residual_scale": False,
            "use_skip_connections": False,
        },
        "chunking": {"type": "chunking", "hidden_dim": 64},
        "chunking_deep": {"type": "chunking", "hidden_dim": 64, "num_layers": 5},
        "flow": {"type": "flow", **FLOW},
        "dit": {"type": "dit", **DIT},
        "flow_tokens": {"type": "flow", **FLOW, "use_cross_attention": True, "cross_attention_dim": 24},
        "dit_tokens": {"type": "dit", **DIT, "cross_attention_dim": 24},
        "ensemble": {"type": "ensemble", **ENSEMBLE},
        "state_relative": {"type": "state_relative", "inner": {"type": "chunking", "hidden_dim": 64}},
        "state_relative_flow": {"type": "state_relative", "inner": {"type": "flow", **FLOW}, "relative": [True] * 14 + [False] * 3},
    }
    robot = load_robot("g1.yaml")
    for mode in MODES:
        groups = group_sizes(ActionSpace.from_robot(robot, mode))
        found[f"grouped_{mode}"] = {"type": "grouped", "groups": groups, "action_dim": sum(groups.values()), "mlp_hidden": 48}
    return {name: {**sizes, **options} for name, options in found.items()}


CONFIGURATIONS = configurations()


def trained(config: dict[str, Any], gain: float = 10.0) -> ActionHead:
    """A head whose every parameter counts: norms, biases, residual scales and output layers do not start at 0, 1 or nearly 0.

    `gain` multiplies the output layers. A flow's rounding errors grow with it, beyond TOLERANCE for one input in a hundred even at 10.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    head = build_head(config).eval()
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if parameter.dim() < 2:
                parameter.add_(0.1 * torch.randn_like(parameter))
            if name.split(".")[-2:] == ["output", "weight"]:
                parameter.mul_(gain)
    return head


WITH_PREFIX = {
    name: config
    for name, config in CONFIGURATIONS.items()
    if config["type"] != "mlp" and name not in ("chunking_deep", "grouped_upper_body", "grouped_hands")
}


@cache
def exported(name: str) -> tuple[ActionHead, onnx.ModelProto]:
    head = trained(CONFIGURATIONS[name], 3.0 if name in NUM_TOKENS else 10.0)
    return head, export_head(head, INPUT_DIM, NUM_TOKENS.get(name, 0))


def test_every_head_of_the_registry_is_here() -> None:
    assert set(registered_heads()) <= {config["type"] for config in CONFIGURATIONS.values()}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_onnx_runtime_computes_what_torch_computes(name: str, tmp_path: Path, record_property: Any) -> None:
    head, model = exported(name)
    path = tmp_path / "head.onnx"
    path.write_bytes(model.SerializeToString())
    session = open_session(path)
    shapes = input_shapes(head, INPUT_DIM, NUM_TOKENS.get(name, 0))
    assert {i.name: tuple(i.shape[1:]) for i in session.get_inputs()} == shapes
    assert ("noise" in shapes) == (name in GENERATIVE)
    rng = np.random.default_rng(0)
    for batch in (1, 3):
        inputs = random_inputs(shapes, batch, rng)
        difference = largest_difference(head, session, inputs)
        record_property(f"max_difference_batch_{batch}", difference)
        assert difference < TOLERANCE, f"{name}, batch {batch}: torch and ONNX Runtime differ by {difference:.1e}"
        actions = session.run(None, inputs)[0]
        assert actions.shape[0] == batch and np.ptp(actions) > 0.01
        for given in shapes:  # no input is ignored
            changed = {**inputs, given: inputs[given] + 1.0}
            assert np.abs(session.run(None, changed)[0] - actions).max() > 1e-4, f"{name} ignores {given}"


def test_the_file_says_what_it_is_and_with_which_opset() -> None:
    model = exported("flow")[1]
    metadata = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert metadata["head"] == "FlowMatchingHead" and metadata["inputs"] == {"features": [INPUT_DIM], "noise": [16, 17]}
    assert metadata["opset"] == OPSET == next(o.version for o in model.opset_import if o.domain == "")


@pytest.mark.parametrize(("name", "gone"), [("flow", "time.layers"), ("dit", "time.layers"), ("chunking", "step_embed")])
def test_what_depends_on_parameters_only_is_a_constant(name: str, gone: str) -> None:
    head, graph = exported(name)[0], exported(name)[1].graph
    assert any(gone in parameter for parameter, _ in head.named_parameters())
    assert not any(gone in tensor.name for tensor in graph.initializer)
    assert not {"Cos", "Sin", "Gather", "Loop", "If", "Scan"} & {node.op_type for node in graph.node}


def test_tokens_for_a_head_that_looks_at_none_are_refused() -> None:
    with pytest.raises(PolicyError, match="FlowMatchingHead is to be exported with 5 tokens, but was built without cross-attention"):
        export_head(trained(CONFIGURATIONS["flow"]), INPUT_DIM, 5)


def test_constants_are_those_of_the_newest_weights(tmp_path: Path) -> None:
    head = trained(CONFIGURATIONS["chunking"])
    features = torch.ones(1, INPUT_DIM)
    with torch.no_grad():
        head(features)  # keeps the step embeddings' term
        head.step_embed.weight.add_(1.0)
    (tmp_path / "head.onnx").write_bytes(export_head(head, INPUT_DIM).SerializeToString())
    assert largest_difference(head, open_session(tmp_path / "head.onnx"), {"features": features.numpy()}) < TOLERANCE


def test_exporting_leaves_a_head_that_can_be_trained() -> None:
    head = trained(CONFIGURATIONS["chunking"])
    export_head(head, INPUT_DIM)
    head(torch.ones(1, INPUT_DIM)).sum().backward()
    assert head.step_embed.weight.grad is not None and head.step_embed.weight.grad.abs().max() > 0.0


def test_a_head_that_is_registered_by_a_user_is_exported_too(tmp_path: Path) -> None:
    class Linear(RegressionHead):
        def __init__(self) -> None:
            super().__init__()
            self.action_dim, self.num_steps = 2, 1
            self.layer = torch.nn.Linear(INPUT_DIM, 2)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.layer(features).unsqueeze(1)

    head = Linear()
    (tmp_path / "head.onnx").write_bytes(export_head(head, INPUT_DIM).SerializeToString())
    onnx.checker.check_model(str(tmp_path / "head.onnx"))
    inputs = random_inputs(input_shapes(head, INPUT_DIM), 3, np.random.default_rng(0))
    assert largest_difference(head, open_session(tmp_path / "head.onnx"), inputs) < TOLERANCE


@pytest.mark.parametrize("name", WITH_PREFIX)
def test_onnx_runtime_goes_on_from_committed_steps_as_torch_does(name: str, tmp_path: Path, record_property: Any) -> None:
    """In one graph, whatever their number; and with none of them as the head that was never told of any."""
    tokens = NUM_TOKENS.get(name, 0)
    # Less gain than above: what the head is wrong about is carried on from step to step, and rounding with it, up to three times.
    head = trained({**CONFIGURATIONS[name], "max_prefix": max(PREFIXES)}, 3.0)
    with torch.no_grad():
        for key, parameter in head.named_parameters():
            if "prefix" in key:
                parameter.add_(0.1 * torch.randn_like(parameter))
    (tmp_path / "head.onnx").write_bytes(export_head(head, INPUT_DIM, tokens).SerializeToString())
    session, rng = open_session(tmp_path / "head.onnx"), np.random.default_rng(0)
    shapes = input_shapes(head, INPUT_DIM, tokens)
    assert {i.name: (tuple(i.shape[1:]), i.type) for i in session.get_inputs()} == {
        n: (shape, "tensor(int64)" if n == "prefix_length" else "tensor(float)") for n, shape in shapes.items()
    }
    for batch in (1, 3):
        inputs = random_inputs(shapes, batch, rng)
        inputs["prefix"] = rng.uniform(-0.9, 0.9, inputs["prefix"].shape).astype(np.float32)
        alone = run_torch(head, {n: values for n, values in inputs.items() if not n.startswith("prefix")})
        for length in PREFIXES:
            inputs["prefix_length"][:] = length
            difference = largest_difference(head, session, inputs)
            record_property(f"max_difference_batch_{batch}_prefix_{length}", difference)
            assert difference < TOLERANCE, f"{name}, batch {batch}, {length} steps: torch and ONNX Runtime differ by {difference:.1e}"
            actions = session.run(None, inputs)[0]
            np.testing.assert_allclose(actions[:, :length], inputs["prefix"][:, :length], rtol=0.0, atol=1e-5)
            if not length:
                np.testing.assert_allclose(actions, alone, rtol=0.0, atol=TOLERANCE)
            else:
                assert np.abs(actions - alone)[:, length:].max() > 1e-3
