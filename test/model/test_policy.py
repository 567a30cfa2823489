"""ActionPolicy: shapes, statistics, state-relative actions, losses and export."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig

WHOLE_BODY = {"groups": {"arms": 14, "torso": 3, "legs": 12, "base": 3}, "num_joints": 29, "mode": "whole_body"}
SMALL = {"vision_dim": 40, "audio_dim": 12, "proprioception_dim": 16, "bottleneck_dim": 24}


def small(**options) -> ActionPolicy:
    return ActionPolicy(PolicyConfig(**SMALL, head=ActionHeadConfig(hidden_size=40, mlp_hidden=24), **options)).eval()


def inputs(batch: int, joints: int = 14) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(batch, 40), torch.randn(batch, 12), 2.0 * torch.rand(batch, joints) - 1.0


def test_trainable_parts_of_arms_only_are_about_6_million():
    policy = ActionPolicy(PolicyConfig())
    assert sum(p.numel() for p in policy.parameters()) == pytest.approx(6e6, rel=0.15)
    norms = sum(p.numel() for name, p in policy.named_parameters() if p.dim() == 1 and name.endswith("weight"))
    assert norms == pytest.approx(3e3, rel=0.15)


@pytest.mark.parametrize("relative", [False, True])
def test_whole_body_gives_16_steps_of_32(relative):
    policy = small(**WHOLE_BODY, state_relative=relative)
    assert policy(*inputs(3, 29)).shape == (3, 16, 32)


def test_state_relative_adds_the_current_joints_and_leaves_the_base():
    policy = small(state_relative=True)
    vision, audio, joints = inputs(3)
    deltas = policy.head.inner_head(policy.features(vision, audio, joints))
    offset = policy(vision, audio, joints) - deltas
    assert torch.allclose(offset[..., :14], joints[:, None].expand(-1, 16, -1), atol=1e-6)
    assert (offset[..., 14:] == 0.0).all()


def test_features_are_standardised_by_the_training_data():
    policy, raw = small(), small()
    raw.load_state_dict(policy.state_dict())
    mean, std = torch.randn(40), torch.rand(40) + 0.5
    policy.set_feature_statistics(mean, std, torch.full((12,), 2.0), torch.full((12,), 4.0))
    vision, audio, joints = inputs(3)
    assert torch.allclose(policy(vision * std + mean, audio * 4.0 + 2.0, joints), raw(vision, audio, joints), atol=1e-5)


def test_statistics_travel_with_the_weights():
    policy, other = small(), small()
    policy.set_feature_statistics(np.random.rand(40), np.random.rand(40), np.zeros(12), np.ones(12))
    other.load_state_dict(policy.state_dict())
    assert torch.equal(policy(*(x := inputs(2))), other(*x))


def test_a_feature_that_never_varied_or_runs_away_does_no_harm():
    policy = small()
    policy.set_feature_statistics(np.zeros(40), np.zeros(40), np.zeros(12), np.ones(12))
    assert policy(1e6 * torch.ones(1, 40), torch.zeros(1, 12), torch.zeros(1, 14)).isfinite().all()


def test_statistics_of_a_wrong_shape_are_refused():
    with pytest.raises(ConfigError, match=r"audio_std .*needs finite values of shape \(12,\)"):
        small().set_feature_statistics(np.zeros(40), np.ones(40), np.zeros(12), np.ones(11))
    with pytest.raises(ConfigError, match="vision_mean"):
        small().set_feature_statistics(np.full(40, np.nan), np.ones(40), np.zeros(12), np.ones(12))


def test_without_audio_what_is_heard_has_no_effect():
    deaf, hearing = small(use_audio=False), small()
    vision, audio, joints = inputs(2)
    assert torch.equal(deaf(vision, audio, joints), deaf(vision, audio + 1.0, joints))
    assert not torch.allclose(hearing(vision, audio, joints), hearing(vision, audio + 1.0, joints))


@pytest.mark.parametrize("relative", [False, True])
def test_loss_reports_each_group_and_learns(relative):
    policy = small(state_relative=relative, loss_weights={"arms": 2.0}).train()
    batch, target, mask = inputs(8), 0.5 * torch.randn(8, 16, 17), torch.ones(8, 16)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss, report = policy.compute_loss(*batch, target, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert set(report) == {"arms", "base"}
    assert losses[-1] < 0.7 * losses[0]
    assert loss.item() == pytest.approx(2.0 * 14 / 17 * report["arms"].item() + 3 / 17 * report["base"].item(), rel=1e-5)


def test_padded_steps_do_not_change_the_loss():
    policy = small()
    batch, target = inputs(4), torch.randn(4, 16, 17)
    mask = torch.ones(4, 16)
    mask[:, 10:] = 0.0
    changed = target.clone()
    changed[:, 10:] = 99.0
    assert policy.compute_loss(*batch, target, mask)[0].item() == policy.compute_loss(*batch, changed, mask)[0].item()


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("head_type", ["flow", "dit", "chunking"])
def test_any_registered_head_can_be_the_policys(head_type, relative):
    policy = small(head_type=head_type, head_options={"num_layers": 4}, state_relative=relative)
    batch, noise = inputs(3), torch.randn(3, 16, 17)
    given = {"noise": noise} if policy.head.multi_modal else {}
    assert torch.equal(policy(*batch, **given), policy(*batch, **given))
    loss, report = policy.compute_loss(*batch, torch.rand(3, 16, 17) - 0.5, torch.ones(3, 16))
    loss.backward()
    assert set(report) == {"arms", "base"}
    assert policy.proprioception.layers[1].weight.grad.abs().sum() > 0.0


@pytest.mark.parametrize(("head_type", "options"), [("flow", {"use_cross_attention": True}), ("dit", {})])
def test_tokens_reach_the_head_whatever_their_scale_and_padding_does_not(head_type, options):
    options = {**options, "cross_attention_dim": 10, "num_layers": 2}
    policy = small(head_type=head_type, head_options=options, state_relative=True, num_tokens=6, token_dim=10)
    for name, parameter in policy.named_parameters():
        if name.endswith("output.weight"):
            parameter.data.mul_(10.0)  # heads start with outputs near zero
    given = {"noise": torch.randn(3, 16, 17), "tokens": torch.randn(3, 6, 10), "token_mask": torch.tensor([[1.0, 1, 1, 1, 0, 0]] * 3)}
    batch = inputs(3)
    actions = policy(*batch, **given)
    other, padding = given["tokens"].clone(), given["tokens"].clone()
    other[:, 0] += torch.randn(10)
    padding[:, 4:] = 7.0
    assert (policy(*batch, **{**given, "tokens": other}) - actions).abs().max() > 1e-2
    assert torch.equal(policy(*batch, **{**given, "tokens": padding}), actions)
    assert torch.allclose(policy(*batch, **{**given, "tokens": 100.0 * given["tokens"]}), actions, atol=1e-3)
    del given["noise"]
    loss, _ = policy.compute_loss(*batch, torch.rand(3, 16, 17) - 0.5, torch.ones(3, 16), **given)
    loss.backward()
    assert all(p.grad is not None for name, p in policy.named_parameters() if "key_value" in name)
    with pytest.raises(ConfigError, match="reads 6 tokens of width 10, but was given none"):
        policy.compute_loss(*batch, torch.zeros(3, 16, 17))


def test_tokens_for_a_head_that_does_not_look_at_them_are_refused():
    with pytest.raises(ConfigError, match=r"head 'grouped' .* looks at none"):
        small(num_tokens=6, token_dim=10)
    with pytest.raises(ConfigError, match=r"tokens of width 10 need .* looks at 12"):
        small(head_type="dit", head_options={"cross_attention_dim": 12}, num_tokens=6, token_dim=10)
    with pytest.raises(ConfigError, match=r"reads 0 tokens of width 0, but was given \(6, 10\)"):
        small()(*inputs(3), tokens=torch.zeros(3, 6, 10), token_mask=torch.ones(3, 6))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_joints": 13}, "hold 14 joints"),
        ({"loss_weights": {"tail": 1.0}}, "tail"),
        ({"loss_reduction": "max"}, "max"),
        ({"vision_dim": 10}, "hidden_size"),
        ({"head_options": {"num_layers": 2}}, "head_options"),
        ({"num_tokens": 4}, "num_tokens = 4 and token_dim = 0"),
        ({"num_tokens": -1, "token_dim": 2}, "num_tokens = -1"),
    ],
)
def test_wrong_configurations_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        PolicyConfig(**wrong)


def test_configuration_survives_a_round_trip_and_refuses_unknown_fields():
    config = PolicyConfig(**WHOLE_BODY, state_relative=True, head=ActionHeadConfig(mlp_hidden=96))
    assert PolicyConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="colour"):
        PolicyConfig.from_dict({"colour": "red"})
    with pytest.raises(ConfigError, match=r"ActionHeadConfig.*width"):
        PolicyConfig.from_dict({"head": {"width": 3}})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{"state_relative": True}, {**WHOLE_BODY, "use_audio": False}])
def test_exports_to_onnx_with_any_batch(options, tmp_path):
    policy = small(**options)
    joints = policy.config.num_joints
    names = ["vision", "audio", "proprioception"]
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        policy,
        inputs(1, joints),
        tmp_path / "policy.onnx",
        input_names=names,
        output_names=["actions"],
        dynamic_shapes=({0: batch},) * 3,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "policy.onnx")
    assert [i.name for i in session.get_inputs()] == names
    for size in (1, 3):
        x = inputs(size, joints)
        with torch.no_grad():
            expected = policy(*x).numpy()
        actions = session.run(["actions"], dict(zip(names, [t.numpy() for t in x], strict=True)))[0]
        assert np.abs(actions - expected).max() < 1e-5
