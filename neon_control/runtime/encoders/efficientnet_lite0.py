"""The backbone that installs everywhere: EfficientNet-Lite0 on ONNX Runtime, one image, no text. See `runtime/encoders/vision.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.runtime.encoders.backbone import Backbone, Encoded
from neon_control.runtime.encoders.vision import VISION_FEATURES, VisionEncoder, vision_revision


class EfficientNetLite0(Backbone):
    """The vision encoder as a backbone.

    Args:
        threads: threads of one inference.
        fit: how an image gets the encoder's aspect ratio, one of `preprocessing.FITS`.
        provider: see `open_session`.

    Raises:
        PolicyError: see `VisionEncoder`.
    """

    name = "efficientnet_lite0"
    hidden_size = VISION_FEATURES

    def __init__(self, threads: int = 1, fit: str = "stretch", provider: str = "auto") -> None:
        self.revision = vision_revision()
        self._encoder = VisionEncoder(threads, fit, provider)

    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        """See the base class; there are no tokens."""
        if any(len(clip) != 1 for clip in clips):
            raise ObservationError(f"{self.name} looks at 1 image, but the clips have {[len(clip) for clip in clips]}", ("camera",))
        return Encoded(self._encoder.encode([clip[0] for clip in clips]))
