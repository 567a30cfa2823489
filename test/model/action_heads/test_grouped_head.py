"""GroupedActionHead: every mode, every switch, its groups and its sizes."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import ActionChunkingHead, ActionHeadConfig, GroupedActionHead, MLPDecoder
from neon_control.model.action_heads.losses import grouped_loss

MODES = {
    "arms_only": {"arms": 14, "base": 3},
    "upper_body": {"arms": 14, "torso": 3, "base": 3},
    "whole_body": {"arms": 14, "torso": 3, "legs": 12, "base": 3},
}
SMALL = {"hidden_size": 32, "mlp_hidden": 48}


@pytest.mark.parametrize(("mode", "separate", "chunking"), list(product(MODES, [True, False], [True, False])))
def test_every_mode_and_switch_gives_the_same_shape(mode, separate, chunking):
    groups = MODES[mode]
    config = ActionHeadConfig(**SMALL, use_separate_heads=separate, use_action_chunking=chunking)
    head = GroupedActionHead(config, groups).eval()
    chunk = head(torch.randn(2, 32))
    assert chunk.shape == (2, 16, sum(groups.values()))
    assert len(head.heads) == (len(groups) if separate else 1)
    assert head.config.action_dim == sum(groups.values())
    held = [name for name, sub in head.heads.items() if isinstance(sub, MLPDecoder)]
    assert held == ([n for n in head.heads if n in ("torso", "legs")] if chunking else list(head.heads))


def test_order_is_arms_torso_legs_base_and_single_steps_are_held():
    head = GroupedActionHead(ActionHeadConfig(**SMALL), MODES["whole_body"]).eval()
    features = torch.randn(2, 32)
    with torch.no_grad():
        chunk = head(features)
        assert torch.equal(chunk[..., :14], head.heads["arms"](features))
        assert torch.equal(chunk[..., 14:17], head.heads["torso"](features)[:, None].expand(-1, 16, -1))
        assert torch.equal(chunk[..., 17:29], head.heads["legs"](features)[:, None].expand(-1, 16, -1))
        assert torch.equal(chunk[..., 29:], head.heads["base"](features))
    assert isinstance(head.heads["arms"], ActionChunkingHead)
    assert isinstance(head.heads["base"], ActionChunkingHead)


def test_sizes_of_the_specification():
    heads = GroupedActionHead(ActionHeadConfig(), MODES["arms_only"]).heads
    size = {name: sum(p.numel() for p in head.parameters()) for name, head in heads.items()}
    assert size["arms"] == pytest.approx(1.5e6, rel=0.15)
    assert size["base"] == pytest.approx(400e3, rel=0.15)


def test_a_wider_mode_takes_a_narrower_modes_weights():
    narrow = GroupedActionHead(ActionHeadConfig(**SMALL), MODES["arms_only"])
    wide = GroupedActionHead(ActionHeadConfig(**SMALL), MODES["whole_body"]).eval()
    missing, unexpected = wide.load_state_dict(narrow.state_dict(), strict=False)
    assert unexpected == []
    assert all(name.startswith(("heads.torso.", "heads.legs.")) for name in missing)
    features = torch.randn(1, 32)
    assert torch.equal(wide(features)[..., :14], narrow.eval()(features)[..., :14])


def test_a_groups_loss_trains_that_group_only():
    head = GroupedActionHead(ActionHeadConfig(**SMALL), MODES["upper_body"])
    weights = {"arms": 1.0, "torso": 0.0, "base": 0.0}
    loss, report = grouped_loss(head.error(torch.randn(2, 32), torch.randn(2, 16, 20)), head.groups, weights)
    loss.backward()
    trained = {name for name, sub in head.heads.items() if any(p.grad is not None and p.grad.abs().sum() > 0 for p in sub.parameters())}
    assert trained == {"arms"}
    assert list(report) == ["arms", "torso", "base"]


def test_all_switches_of_the_configuration_reach_the_decoders():
    v1 = ActionHeadConfig(
        **SMALL,
        use_relu_squared=False,
        use_rmsnorm=False,
        use_residual_scale=False,
        use_skip_connections=False,
        soft_cap_value=0.0,
    )
    names = {type(m).__name__ for m in GroupedActionHead(v1, MODES["whole_body"]).modules()}
    assert "GELU" in names
    assert not names & {"ReLUSquared", "RMSNorm"}
    assert not any("alpha" in name for name, _ in GroupedActionHead(v1, MODES["whole_body"]).named_parameters())


@pytest.mark.parametrize("groups", [{}, {"arms": 0}])
def test_empty_groups_are_refused(groups):
    with pytest.raises(ConfigError, match="at least one group"):
        GroupedActionHead(ActionHeadConfig(), groups)


@pytest.mark.parametrize(
    "bad", [{"num_layers": 1}, {"dropout": 1.0}, {"soft_cap_value": -1.0}, {"soft_cap_value": float("nan")}, {"mlp_hidden": 0}]
)
def test_a_wrong_configuration_is_refused_by_name(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        ActionHeadConfig(**bad)
