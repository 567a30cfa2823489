import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synthetic import CONFIG, HEAD, POLICY, WIDTH, recording  # noqa: E402

from neon_control.core.common.errors import ConfigError, TrainingError  # noqa: E402
from neon_control.core.robot.action_space import ActionSpace  # noqa: E402
from neon_control.core.robot.robot_file import load_robot  # noqa: E402
from neon_control.model.policy import ActionPolicy  # noqa: E402
from neon_control.runtime.encoders.backbone import BackboneSpec  # noqa: E402
from neon_control.runtime.export.policy_export import export_policy  # noqa: E402
from neon_control.runtime.policy.policy_file import read_policy_file  # noqa: E402
from neon_control.training import evaluation, optimisation  # noqa: E402
from neon_control.training.batches import Batch, batch_indices, to_batch  # noqa: E402
from neon_control.training.building import policy_config  # noqa: E402
from neon_control.training.evaluation import evaluate  # noqa: E402
from neon_control.training.trainer import train  # noqa: E402

PROGRAM = Path(__file__).with_name("synthetic.py")


@pytest.fixture(scope="module")
def batch(space: ActionSpace) -> Batch:
    return to_batch([recording(space, i) for i in range(3)], space)


def masked(space: ActionSpace) -> Batch:
    """The samples of `synthetic.main`."""
    samples = to_batch([recording(space, i) for i in range(3)], space)
    samples.mask[::3, 4:] = 0.0
    return samples


def test_it_learns_and_the_same_seed_gives_the_same_weights(space: ActionSpace, batch: Batch) -> None:
    learned, _ = train(CONFIG, space, batch, batch)
    assert learned.joint_error < 0.03  # [rad]; doing nothing costs 0.15
    assert learned.base_error < 0.1  # [m/s]; doing nothing costs 0.3
    short = replace(CONFIG, epochs=1, head={**HEAD, "dropout": 0.1})
    (first, _), (second, _) = train(short, space, batch, batch), train(short, space, batch, batch)
    for (name, a), b in zip(first.policy.state_dict().items(), second.policy.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    other, _ = train(replace(short, seed=1), space, batch, batch)
    assert not torch.equal(next(iter(other.policy.parameters())), next(iter(first.policy.parameters())))


@pytest.mark.parametrize(
    "head",
    [
        {"type": "chunking", "hidden_dim": 32},
        {"type": "flow", "hidden_dim": 32},
        {"type": "dit", "hidden_dim": 48, "num_layers": 2, "num_heads": 2},
        {"type": "ensemble", "mlp_hidden": 16, "flow_hidden": 16, "dit_hidden": 24, "dit_layers": 2, "dit_heads": 2},
        {"type": "mlp", "hidden_dim": 32},
        {"type": "state_relative", "inner": {"type": "chunking", "hidden_dim": 32}},
    ],
    ids=lambda head: head["type"],
)
def test_the_loss_of_every_head_falls(space: ActionSpace, batch: Batch, head: dict) -> None:
    policy = {**POLICY, "state_relative": False}
    _, curves = train(replace(CONFIG, epochs=4, head=head, policy=policy, learning_rate=3e-3), space, batch, batch)
    losses = curves.tables["training"]["loss"]
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])


def test_masked_steps_count_neither_in_losses_nor_in_errors(space: ActionSpace) -> None:
    good = recording(space, 0)
    bad = {**good, "actions": good["actions"].copy(), "mask": good["mask"].copy()}
    bad["actions"][:, 8:] = 9.0
    bad["mask"][:, 8:] = 0.0
    cut = {**good, "mask": bad["mask"]}
    policy = train(replace(CONFIG, epochs=1), space, to_batch([good], space), to_batch([good], space))[0].policy
    one, two = evaluate(policy, space, to_batch([bad], space)), evaluate(policy, space, to_batch([cut], space))
    assert one.losses == pytest.approx(two.losses) and one.joint_error == pytest.approx(two.joint_error)


@pytest.mark.parametrize("reduction", ["valid", "mean"])
def test_validation_losses_do_not_depend_on_how_the_samples_are_dealt_out(
    space: ActionSpace, monkeypatch: pytest.MonkeyPatch, reduction: str
) -> None:
    samples = masked(space)
    samples.mask[:50, 1:] = 0.0
    policy = ActionPolicy(policy_config(replace(CONFIG, policy={**POLICY, "loss_reduction": reduction}), space, WIDTH))
    whole = evaluate(policy, space, samples)
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 50)
    assert evaluate(policy, space, samples).losses == pytest.approx(whole.losses, rel=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_killed_run_goes_on_to_the_same_curve_bit_for_bit(space: ActionSpace, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=6, audio_dropout=0.3, head={**HEAD, "dropout": 0.1})
    whole, _ = train(config, space, masked(space), masked(space), tmp_path / "whole")
    run = tmp_path / "killed"
    changes = [f"{name}={getattr(config, name)}" for name in ("epochs", "audio_dropout", "head")]
    process = subprocess.Popen([sys.executable, PROGRAM, run, "--slow", *changes], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100.0
    try:
        while not (run / "checkpoints" / "step-00000015").is_dir():  # in the middle of an epoch
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()  # SIGKILL
    process.wait()
    assert not (run / "training.csv").exists(), "it must not have come to its end"
    resumed, curves = train(config, space, masked(space), masked(space), run)
    assert len(curves.tables["training"]["step"]) == 36
    for kind in ("training", "validation"):
        assert (run / f"{kind}.csv").read_text() == (tmp_path / "whole" / f"{kind}.csv").read_text()
    for (name, a), b in zip(whole.policy.state_dict().items(), resumed.policy.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_ctrl_c_saves_a_checkpoint_of_the_step_it_stopped_at(space: ActionSpace, batch: Batch, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        while signal.getsignal(signal.SIGINT) is before:  # training has not begun
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        train(replace(CONFIG, epochs=10_000, checkpoint_steps=100_000), space, batch, batch, tmp_path)
    (checkpoint,) = tmp_path.glob("checkpoints/*")
    assert len((tmp_path / "training.csv").read_text().splitlines()) - 1 == int(checkpoint.name.removeprefix("step-"))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.timeout(240)  # three times the import of torch at once
def test_two_processes_have_the_curve_of_one(space: ActionSpace, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}  # what torchrun says
    # Batches of odd size; masks differ between the shares. In bfloat16 the shares of a batch round otherwise than the whole.
    changes = ["epochs=4", "batch_size=31", "camera_dropout=0.2", "mixed_precision=false"]
    line = [sys.executable, PROGRAM, tmp_path / "two", *changes]
    pair = [subprocess.Popen(line, env={**os.environ, **meeting, "RANK": str(i)}, stderr=subprocess.PIPE, text=True) for i in range(2)]
    config = replace(CONFIG, epochs=4, batch_size=31, camera_dropout=0.2, mixed_precision=False)
    train(config, space, masked(space), masked(space), tmp_path / "one")
    try:
        for process in pair:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
    finally:
        for process in pair:
            process.kill()
    for kind in ("training", "validation"):
        one, two = (np.genfromtxt(tmp_path / run / f"{kind}.csv", delimiter=",", names=True) for run in ("one", "two"))
        for name in one.dtype.names:
            assert np.allclose(one[name], two[name], rtol=2e-3), name


def test_a_loss_that_is_not_finite_names_step_batch_and_input_and_keeps_the_last_checkpoint(space: ActionSpace, tmp_path: Path) -> None:
    samples = masked(space)
    third = list(batch_indices(len(samples), CONFIG.batch_size, CONFIG.seed, epoch=0))[2]
    samples.actions[third[0]] = float("nan")
    with pytest.raises(TrainingError, match=r"at step 3 of 12, epoch 1, batch 3 .*'actions'.*last good checkpoint is .*step-00000002"):
        train(replace(CONFIG, epochs=2, checkpoint_steps=1), space, samples, samples, tmp_path)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000001", "step-00000002"]


def test_another_configuration_or_other_data_is_refused_with_the_field(space: ActionSpace, batch: Batch, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1)
    train(config, space, batch, batch, tmp_path)
    train(
        replace(config, threads=2, out="elsewhere", cache="elsewhere"), space, batch, batch, tmp_path
    )  # these change nothing that was learned
    with pytest.raises(TrainingError, match=r"learning_rate is 0\.003, now 0\.01; .*--resume never"):
        train(replace(config, learning_rate=0.01), space, batch, batch, tmp_path)
    with pytest.raises(TrainingError, match="fingerprint of the samples"):
        train(config, space, masked(space), batch, tmp_path)
    _, curves = train(replace(config, learning_rate=0.01, resume="never"), space, batch, batch, tmp_path)
    assert curves.tables["training"]["learning_rate"][0] == pytest.approx(0.01)


def test_left_out_inputs_change_training_only_where_they_are_used(space: ActionSpace, batch: Batch) -> None:
    config = replace(CONFIG, epochs=1)
    plain = train(config, space, batch, batch)[1].tables["training"]["loss"]
    assert train(config, space, batch, batch)[1].tables["training"]["loss"] == plain
    for field in ("camera_dropout", "audio_dropout", "proprioception_dropout"):
        assert train(replace(config, **{field: 0.5}), space, batch, batch)[1].tables["training"]["loss"] != plain, field


def test_a_robot_without_a_base_has_no_error_of_one() -> None:
    space = ActionSpace.from_robot(load_robot("arm6.yaml"), "arms_only")
    batch = to_batch([recording(space, 0)], space)
    result, curves = train(replace(CONFIG, epochs=1), space, batch, batch)
    assert result.base_error is None and "base" not in result.errors and "base_error" not in curves.tables["validation"]


def test_a_step_shows_variants_of_the_images_and_nothing_else_of_it_changes(space: ActionSpace, batch: Batch) -> None:
    short = replace(CONFIG, epochs=2, head={**HEAD, "dropout": 0.1})
    same = torch.stack([batch.vision, batch.vision], dim=1)  # (n, 2, F)
    runs = [train(short, space, batch, batch, views=views)[0].policy.state_dict() for views in (None, same, -same)]
    assert all(torch.equal(value, runs[1][name]) for name, value in runs[0].items())
    assert any(not torch.equal(value, runs[2][name]) for name, value in runs[0].items())


def test_variants_that_show_what_the_images_do_not_are_learned(space: ActionSpace, batch: Batch) -> None:
    dark = replace(batch, vision=torch.zeros_like(batch.vision))
    views = batch.vision[:, None]
    start = replace(CONFIG, init_from="")
    blind, seeing = (train(start, space, dark, batch, views=given)[0].joint_error for given in (None, views))
    assert seeing < 0.5 * blind


def test_a_policy_that_learns_prefixes_says_better_how_a_motion_goes_on_and_without_one_what_it_says_otherwise(
    space: ActionSpace, batch: Batch
) -> None:
    """What is seen is hidden in the second half of the test: there, only the committed steps tell which way it goes."""
    learned, _ = train(replace(CONFIG, max_prefix=8, epochs=30), space, batch, batch)
    plain, _ = train(replace(CONFIG, epochs=30), space, batch, batch)
    assert learned.policy.max_prefix == 8 and plain.policy.max_prefix == 0
    assert learned.joint_error < 0.03  # [rad], without a prefix
    blind = Batch(**{**vars(batch), "vision": torch.zeros_like(batch.vision)})
    with torch.no_grad():
        given = {"prefix": batch.actions, "prefix_length": torch.full((len(batch),), 6)}
        chunks = [learned.policy(blind.vision, blind.audio, blind.joints, **more) for more in (given, {})]
    known, unknown = ((chunk - batch.actions)[:, 6:, : space.num_joints].abs().mean().item() for chunk in chunks)
    assert known < 0.5 * unknown


def test_no_more_steps_are_given_than_were_recorded_and_the_same_ones_again() -> None:
    mask = torch.tensor([[1.0] * 16, [1.0] * 3 + [0.0] * 13, [0.0] * 16]).repeat(50, 1)
    config, weights = replace(CONFIG, max_prefix=8), np.full(9, 1.0 / 9.0)
    drawn = optimisation.draw_prefix(config, weights, mask, 3)
    assert torch.equal(drawn, optimisation.draw_prefix(config, weights, mask, 3))
    assert not torch.equal(drawn, optimisation.draw_prefix(config, weights, mask, 4))
    assert set(drawn[::3].tolist()) == set(range(9)) and drawn[1::3].max() == 3 and not drawn[2::3].any()


def test_the_state_at_the_action_is_learned_by_the_same_rule_as_it_is_used_by(space: ActionSpace, batch: Batch) -> None:
    """Trained with it, a policy goes on from where the last committed step leads, whatever was measured before."""
    config = replace(CONFIG, max_prefix=8, epochs=30, policy={**POLICY, "state_at_action": True})
    learned, _ = train(config, space, batch, batch)
    assert learned.policy.config.state_at_action and learned.joint_error < 0.03  # [rad], without a prefix: the joints as measured
    given = {"prefix": batch.actions, "prefix_length": torch.full((len(batch),), 6)}
    moved = batch.joints + 0.2
    with torch.no_grad():
        chunk, same = (learned.policy(batch.vision, batch.audio, joints, **given) for joints in (batch.joints, moved))
        loss, same_loss = (
            learned.policy.compute_loss(batch.vision, batch.audio, joints, batch.actions, batch.mask, prefix_length=given["prefix_length"])[
                0
            ]
            for joints in (batch.joints, moved)
        )
    assert torch.equal(chunk, same) and torch.equal(loss, same_loss), "what was measured counts for nothing any more"
    assert (chunk - batch.actions)[:, 6:, : space.num_joints].abs().mean() < 0.03


def test_the_state_at_the_action_needs_committed_steps(space: ActionSpace, batch: Batch) -> None:
    with pytest.raises(ConfigError, match="state_at_action is on, but max_prefix is 0"):
        train(replace(CONFIG, policy={**POLICY, "state_at_action": True}), space, batch, batch)


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.02)])
def test_a_policy_of_any_horizon_is_trained_and_delivered(num_steps: int, dt: float, space: ActionSpace, tmp_path: Path) -> None:
    batch = to_batch([recording(space, i, num_steps=num_steps) for i in range(2)], space)
    config = replace(CONFIG, num_steps=num_steps, dt=dt, epochs=1, name="any", out=str(tmp_path / "out"), runs=str(tmp_path / "runs"))
    result, _ = train(config, space, batch, batch)
    vision = BackboneSpec("any", "1", WIDTH)
    export_policy(
        result.policy,
        tmp_path / "any",
        space,
        robot="g1",
        action_layer=result.policy.config.to_dict(),
        training={},
        dt=dt,
        num_steps=num_steps,
        vision=vision,
    )
    file = read_policy_file(tmp_path / "any")
    assert (file.num_steps, file.dt, result.error.shape[0]) == (num_steps, dt, num_steps)


def test_samples_that_are_drawn_more_often_are_learnt_better(space: ActionSpace) -> None:
    first, second = recording(space, 0), recording(space, 0)
    second["actions"] = -second["actions"]  # the contrary of the first, for the same observations
    both, one = to_batch([first, second], space), to_batch([first], space)
    count = len(one)
    errors = []
    for weight in (1.0, 9.0):
        often = np.concatenate([np.full(count, weight), np.ones(count)])
        learned, _ = train(CONFIG, space, both, one, often=None if weight == 1.0 else often)
        errors.append(learned.joint_error)
    assert errors[1] < 0.5 * errors[0]
