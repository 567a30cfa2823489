"""The code path chosen for CUDA, on a stand-in for it: nothing is copied to the CPU between an encoder and a head."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))
from fake_cuda import TensorThere, fake_cuda
from policies import write_policy

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.compute import sessions
from neon_control.runtime.compute.ort_array import OrtArray
from neon_control.runtime.encoders.backbone import BackboneOptions, BackboneSpec
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.policy.policy import Policy

ROBOT = load_robot("g1.yaml")
TWO = replace(ROBOT, cameras=tuple(replace(ROBOT.cameras[0], name=name) for name in ("a", "b")))
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")
EFFICIENTNET = BackboneSpec("efficientnet_lite0", vision_revision(), VISION_FEATURES)
OPTIONS = BackboneOptions(provider="cuda", device="cpu")


def two_cameras() -> Observation:
    one, other = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), dtype=np.uint8)
    return Observation.of_clips(0, {"a": (one,), "b": (other,)}, np.zeros(SPACE.num_joints), np.zeros(32000, np.float32))


@pytest.mark.parametrize("combine", ["concatenate", "average"])
def test_no_copy_to_the_cpu_is_between_encoder_and_head(combine: str, tmp_path: Path) -> None:
    vision = EFFICIENTNET.looking_at(("a", "b"), combine)
    write_policy(tmp_path / "policy", weights="float32", vision=vision, use_audio=False)
    expected = Policy.load(tmp_path / "policy", TWO, BackboneOptions(provider="cpu", device="cpu")).predict(two_cameras())
    with fake_cuda() as came_back:
        policy = Policy.load(tmp_path / "policy", TWO, OPTIONS)
        features = policy.encode(two_cameras())
        chunk = policy.act(features, np.zeros(SPACE.num_joints), 0)
        assert isinstance(features.vision, OrtArray) and features.vision.device.type == "cuda"
        bound = policy._action_layer._binding
        assert came_back == [] and "vision" in bound._kept  # bound where it lies; what is copied to the device is not kept
        assert bound._kept["vision"].data_ptr() == features.vision.data_ptr()
    np.testing.assert_allclose(chunk.joints, expected.joints, atol=1e-6)


def test_a_tensor_of_torch_on_the_gpu_is_read_there_by_a_head_on_onnx_runtime(tmp_path: Path) -> None:
    write_policy(tmp_path / "policy", weights="float32", vision=EFFICIENTNET, use_audio=False)
    with fake_cuda() as came_back:
        policy = Policy.load(tmp_path / "policy", ROBOT, OPTIONS)
        image = np.zeros((240, 320, 3), np.uint8)
        features = policy.encode(policy.still(0, image, np.zeros(SPACE.num_joints), np.zeros(32000, np.float32)))
        values = np.random.default_rng(0).standard_normal(VISION_FEATURES, np.float32)
        there = policy.act(replace(features, vision=TensorThere(torch.from_numpy(values.copy()))), np.zeros(SPACE.num_joints), 0)
        assert came_back == []
        here = policy.act(replace(features, vision=values), np.zeros(SPACE.num_joints), 0)
    np.testing.assert_array_equal(there.joints, here.joints)


def test_cudas_libraries_are_loaded_once_and_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(sessions.onnxruntime, "preload_dlls", lambda: (print("Failed to load libx"), loaded.append("x")), raising=False)
    sessions.load_cuda_libraries.cache_clear()
    try:
        sessions.load_cuda_libraries()
        sessions.load_cuda_libraries()
    finally:
        sessions.load_cuda_libraries.cache_clear()
    assert loaded == ["x"]
