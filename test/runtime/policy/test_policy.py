"""A policy folder: written, verified, run; and refused with both sides when something does not fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
import yaml
from policies import random_module, write_policy

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.files import sha256
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.model.policy import ActionPolicy
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, ONNX_FILE, WEIGHTS_FILE, find_policy, read_policy_file

Written = tuple[Path, ActionPolicy, ActionSpace, Robot]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    return (folder, *write_policy(folder))


@pytest.fixture
def copy(written: Written, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written[0], tmp_path / "copy"))


def _observation(joints: int, seed: int = 0) -> Observation:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Observation(123, image, rng.normal(0.0, 0.3, joints), rng.normal(0.0, 0.1, 32000).astype(np.float32))


@pytest.mark.parametrize(
    ("mode", "weights", "options"),
    [
        ("arms_only", "float16", {}),
        ("upper_body", "float32", {"state_relative": True}),
        ("whole_body", "float16", {"use_audio": False}),
    ],
)
def test_a_loaded_policy_computes_what_the_stored_weights_compute_in_torch(
    mode: str, weights: str, options: dict[str, Any], tmp_path: Path
) -> None:
    module, space, robot = write_policy(tmp_path / "p", mode, weights, **options)
    policy = Policy.load(tmp_path / "p", robot)
    module.load_state_dict(safetensors.torch.load_file(tmp_path / "p" / WEIGHTS_FILE))
    for seed in range(3):
        observation = _observation(space.num_joints, seed)
        chunk = policy.predict(observation)
        features = policy.encode(observation)
        inputs = (features.vision, features.audio, space.normalise_joints(observation.joint_positions))
        with torch.no_grad():
            expected = module(*(torch.tensor(x, dtype=torch.float32)[None] for x in inputs))[0].numpy()
        got = space.normalise(np.concatenate([chunk.joints, chunk.base], axis=1))
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert np.ptp(got) > 0.01
    assert chunk.stamp == 123 and chunk.dt == 0.02 and chunk.joint_names == space.joint_names
    assert policy.uses_audio == options.get("use_audio", True)


def test_weights_are_stored_once(written: Written) -> None:
    folder, module, *_ = written
    large = sum(p.numel() for p in module.parameters())
    assert (folder / WEIGHTS_FILE).stat().st_size < 2.2 * large + 50_000
    assert (folder / ONNX_FILE).stat().st_size < 100_000


def test_no_path_of_the_exporting_machine_is_in_the_files(written: Written) -> None:
    for file in written[0].iterdir():
        assert str(Path(__file__).resolve().parents[3]).encode() not in file.read_bytes()


def test_the_same_weights_give_the_same_files(written: Written, tmp_path: Path) -> None:
    write_policy(tmp_path / "tiny")
    assert read_policy_file(tmp_path / "tiny").files == read_policy_file(written[0]).files


def test_proprioception_matters(written: Written) -> None:
    policy = Policy.load(written[0], written[3])
    first = _observation(14)
    chunks = [policy.predict(o).joints for o in (first, replace(first, joint_positions=first.joint_positions + 0.5))]
    assert np.abs(chunks[0] - chunks[1]).max() > 1e-6


def test_the_time_of_each_part_is_kept(written: Written) -> None:
    policy = Policy.load(written[0], written[3])
    policy.predict(_observation(14))
    assert set(policy.last_ms) == {"vision", "audio", "action_layer"} and min(policy.last_ms.values()) > 0.0


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("file", [ONNX_FILE, WEIGHTS_FILE])
def test_one_flipped_bit_is_refused(file: str, copy: Path, written: Written) -> None:
    _flip(copy / file, (copy / file).stat().st_size // 2)
    with pytest.raises(PolicyError, match=rf"{file} is corrupt or was changed: its SHA-256 is .* expected"):
        Policy.load(copy, written[3])


def _edit(copy: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = yaml.safe_load((copy / DESCRIPTION_FILE).read_text())
    change(data)
    (copy / DESCRIPTION_FILE).write_text(yaml.safe_dump(data))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format_version=99), "format version 99, but this version of neon_control reads 1"),
        (lambda d: d.update(mode="legs_only"), "mode must be one of .*'arms_only'.*got 'legs_only'"),
        (lambda d: d.update(dt=-0.02), "dt must be a finite number > 0.0, got -0.02"),
        (lambda d: d.update(dt=True), "dt must be a finite number > 0.0, got True"),
        (lambda d: d.update(num_steps=0), "num_steps must be a whole number >= 1"),
        (lambda d: d.update(num_steps=8), r"\(16, 17\).*\(8, 17\)"),
        (lambda d: d.update(name=None), r"missing \['name'\]"),
        (lambda d: d.update(joint_names=["a", "a"]), "list of different names"),
        (lambda d: d["joint_names"].reverse(), "metadata 'joint_names' is"),
        (lambda d: d["normalisation"]["lower"].pop(), "16 lower and 17 upper values, but 14 joints need 14 of each, or 17"),
        (lambda d: d["normalisation"]["lower"].__setitem__(0, 9.0), "needs lower < upper"),
        (lambda d: d["normalisation"].pop("upper"), r"normalisation takes the fields \['lower', 'upper'\]; missing \['upper'\]"),
        (lambda d: d["normalisation"]["upper"].__setitem__(0, 3.0), "metadata 'upper' is"),
        (lambda d: d["vision"].update(revision="other"), "revision other, 2048 features; this installation has efficientnet_lite0"),
        (lambda d: d["vision"].update(features=1024), "1024 features; this installation has .* 2048 features"),
        (lambda d: d["vision"].update(fit="squash"), r"vision\.fit must be one of .*'letterbox'.*got 'squash'"),
        (lambda d: d["vision"].update(fit=["stretch"]), r"vision\.fit must be one of .*got \['stretch'\]"),
        (lambda d: d["audio"].update(encoder="ear"), "audio encoder ear"),
        (lambda d: d["files"].pop(ONNX_FILE), "no hash of action_layer.onnx"),
        (lambda d: d["files"].update({"../secret": "0"}), "lie in its own folder"),
        (lambda d: d["files"].update({5: "0"}), "cannot read .*/5: No such file"),
        (
            lambda d: d["joint_names"].__setitem__(0, "tail_joint"),
            r"robot unitree_g1 does not have: \['tail_joint'\]; the robot has \['left_",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sides(
    change: Callable[[dict[str, Any]], object], message: str, copy: Path, written: Written
) -> None:
    _edit(copy, change)
    with pytest.raises(PolicyError, match=message):
        Policy.load(copy, written[3])


def test_metadata_of_other_tools_in_the_graph_is_nobodys_business(copy: Path, written: Written) -> None:
    """The wound: what ONNX Runtime's own tools note in a graph is no JSON, and ended the load with a traceback."""
    graph = onnx.load(copy / ONNX_FILE, load_external_data=False)
    graph.metadata_props.add(key="onnx.infer", value="onnxruntime.quant")
    (copy / ONNX_FILE).write_bytes(graph.SerializeToString())
    _edit(copy, lambda d: d["files"].update({ONNX_FILE: sha256(copy / ONNX_FILE)}))
    Policy.load(copy, written[3])


def test_a_robot_without_a_base_is_refused(written: Written) -> None:
    with pytest.raises(PolicyError, match="drives a mobile base, but robot unitree_g1 has none"):
        Policy.load(written[0], replace(written[3], base=None))


@pytest.mark.parametrize("text", ["- a list", "{broken", "\x00", "[" * 5000])
def test_a_description_that_is_no_mapping_is_refused(text: str, copy: Path) -> None:
    (copy / DESCRIPTION_FILE).write_text(text)
    with pytest.raises(PolicyError, match=DESCRIPTION_FILE):
        read_policy_file(copy)


def test_a_folder_that_is_no_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no policy\.yaml"):
        read_policy_file(tmp_path)
    with pytest.raises(PolicyError, match="no such policy"):
        find_policy("a_name_that_nobody_uses")


def test_a_module_of_another_shape_is_not_exported(tmp_path: Path) -> None:
    robot = load_robot("g1.yaml")
    space = ActionSpace.from_robot(robot, "arms_only")
    module = random_module(space)
    with pytest.raises(PolicyError, match=r"shape \(16, 17\), needs \(8, 17\)"):
        export_policy(module, tmp_path / "p", space, robot="g1", action_layer={}, training={}, num_steps=8)
    with pytest.raises(PolicyError, match="bfloat"):
        export_policy(module, tmp_path / "p", space, robot="g1", action_layer={}, training={}, weights="bfloat16")
    with torch.no_grad():
        module.fusion.up.weight[0, 0] = 1e6
    with pytest.raises(PolicyError, match="not finite in float16; store them as float32"):
        export_policy(module, tmp_path / "p", space, robot="g1", action_layer={}, training={})
    assert not (tmp_path / "p").exists()


def test_how_images_came_in_training_is_kept_and_a_policy_that_does_not_say_loads(copy: Path) -> None:
    assert read_policy_file(copy).images == {}
    kind = {"transport": "video", "encoding": "av1", "width": 640, "height": 480, "share": 1.0, "a_field_of_a_later_version": 7}
    _edit(copy, lambda d: d.update(images={"head": [kind]}))
    (found,) = read_policy_file(copy).images["head"]
    assert (found.loss, found.share, found.augmented) == ("video", 1.0, False)
    _edit(copy, lambda d: d["images"]["head"][0].update(share=2))
    with pytest.raises(PolicyError, match=r"images\.head\[0\]\.share must be a finite number from 0.0 to 1.0, got 2"):
        read_policy_file(copy)
