"""The vision encoder: parity with torch, and its verified cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from neon_control.core.common.errors import PolicyError
from neon_control.runtime.encoders import vision
from neon_control.runtime.encoders.vision import HASH_FILE, MODEL_FILE, SOFT_ARGMAX_BETA, VISION_FEATURES, EfficientNetLite0, cache_folder


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite0:
    return EfficientNetLite0()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 240, 320, 3), dtype=np.uint8)


def test_onnx_runtime_and_torch_agree(encoder: EfficientNetLite0, images: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    from neon_control.runtime.export.vision_export import VisionFeatures

    torch.set_num_threads(1)
    with torch.no_grad():
        expected = VisionFeatures()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(encoder.encode([[image] for image in images]).features, expected, atol=1e-4)


def test_a_batch_gives_what_single_images_give(encoder: EfficientNetLite0, images: np.ndarray) -> None:
    single = np.concatenate([encoder.encode([[image]]).features for image in images])
    assert single.shape == (3, VISION_FEATURES) and single.dtype == np.float32
    np.testing.assert_array_equal(encoder.encode([[image] for image in images]).features, single)


def test_points_lie_in_the_unit_square_and_pooled_features_in_relu6s_range(encoder: EfficientNetLite0, images: np.ndarray) -> None:
    features = encoder.encode([[image] for image in images]).features
    assert np.abs(features[:, 1280:]).max() <= 1.0 + 1e-5
    assert features[:, :1280].min() >= 0.0 and features[:, :1280].max() <= 6.0


def test_points_follow_an_object_across_the_image(encoder: EfficientNetLite0) -> None:
    """The wound: a soft-argmax without standardised maps was so flat that its points hardly moved."""

    def features_with_square_at(x: int, y: int) -> np.ndarray:
        image = np.full((240, 320, 3), 120, np.uint8)
        image[y - 16 : y + 16, x - 16 : x + 16] = (200, 30, 30)
        return encoder.encode([[image]]).features[0, 1280:].reshape(-1, 2)  # (384, 2)

    right_left = features_with_square_at(176, 112) - features_with_square_at(48, 112)
    down_up = features_with_square_at(112, 176) - features_with_square_at(112, 48)
    assert np.abs(right_left[:, 0]).max() > 0.6 and right_left[:, 0].mean() > 2.0 * abs(right_left[:, 1].mean())
    assert np.abs(down_up[:, 1]).max() > 0.6 and down_up[:, 1].mean() > 2.0 * abs(down_up[:, 0].mean())


def test_a_single_peak_is_found_where_it_is() -> None:
    torch = pytest.importorskip("torch")
    from neon_control.runtime.export.vision_export import SpatialPoints

    maps = torch.zeros(1, 2, 7, 7)
    maps[0, 0, 0, 6] = 1.0  # top right
    maps[0, 1, 3, 0] = 50.0  # left, and another gain
    points = SpatialPoints(7, 7, beta=4.0)(maps)[0]
    assert points.tolist() == pytest.approx([1.0, -1.0, -1.0, 0.0], abs=1e-3)
    assert SpatialPoints(7, 7, beta=4.0)(torch.ones(1, 1, 7, 7))[0].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_file_tells_what_it_is(encoder: EfficientNetLite0) -> None:
    metadata = onnxruntime.InferenceSession(str(cache_folder() / MODEL_FILE)).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["soft_argmax_beta"]) == SOFT_ARGMAX_BETA
    assert json.loads(metadata["revision"]) == encoder.revision == vision.vision_revision()
    assert vision.vision_revision() in cache_folder().name


def test_a_corrupt_cache_is_refused(encoder: EfficientNetLite0, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(good, cache_folder())
    EfficientNetLite0()
    data = bytearray((good / MODEL_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (cache_folder() / MODEL_FILE).write_bytes(data)
    with pytest.raises(PolicyError, match=r"SHA-256.*neon_control encoders --force"):
        EfficientNetLite0()
    (cache_folder() / HASH_FILE).unlink()
    with pytest.raises(PolicyError, match=HASH_FILE):
        EfficientNetLite0()


def test_without_cache_and_torch_the_error_names_the_command(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name == 'torch' else find(name);"
        "from neon_control.runtime.encoders.vision import EfficientNetLite0; EfficientNetLite0()"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "PolicyError" in result.stderr and "'torch'" in result.stderr and "neon_control encoders" in result.stderr


def test_encoding_never_imports_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from neon_control.runtime.encoders.vision import EfficientNetLite0\n"
        "from neon_control.runtime.encoders.hearing import AudioEncoder\n"
        "EfficientNetLite0().encode([[np.zeros((48, 64, 3), np.uint8)]]); AudioEncoder().encode(np.zeros(32000, np.float32))\n"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.stdout.strip() == "[]", result.stderr
