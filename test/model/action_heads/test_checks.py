"""Constructor arguments that cannot be right are refused by name, by every head alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import (
    ActionChunkingHead,
    ActionHeadConfig,
    DiTActionHead,
    EnsembleHead,
    FlowMatchingHead,
    MLPDecoder,
)

HEADS = {
    "mlp": lambda **options: MLPDecoder(20, 3, **{"hidden_dim": 16, **options}),
    "chunking": lambda **options: ActionChunkingHead(20, 3, **{"hidden_dim": 16, **options}),
    "flow": lambda **options: FlowMatchingHead(20, 3, **{"hidden_dim": 32, **options}),
    "dit": lambda **options: DiTActionHead(20, 3, **{"hidden_dim": 48, "num_layers": 2, **options}),
    "ensemble": lambda **options: EnsembleHead(20, 3, mlp_hidden=16, flow_hidden=32, dit_hidden=48, dit_layers=1, **options),
}
LEAST_LAYERS = {"mlp": 2, "chunking": 3, "flow": 2, "dit": 1}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, float("nan"), "0.1"])
def test_dropout_is_a_probability_below_one(name, value):
    with pytest.raises(ConfigError, match=r"dropout must be a finite number >= 0.0 and < 1.0"):
        HEADS[name](dropout=value)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), None])
def test_a_cap_is_finite_and_not_negative(name, value):
    with pytest.raises(ConfigError, match=r"soft_cap_value must be a finite number >= 0.0"):
        HEADS[name](soft_cap_value=value)


@pytest.mark.parametrize("name", LEAST_LAYERS)
def test_too_few_layers_are_refused_and_the_fewest_work(name):
    least = LEAST_LAYERS[name]
    with pytest.raises(ConfigError, match=f"num_layers must be a whole number >= {least}, got {least - 1}"):
        HEADS[name](num_layers=least - 1)
    assert HEADS[name](num_layers=least)(torch.randn(2, 20)).isfinite().all()


@pytest.mark.parametrize("name", LEAST_LAYERS)
@pytest.mark.parametrize("value", [0, -16, 24.0, True])
def test_a_width_is_a_positive_whole_number(name, value):
    with pytest.raises(ConfigError, match="hidden_dim must be a whole number >= 1"):
        HEADS[name](hidden_dim=value)


@pytest.mark.parametrize("name", ["chunking", "flow", "dit", "ensemble"])
def test_a_chunk_has_one_step_or_more(name):
    with pytest.raises(ConfigError, match="must be a whole number >= 1, got 0"):
        HEADS[name](num_steps=0)
    assert HEADS[name](num_steps=1)(torch.randn(2, 20)).shape == (2, 1, 3)


def test_numpys_whole_numbers_will_do():
    assert MLPDecoder(np.int64(20), np.int64(3), np.int64(16))(torch.randn(2, 20)).shape == (2, 3)


@pytest.mark.parametrize(("wrong", "message"), [({"use_rmsnorm": "no"}, "true or false"), ({"dropout": "0.1"}, "dropout")])
def test_a_configuration_of_the_wrong_types_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        ActionHeadConfig(**wrong)
