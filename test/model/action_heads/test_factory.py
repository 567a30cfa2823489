"""One configuration for every head, and a registry for one's own."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import (
    ActionChunkingHead,
    ActionHeadConfig,
    DiTActionHead,
    EnsembleHead,
    FlowMatchingHead,
    GroupedActionHead,
    MLPDecoder,
    RegressionHead,
    StateRelativeHead,
    build_head,
    factory,
    register_head,
    registered_heads,
)

SIZES = {"input_dim": 20, "action_dim": 3, "num_steps": 5}
CASES = {
    "mlp": (MLPDecoder, {"hidden_dim": 16}),
    "chunking": (ActionChunkingHead, {"hidden_dim": 16}),
    "grouped": (GroupedActionHead, {"groups": {"arms": 2, "base": 1}, "mlp_hidden": 24}),
    "flow": (FlowMatchingHead, {"hidden_dim": 32, "num_layers": 2}),
    "dit": (DiTActionHead, {"hidden_dim": 48, "num_layers": 2, "num_heads": 3}),
    "ensemble": (EnsembleHead, {"mlp_hidden": 16, "flow_hidden": 32, "dit_hidden": 48, "dit_layers": 1, "dit_heads": 3}),
    "state_relative": (StateRelativeHead, {"inner": {"type": "flow", "hidden_dim": 32}, "relative": [True, True, False]}),
}


def test_every_registered_head_is_tested_here():
    assert set(CASES) == set(registered_heads())


@pytest.mark.parametrize("name", CASES)
def test_builds_every_head_from_a_mapping(name):
    kind, options = CASES[name]
    head = build_head({"type": name, **SIZES, **options})
    assert type(head) is kind
    shape = (2, 3) if name == "mlp" else (2, 5, 3)
    assert head.eval()(torch.randn(2, 20)).shape == shape


def test_builds_from_a_yaml_file(tmp_path):
    file = tmp_path / "head.yaml"
    file.write_text("type: dit\ninput_dim: 20\naction_dim: 3\nnum_steps: 5\nhidden_dim: 48\nnum_layers: 3\nnum_heads: 3\n")
    head = build_head(file)
    assert isinstance(head, DiTActionHead)
    assert len(head.network.blocks) == 3


def test_builds_from_the_specifications_configuration():
    head = build_head(ActionHeadConfig(hidden_size=20, action_dim=3, mlp_hidden=24))
    assert head(torch.randn(2, 20)).shape == (2, 16, 3)


@pytest.fixture
def registry():
    with mock.patch.dict(factory._REGISTRY):
        yield


def test_a_head_of_ones_own_can_be_registered_built_wrapped_and_trained(registry):
    @register_head("linear")
    class LinearHead(RegressionHead):
        def __init__(self, input_dim, action_dim, num_steps=16):
            super().__init__()
            self.action_dim, self.num_steps = action_dim, num_steps
            self.layer = torch.nn.Linear(input_dim, num_steps * action_dim)

        def forward(self, features):
            return self.layer(features).unflatten(-1, (self.num_steps, self.action_dim))

    head = build_head({"type": "state_relative", **SIZES, "inner": {"type": "linear"}})
    assert isinstance(head.inner_head, LinearHead)
    head.training_loss(torch.randn(2, 20), torch.randn(2, 5, 3), current_state=torch.randn(2, 3)).backward()
    assert head.inner_head.layer.weight.grad.abs().sum() > 0.0
    with pytest.raises(ConfigError, match="'linear' is registered already"):
        register_head("linear")(LinearHead)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown head type 'flwo'; registered are .*flow"):
        build_head({"type": "flwo"})
    with pytest.raises(ConfigError, match=r"head 'dit': .*width.*hidden_dim"):
        build_head({"type": "dit", **SIZES, "width": 3})
    for name, known in (("mlp", "soft_cap_value"), ("grouped", "mlp_hidden")):
        with pytest.raises(ConfigError, match=rf"head '{name}': .*width.*{known}"):
            build_head({"type": name, **SIZES, "width": 3})
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"list\.yaml: expected a mapping"):
        build_head(tmp_path / "list.yaml")


def test_every_head_of_the_package_is_in_the_guide() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "heads.md").read_text()
    assert [name for name in factory.BUILT_IN if f"`{name}`" not in guide and f"`policy.{name}`" not in guide] == []
