"""What only a GPU can show: features never visit the CPU's memory, and give the chunks that the CPU gives.

The same code runs on the CPU in `test_binding.py`, `test_encoding.py` and `test_policy_features.py`; here are the devices that differ.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from policies import random_module, write_policy
from tiny_backbones import HIDDEN, save_vjepa2

from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.compute.binding import OrtDevice
from neon_control.runtime.compute.device_arrays import Array, to_numpy
from neon_control.runtime.compute.ort_array import OrtArray
from neon_control.runtime.encoders.backbone import BackboneOptions, BackboneSpec
from neon_control.runtime.encoders.encoding import encode_observations
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.registry import load_backbone
from neon_control.runtime.encoders.vision import VISION_FEATURES, EfficientNetLite0, vision_revision
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.policy import Features, Policy

TORCH = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU and a torch with CUDA")
ORT = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="needs a GPU and onnxruntime-gpu instead of onnxruntime"
)
TENSORRT = pytest.mark.skipif(
    "TensorrtExecutionProvider" not in onnxruntime.get_available_providers(), reason="needs a GPU, onnxruntime-gpu and TensorRT"
)
ROBOT = load_robot("g1.yaml")
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")
FLOW = {"head_type": "flow", "head_options": {"hidden_dim": 32, "num_denoise_steps": 2}}
TOLERANCE = 5e-3  # [rad], [m/s]: sums in another order, and ONNX Runtime's TF32


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("policies")
    write_policy(root / "onnx", weights="float32", **FLOW)
    module = random_module(SPACE, **FLOW)
    config = module.config.to_dict()
    export_policy(module, root / "torch", SPACE, robot="g1", action_layer=config, training={}, weights="float32", backend="torch")
    return {"onnx": root / "onnx", "torch": root / "torch"}


def images(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 240, 320, 3), dtype=np.uint8))


def two_cameras() -> Observation:
    one, other = images(2)
    return Observation.of_clips(0, {"a": (one,), "b": (other,)}, np.zeros(SPACE.num_joints), np.zeros(0, np.float32))


def close(one: ActionChunk, other: ActionChunk) -> bool:
    return np.allclose(one.joints, other.joints, atol=TOLERANCE) and np.allclose(one.base, other.base, atol=TOLERANCE)


@ORT
@pytest.mark.parametrize("provider", ["cuda", pytest.param("tensorrt", marks=TENSORRT)])
def test_the_vision_encoder_leaves_its_features_on_the_gpu_in_new_memory_each_time(provider: str) -> None:
    encoder, seen = EfficientNetLite0(provider=provider), [[image] for image in images(2)]
    one, other = (encoder.encode([clip]).features for clip in seen)
    assert isinstance(one, OrtArray) and one.device.type == "cuda" and one.data_ptr() != other.data_ptr()
    expected = EfficientNetLite0(provider="cpu").encode(seen).features
    np.testing.assert_allclose(np.concatenate([to_numpy(one), to_numpy(other)]), expected, atol=2e-2)


@ORT
@pytest.mark.parametrize("combine", ["concatenate", "average"])
def test_cameras_are_combined_on_the_gpu(combine: str) -> None:
    spec = BackboneSpec("efficientnet_lite0", vision_revision(), VISION_FEATURES).looking_at(("a", "b"), combine)
    there, here = (load_backbone(spec, Path(), BackboneOptions(provider=provider)) for provider in ("cuda", "cpu"))
    seen = two_cameras()
    features = encode_observations(there, spec, [seen]).features
    assert isinstance(features, OrtArray) and features.device.type == "cuda"
    np.testing.assert_allclose(to_numpy(features), encode_observations(here, spec, [seen]).features, atol=2e-2)


@TORCH
def test_a_hugging_face_backbone_leaves_features_and_tokens_on_the_gpu(tmp_path: Path) -> None:
    spec = describe_model(str(save_vjepa2(tmp_path / "model")), tmp_path)
    backbone = load_backbone(spec, tmp_path, BackboneOptions(device="cuda"))
    encoded = backbone.encode([images(1)], tokens=True)
    for values, shape in ((encoded.features, (1, HIDDEN)), (encoded.tokens, (1, 4, HIDDEN)), (encoded.mask, (1, 4))):
        assert isinstance(values, torch.Tensor) and values.device.type == "cuda" and values.shape == shape
    expected = load_backbone(spec, tmp_path, BackboneOptions(device="cpu")).encode([images(1)]).features
    np.testing.assert_allclose(to_numpy(encoded.features), expected, atol=0.1)  # bfloat16
    combined = encode_observations(backbone, replace(spec, tokens=9).looking_at(("a", "b"), "average"), [two_cameras()])
    assert all(isinstance(v, torch.Tensor) and v.device.type == "cuda" for v in (combined.features, combined.tokens, combined.mask))


def from_torch(values: np.ndarray) -> Array:
    return torch.from_numpy(values).cuda()


def from_onnx_runtime(values: np.ndarray) -> Array:
    device = OrtDevice("cuda")
    return OrtArray(onnxruntime.OrtValue.ortvalue_from_numpy(values, *device), device, values.shape)


@pytest.mark.parametrize("place", [pytest.param(from_torch, marks=TORCH), pytest.param(from_onnx_runtime, marks=ORT)])
@pytest.mark.parametrize("layer", [pytest.param("torch", marks=TORCH), pytest.param("onnx", marks=ORT), "cpu"])
def test_any_action_layer_reads_features_of_either_library_on_the_gpu(layer: str, place, folders: dict[str, Path]) -> None:
    """Also one on the CPU, which copies them."""
    rng = np.random.default_rng(0)
    values = Features(0, rng.standard_normal(2048, np.float32), rng.standard_normal(384, np.float32))
    joints = np.linspace(-0.3, 0.3, SPACE.num_joints)
    cpu = BackboneOptions(provider="cpu", device="cpu")
    expected = Policy.load(folders["onnx"], ROBOT, cpu).act(values, joints, 0)
    folder = folders["torch" if layer == "torch" else "onnx"]
    policy = Policy.load(folder, ROBOT, cpu if layer == "cpu" else BackboneOptions(provider="cuda" if layer == "onnx" else "cpu"))
    assert close(policy.act(replace(values, vision=place(values.vision)), joints, 0), expected)


@ORT
def test_at_two_rates_new_features_never_change_those_that_the_head_reads(folders: dict[str, Path]) -> None:
    policy = Policy.load(folders["onnx"], ROBOT, BackboneOptions(provider="cuda"))
    joints = np.zeros(SPACE.num_joints)
    seen = [policy.still(i, image, joints, np.zeros(32000, np.float32)) for i, image in enumerate(images(4))]
    expected = [policy.act(policy.encode(o), joints, 0) for o in seen]
    newest, done, wrong = [(0, policy.encode(seen[0]))], threading.Event(), []

    def head() -> None:
        while not done.is_set():
            index, values = newest[-1]
            wrong.extend([] if close(policy.act(values, joints, 0), expected[index]) else [index])

    thread = threading.Thread(target=head)
    thread.start()
    try:
        for i in range(200):
            newest.append((i % 4, policy.encode(seen[i % 4])))
            del newest[:-1]  # what the head lets go may be reserved again at once
    finally:
        done.set()
        thread.join()
    assert not wrong


@TORCH
def test_a_policy_is_captured_while_another_one_runs(folders: dict[str, Path]) -> None:
    """Hot swap: the old policy must not break the new one's capture, and the new one not the old one's chunks."""
    options = BackboneOptions(provider="cpu", device="cuda")
    policy = Policy.load(folders["torch"], ROBOT, options)
    joints, values = np.zeros(SPACE.num_joints), Features(0, np.ones(2048, np.float32), np.ones(384, np.float32))
    expected = policy.act(values, joints, 0)
    done, wrong = threading.Event(), []

    def run() -> None:
        while not done.is_set():
            busy = torch.ones(256, 256, device="cuda") @ torch.ones(256, 256, device="cuda")  # a backbone, which reserves memory
            wrong.extend([] if close(policy.act(values, joints, 0), expected) and busy.isfinite().all() else [1])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        others = [Policy.load(folders["torch"], ROBOT, options) for _ in range(5)]
    finally:
        done.set()
        thread.join()
    assert not wrong and all(close(other.act(values, joints, 0), expected) for other in others)
