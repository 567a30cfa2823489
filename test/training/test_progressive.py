from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synthetic import CONFIG, HEAD, recording  # noqa: E402

from neon_control.core.common.errors import ConfigError  # noqa: E402
from neon_control.core.robot.action_space import ActionSpace  # noqa: E402
from neon_control.core.robot.gripper import Gripper  # noqa: E402
from neon_control.core.robot.robot import Robot  # noqa: E402
from neon_control.model.policy import ActionPolicy  # noqa: E402
from neon_control.runtime.compute.sessions import open_session  # noqa: E402
from neon_control.runtime.encoders.backbone import BackboneSpec  # noqa: E402
from neon_control.runtime.export.policy_export import export_policy, rebuild_policy  # noqa: E402
from neon_control.runtime.policy.policy_file import read_policy_file  # noqa: E402
from neon_control.training.batches import Batch, to_batch  # noqa: E402
from neon_control.training.progressive import start_policy  # noqa: E402
from neon_control.training.trainer import train  # noqa: E402

WEIGHTS = {"arms": 50.0, "torso": 50.0, "legs": 50.0}


def wide_config(narrow: Path, **changes):
    policy = {**CONFIG.policy, "loss_weights": WEIGHTS}
    return replace(CONFIG, **{"mode": "whole_body", "init_from": str(narrow), "epochs": 8, "policy": policy, **changes})


def export(policy: ActionPolicy, folder: Path, space: ActionSpace, width: int) -> Path:
    vision = BackboneSpec("efficientnet_lite0", "test", width)
    export_policy(policy, folder, space, robot="g1", action_layer=policy.config.to_dict(), training={}, vision=vision)
    return folder


def without_base(space: ActionSpace) -> ActionSpace:
    n = space.num_joints
    groups = {name: part for name, part in space.groups.items() if name != "base"}
    return ActionSpace(space.mode, space.joint_names, groups, space.lower[:n], space.upper[:n])


@pytest.fixture(scope="module")
def whole(robot: Robot) -> ActionSpace:
    return ActionSpace.from_robot(robot, "whole_body")


@pytest.fixture(scope="module")
def batch(whole: ActionSpace) -> Batch:
    return to_batch([recording(whole, i) for i in range(3)], whole)


@pytest.fixture(scope="module")
def narrow(space: ActionSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained policy for the arms and the base."""
    samples = to_batch([recording(space, i) for i in range(2)], space)
    result, _ = train(replace(CONFIG, epochs=4), space, samples, samples)
    return export(result.policy, tmp_path_factory.mktemp("policies") / "narrow", space, samples.vision.shape[1])


@torch.no_grad()
def predict(policy: ActionPolicy, batch: Batch, space: ActionSpace) -> dict[str, torch.Tensor]:
    """Group -> normalised chunks."""
    joints = batch.joints[:, : policy.config.num_joints]
    actions = policy.eval()(batch.vision, batch.audio, joints)
    return {name: actions[..., part] for name, part in space.groups.items()}


def test_a_widened_policy_says_what_it_said_bit_for_bit(narrow: Path, space: ActionSpace, whole: ActionSpace, batch: Batch) -> None:
    before = rebuild_policy(read_policy_file(narrow))
    after = start_policy(wide_config(narrow), whole, batch)
    for rows in (slice(0, 1), slice(0, 7), slice(None)):  # other sizes are other kernels
        part = Batch(*(getattr(batch, name)[rows] for name in ("vision", "audio", "joints", "actions", "mask")))
        said, says = predict(before, part, space), predict(after, part, whole)
        for group in ("arms", "base"):
            assert torch.equal(said[group], says[group]), group
    assert torch.equal(before.vision_mean, after.vision_mean) and torch.equal(before.audio_std, after.audio_std)


@pytest.mark.parametrize("scaled", [False, True], ids=["", "scaled"])
def test_arms_then_base_then_waist_then_legs(
    space: ActionSpace, whole: ActionSpace, robot: Robot, batch: Batch, tmp_path: Path, scaled: bool
) -> None:
    spaces = (without_base(space), space, ActionSpace.from_robot(robot, "upper_body"), whole)
    samples = [to_batch([recording(s, i) for i in range(3)], s) for s in spaces]
    config = replace(CONFIG, policy={**CONFIG.policy, "relative_scale": scaled})
    policy = start_policy(config, spaces[0], samples[0])
    for i in (1, 2, 3):
        file = export(policy, tmp_path / str(i), spaces[i - 1], batch.vision.shape[1])
        said = predict(rebuild_policy(read_policy_file(file)), batch, spaces[i - 1])
        policy = start_policy(replace(config, init_from=str(file)), spaces[i], samples[i])
        for group, actions in said.items():
            assert torch.equal(predict(policy, batch, spaces[i])[group], actions), (spaces[i].mode, group)
    assert policy.config.proprioception_added == (3, 12)


@pytest.mark.parametrize("scaled", [False, True], ids=["", "scaled"])
def test_arms_then_hands_which_stay_absolute(robot: Robot, tmp_path: Path, scaled: bool) -> None:
    hands = tuple(name for name in robot.parts["arms"] if "wrist" in name)
    arms = tuple(name for name in robot.parts["arms"] if name not in hands)
    gripper = {"hand": Gripper("hand", kind="hand", joints=hands)}
    robot = replace(robot, parts={**robot.parts, "arms": arms, "hands": hands}, grippers=gripper)
    spaces = [ActionSpace.from_robot(robot, mode) for mode in ("arms_only", "arms_hands", "whole_body")]
    samples = [to_batch([recording(space, i) for i in range(3)], space) for space in spaces]
    config = replace(CONFIG, policy={**CONFIG.policy, "loss_weights": {}, "state_relative": True, "relative_scale": scaled})
    policy = start_policy(config, spaces[0], samples[0])
    assert policy.config.absolute == ()
    for i in (1, 2):
        file = export(policy, tmp_path / str(i), spaces[i - 1], samples[i].vision.shape[1])
        said = predict(rebuild_policy(read_policy_file(file)), samples[2], spaces[i - 1])
        policy = start_policy(replace(config, init_from=str(file)), spaces[i], samples[i])
        assert tuple(policy.config.absolute) == spaces[i].absolute == tuple(range(len(arms), len(arms) + len(hands)))
        for group, actions in said.items():
            assert torch.equal(predict(policy, samples[2], spaces[i])[group], actions), (spaces[i].mode, group)
    moved = replace(samples[2], joints=samples[2].joints + 0.1)
    raw = policy.head.inner_head(policy.features(moved.vision, moved.audio, moved.joints))
    if not scaled:
        hand = spaces[2].groups["hands"]
        assert torch.equal(predict(policy, moved, spaces[2])["hands"], raw[..., hand]), "no state is added"
    folder = export(policy, tmp_path / "last", spaces[2], moved.vision.shape[1])
    inputs = {"vision": moved.vision, "audio": moved.audio, "proprioception": moved.joints}
    (graph,) = open_session(folder / "action_layer.onnx", 1).run(None, {name: values.numpy() for name, values in inputs.items()})
    assert np.allclose(graph[..., spaces[2].groups["hands"]], predict(policy, moved, spaces[2])["hands"].numpy(), atol=1e-5)


def test_a_joint_that_became_a_grippers_cannot_be_widened_in_silence(
    space: ActionSpace, narrow: Path, whole: ActionSpace, batch: Batch
) -> None:
    with pytest.raises(ConfigError, match=r"action_layer.absolute is \[\], needed is \[3\]"):
        start_policy(wide_config(narrow), replace(whole, absolute=(3,)), batch)


def test_training_goes_on_after_widening(narrow: Path, space: ActionSpace, whole: ActionSpace, batch: Batch) -> None:
    _, curves = train(wide_config(narrow), whole, batch, batch)
    losses = curves.tables["training"]
    for group in ("torso", "legs"):
        assert np.mean(losses[group][-6:]) < 0.7 * np.mean(losses[group][:6]), group
    assert losses["arms"][0] < 0.5 * losses["legs"][0], "the arms had learned before"


def test_what_is_frozen_never_changes_not_even_in_the_exported_graph(
    narrow: Path, space: ActionSpace, whole: ActionSpace, batch: Batch, tmp_path: Path
) -> None:
    result, curves = train(wide_config(narrow, freeze=["arms", "base", "trunk"], epochs=2), whole, batch, batch)
    before = rebuild_policy(read_policy_file(narrow))
    said, says = predict(before, batch, space), predict(result.policy, batch, whole)
    assert all(torch.equal(said[group], says[group]) for group in ("arms", "base"))
    assert curves.tables["training"]["legs"][-1] < curves.tables["training"]["legs"][0]
    folder = export(result.policy, tmp_path / "wide", whole, batch.vision.shape[1])
    inputs = {"vision": batch.vision, "audio": batch.audio, "proprioception": batch.joints}
    (graph,) = open_session(folder / "action_layer.onnx", 1).run(None, {name: values.numpy() for name, values in inputs.items()})
    for group in ("arms", "base"):
        assert np.allclose(graph[..., whole.groups[group]], said[group].numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dt": 0.05}, r"narrow.*its dt is 0\.02, needed is 0\.05"),
        ({"head": {**HEAD, "mlp_hidden": 64}}, r"head\.mlp_hidden is 32, needed is 64"),
        ({"policy": {**CONFIG.policy, "bottleneck_dim": 8}}, r"bottleneck_dim is 16, needed is 8"),
        ({"head": {"type": "flow"}}, r"head_type is 'grouped', needed is 'flow'"),
        ({"freeze": ["arm"]}, r"freeze names \['arm'\].*'trunk', 'arms'"),
        ({"freeze": ["trunk", "arms", "torso", "legs", "base"]}, "nothing is left to train"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field(narrow: Path, whole: ActionSpace, batch: Batch, changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        start_policy(wide_config(narrow, **changes), whole, batch)


def test_another_scale_or_order_of_the_joints_is_refused(narrow: Path, whole: ActionSpace, batch: Batch) -> None:
    upper = whole.upper.copy()
    upper[3] += 0.1
    with pytest.raises(ConfigError, match=r"normalisation\.upper of left_elbow_joint"):
        start_policy(wide_config(narrow), replace(whole, upper=upper), batch)
    with pytest.raises(ConfigError, match="joint_names"):
        start_policy(wide_config(narrow), replace(whole, joint_names=whole.joint_names[::-1]), batch)


def test_only_separate_heads_can_be_widened(space: ActionSpace, whole: ActionSpace, batch: Batch, tmp_path: Path) -> None:
    one_decoder = replace(CONFIG, head={**HEAD, "use_separate_heads": False})
    file = export(start_policy(one_decoder, space, batch), tmp_path / "mixed", space, batch.vision.shape[1])
    with pytest.raises(ConfigError, match="only a grouped head with use_separate_heads can be widened"):
        start_policy(replace(one_decoder, init_from=str(file)), whole, batch)
    same = start_policy(replace(one_decoder, init_from=str(file)), space, batch)  # the same mode is fine with any head
    assert torch.equal(predict(same, batch, space)["arms"], predict(rebuild_policy(read_policy_file(file)), batch, space)["arms"])
