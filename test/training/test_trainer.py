from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neon_control.core.action_space import ActionSpace  # noqa: E402
from neon_control.core.robot import load_robot  # noqa: E402
from neon_control.training.config import TrainConfig  # noqa: E402
from neon_control.training.features import Arrays  # noqa: E402
from neon_control.training.trainer import evaluate, split_recordings, to_batch, train  # noqa: E402

SMALL = {"head": {"mlp_hidden": 32, "dropout": 0.0}, "bottleneck_dim": 16, "state_relative": True, "loss_weights": {"arms": 50.0}}
CONFIG = TrainConfig("t", "d", epochs=25, batch_size=32, threads=1, ema_decay=0.9, learning_rate=3e-3, policy=SMALL)


def recording(space: ActionSpace, seed: int, n: int = 64) -> Arrays:
    """Actions that depend on all three inputs in a known way."""
    rng = np.random.default_rng(seed)
    vision, audio = rng.normal(size=(n, 2048)).astype(np.float32), rng.normal(size=(n, 384)).astype(np.float32)
    joints = rng.uniform(-0.2, 0.2, (n, 14)).astype(np.float32)
    step = np.linspace(0.0, 1.0, 16)[None, :, None]
    arms = joints[:, None] + 0.3 * step * np.sign(vision[:, :1, None]) * np.ones(14)
    base = np.broadcast_to(0.3 * np.sign(audio[:, :1, None]), (n, 16, 3))
    actions = np.concatenate([arms, base], axis=2).astype(np.float32)
    return {"vision": vision, "audio": audio, "joints": joints, "actions": actions, "mask": np.ones((n, 16), np.float32)}


def test_it_learns_and_the_same_seed_gives_the_same_weights(space: ActionSpace) -> None:
    batch = to_batch([recording(space, i) for i in range(3)], space)
    first, second = train(CONFIG, space, batch, batch), train(CONFIG, space, batch, batch)
    assert first.joint_error < 0.03  # [rad]; doing nothing costs 0.15
    assert first.base_error < 0.1  # [m/s]; doing nothing costs 0.3
    for (name, a), b in zip(first.policy.state_dict().items(), second.policy.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    other = train(replace(CONFIG, seed=1, epochs=1), space, batch, batch)
    assert not torch.equal(next(iter(other.policy.parameters())), next(iter(first.policy.parameters())))


def test_masked_steps_count_neither_in_losses_nor_in_errors(space: ActionSpace) -> None:
    good = recording(space, 0)
    bad = {**good, "actions": good["actions"].copy(), "mask": good["mask"].copy()}
    bad["actions"][:, 8:] = 9.0
    bad["mask"][:, 8:] = 0.0
    cut = {**good, "mask": bad["mask"]}
    policy = train(replace(CONFIG, epochs=1), space, to_batch([good], space), to_batch([good], space)).policy
    one, two = evaluate(policy, space, to_batch([bad], space)), evaluate(policy, space, to_batch([cut], space))
    assert one.losses == pytest.approx(two.losses) and one.joint_error == pytest.approx(two.joint_error)


def test_a_robot_without_a_base_has_no_error_of_one() -> None:
    space = ActionSpace.from_robot(load_robot("arm6.yaml"), "arms_only")
    good = recording(space, 0)
    batch = to_batch([{**good, "joints": good["joints"][:, :6], "actions": good["actions"][..., :6]}], space)
    result = train(replace(CONFIG, epochs=1), space, batch, batch)
    assert result.base_error is None and "base" not in result.errors


def test_recordings_never_part() -> None:
    kept, held_out = split_recordings(40, 0.1, seed=3)
    assert len(held_out) == 4 and sorted(kept + held_out) == list(range(40))
    assert split_recordings(40, 0.1, seed=3) == (kept, held_out) != split_recordings(40, 0.1, seed=4)
    assert len(split_recordings(2, 0.01, seed=0)[1]) == 1
