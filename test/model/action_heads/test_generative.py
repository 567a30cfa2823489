"""What every generative head promises, for flow matching and for diffusion alike."""

from __future__ import annotations

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import DiTActionHead, FlowMatchingHead
from neon_control.model.action_heads.primitives import cap_output, uncap_output

HEADS = {
    "flow": lambda **options: FlowMatchingHead(20, 3, num_steps=5, hidden_dim=32, num_layers=2, **options),
    "dit": lambda **options: DiTActionHead(20, 3, num_steps=5, hidden_dim=48, num_layers=2, num_heads=3, **options),
}


@pytest.fixture(params=HEADS)
def make(request):
    return HEADS[request.param]


@pytest.fixture
def head(make):
    return make().eval()


def sharpen(head):
    """Scale the output layer up: a fresh head predicts almost nothing, which would make comparisons easy."""
    with torch.no_grad():
        head.network.output.weight.mul_(50.0)
    return head


@pytest.mark.parametrize("steps", [1, 2, 4, 50])
def test_samples_are_finite_and_within_the_cap_for_any_number_of_steps(head, steps):
    actions = sharpen(head).sample(torch.randn(6, 20), num_denoise_steps=steps)
    assert actions.shape == (6, 5, 3)
    assert (actions.abs() <= 1.0).all()
    assert actions.std() > 0.01


def test_the_same_noise_gives_the_same_sample_and_other_noise_another(head):
    features, noise = torch.randn(2, 20), torch.randn(2, 5, 3)
    assert torch.equal(head.sample(features, noise=noise), head(features, noise=noise))
    assert not torch.allclose(head.sample(features, noise=noise), head.sample(features, noise=-noise))


def test_a_generator_makes_samples_repeatable(head):
    features = torch.randn(2, 20)
    first, second = (head.sample(features, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, head.sample(features, generator=torch.Generator().manual_seed(4)))


def test_rows_of_a_batch_do_not_mix(head):
    features, noise = torch.randn(3, 20), torch.randn(3, 5, 3)
    together = sharpen(head).sample(features, noise=noise)
    apart = torch.cat([head.sample(features[i : i + 1], noise=noise[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, apart, atol=1e-5)


def test_a_perfect_network_draws_the_data_itself(head, monkeypatch):
    """The whole head, but for the network: path, integrator, cap and its inverse fit together."""
    target, noise = 1.8 * torch.rand(4, 5, 3) - 0.9, torch.randn(4, 5, 3)
    end = uncap_output(target, head.soft_cap_value)
    monkeypatch.setattr(head.network, "embed_time", lambda t: t)
    monkeypatch.setattr(head.network, "steer", lambda time, condition: time.unbind(1))
    monkeypatch.setattr(head.network, "forward", lambda x, t, condition: head.path.field(noise, end, t.expand(4)))
    for steps in (1, 4, 50):
        assert torch.allclose(head.sample(torch.randn(4, 20), steps, noise=noise), target, atol=1e-4)
    assert head.compute_loss(torch.randn(4, 20), target, noise=noise).item() == pytest.approx(0.0, abs=1e-10)


def test_loss_is_the_squared_error_of_the_field_at_a_point_of_the_path(head):
    features, target, noise, time = torch.randn(4, 20), torch.rand(4, 5, 3) - 0.5, torch.randn(4, 5, 3), torch.rand(4)
    end = torch.atanh(target)
    condition = head.network.condition(features)
    (steering,) = head.network.steer(head.network.embed_time(time).unsqueeze(1), condition)
    predicted = head.network(head.path.point(noise, end, time), steering, condition)
    expected = (predicted - head.path.field(noise, end, time)).square().mean()
    assert head.compute_loss(features, target, noise=noise, time=time).item() == pytest.approx(expected.item(), rel=1e-6)


def test_padded_steps_add_nothing_and_are_not_seen(head):
    features, noise, time = torch.randn(4, 20), torch.randn(4, 5, 3), torch.rand(4)
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]]).expand(4, -1)
    target = (torch.rand(4, 5, 3) - 0.5).requires_grad_()
    loss = sharpen(head).compute_loss(features, target, mask, noise=noise, time=time)
    loss.backward()
    assert (target.grad[:, 3:] == 0.0).all()
    assert (target.grad[:, :3] != 0.0).any()
    garbage = target.detach().clone()
    garbage[:, 3:] = float("nan")
    assert head.compute_loss(features, garbage, mask, noise=noise, time=time).item() == loss.item()


def test_padded_steps_leave_the_field_predicted_there_without_gradient(head):
    error = head.error(torch.randn(2, 20), torch.zeros(2, 5, 3), mask := torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0]]).expand(2, -1))
    error.retain_grad()
    (error * mask.unsqueeze(-1)).mean().backward()
    assert (error.grad[:, 2:] == 0.0).all()


def test_folded_times_follow_the_weights(head):
    features, noise = torch.randn(2, 20), torch.randn(2, 5, 3)
    before = sharpen(head).sample(features, noise=noise)
    with torch.no_grad():
        for p in head.network.time.parameters():
            p.add_(1.0)
    assert not torch.allclose(head.sample(features, noise=noise), before)


def test_cap_zero_trains_on_the_actions_themselves_and_clamps_samples(make):
    head = make(soft_cap_value=0.0).eval()
    samples = head.sample(torch.randn(2, 20), noise=100.0 * torch.randn(2, 5, 3))
    assert samples.abs().max() == 1.0


@pytest.mark.parametrize("cap", [0.5, 1.0])
def test_the_cap_and_its_inverse_cancel_inside_the_limit(cap):
    a = cap * torch.linspace(-0.98, 0.98, 99)
    assert torch.allclose(cap_output(uncap_output(a, cap), cap), a, atol=1e-6)
    assert uncap_output(torch.tensor(5.0), cap).isfinite()


def test_times_taken_together_steer_as_each_one_by_itself(head):
    features, x, times = torch.randn(3, 20), torch.randn(3, 5, 3), (0.0, 0.3, 0.7)
    field = sharpen(head).field(features, times)
    for t in times:
        assert torch.allclose(field(x, t), head.field(features, (t,))(x, t), atol=1e-5)


def test_the_field_of_training_is_the_field_of_sampling(head):
    features, noise, target, t = torch.randn(3, 20), torch.randn(3, 5, 3), torch.rand(3, 5, 3) - 0.5, torch.full((3,), 0.3)
    end = uncap_output(target, head.soft_cap_value)
    field = sharpen(head).field(features, (0.3,))
    expected = (field(head.path.point(noise, end, t), 0.3) - head.path.field(noise, end, t)).square()
    assert torch.allclose(head.error(features, target, noise=noise, time=t), expected, atol=1e-5)


@pytest.mark.parametrize("wrong", [(1, 5, 3), (2, 4, 3), (2, 5, 2), (2, 3)])
def test_noise_and_targets_of_a_wrong_shape_are_refused(head, wrong):
    with pytest.raises(ConfigError, match=r"noise has shape .* needs \(2, 5, 3\)"):
        head.sample(torch.randn(2, 20), noise=torch.randn(wrong))
    with pytest.raises(ConfigError, match=r"target has shape .* needs \(2, 5, 3\)"):
        head.compute_loss(torch.randn(2, 20), torch.randn(wrong))


@pytest.mark.parametrize("steps", [0, -1])
def test_no_denoising_steps_are_refused(make, steps):
    with pytest.raises(ConfigError, match="num_denoise_steps must be a whole number >= 1"):
        make(num_denoise_steps=steps)
    with pytest.raises(ConfigError, match="num_denoise_steps must be a whole number >= 1"):
        make().sample(torch.randn(1, 20), num_denoise_steps=steps)


def test_every_parameter_is_trained(make):
    head = sharpen(make())
    head.compute_loss(torch.randn(8, 20), torch.rand(8, 5, 3) - 0.5).backward()
    idle = [name for name, p in head.named_parameters() if p.grad is None or p.grad.abs().sum() == 0.0]
    assert idle == []


class TestCrossAttention:
    @pytest.fixture(params=HEADS)
    def looking(self, request):
        options = {"cross_attention_dim": 7} | ({"use_cross_attention": True} if request.param == "flow" else {})
        return sharpen(HEADS[request.param](**options)).eval()

    def test_tokens_matter_and_masked_ones_do_not(self, looking):
        features, noise, tokens = torch.randn(2, 20), torch.randn(2, 5, 3), torch.randn(2, 4, 7)
        mask = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 0]])
        masked = looking.sample(features, noise=noise, tokens=tokens, token_mask=mask)
        assert not torch.allclose(masked, looking.sample(features, noise=noise, tokens=-tokens, token_mask=mask))
        hidden = torch.where(mask.bool().unsqueeze(-1), tokens, tokens + 9.0)
        assert torch.equal(masked, looking.sample(features, noise=noise, tokens=hidden, token_mask=mask))

    def test_works_without_tokens(self, looking):
        assert looking.sample(torch.randn(2, 20)).isfinite().all()

    def test_the_loss_trains_the_way_the_tokens_take(self, looking):
        tokens = torch.randn(4, 6, 7, requires_grad=True)
        looking.compute_loss(torch.randn(4, 20), torch.rand(4, 5, 3) - 0.5, tokens=tokens).backward()
        assert tokens.grad.abs().sum() > 0.0
        assert all(p.grad.abs().sum() > 0.0 for name, p in looking.named_parameters() if "cross" in name)
