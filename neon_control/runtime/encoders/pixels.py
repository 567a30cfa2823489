"""From camera frames to the numbers that a Hugging Face vision model takes, by the rules in the model's own preprocessing file.

`transformers` brings classes for this, but those for video need torchvision, which has no build beside a CPU torch. The rules are few:
resize with antialiasing, perhaps crop, scale and standardise, and for the Qwen family cut into patches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neon_control.core.common.errors import ObservationError, PolicyError

RESAMPLING = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers, which the files use
VJEPA_MARGIN = 256 / 224  # a V-JEPA 2 image is resized to this much more than what is cropped out of it


@dataclass(frozen=True)
class Normalisation:
    """uint8 pixels to (x scale - mean) / std, channel by channel, after a resize with `resample`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float
    resample: str

    @classmethod
    def read(cls, path: Path, settings: Mapping[str, Any]) -> Normalisation:
        """From a preprocessing file's content.

        Raises:
            PolicyError: a field is missing or has no meaning here; the message names the file.
        """
        try:
            mean, std = tuple(map(float, settings["image_mean"])), tuple(map(float, settings["image_std"]))
            resample = RESAMPLING[settings["resample"]]
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{path}: needs image_mean, image_std and resample (one of {RESAMPLING}): {error!r}") from error
        return cls(mean, std, float(settings.get("rescale_factor", 1 / 255)), resample)

    def resize(self, frames: Tensor, height: int, width: int) -> Tensor:
        """(T, 3, H, W) uint8 to (T, 3, height, width) uint8, antialiased."""
        if tuple(frames.shape[-2:]) == (height, width):
            return frames
        return functional.interpolate(frames, (height, width), mode=self.resample, antialias=True)

    def standardise(self, frames: Tensor) -> Tensor:
        """(..., 3, H, W) uint8 to float32 of the same shape."""
        mean, std = (torch.tensor(v, device=frames.device).view(3, 1, 1) for v in (self.mean, self.std))
        return (frames.float() - mean / self.scale) / (std / self.scale)


def stack_frames(frames: Sequence[np.ndarray], multiple: int) -> Tensor:
    """T images (H, W, 3) uint8 to (T', 3, H, W), the last one repeated until T' is a multiple of `multiple`.

    Raises:
        ObservationError: an image has another shape or type than (H, W, 3) uint8, or than the others.
    """
    shapes = {(f.shape, str(f.dtype)) for f in frames}
    shape, kind = next(iter(shapes)) if len(shapes) == 1 else ((), "")
    if len(shape) != 3 or shape[2] != 3 or kind != "uint8" or 0 in shape:
        raise ObservationError(f"a clip's images have shapes and types {sorted(shapes)}, need one (H, W, 3) uint8", ("camera",))
    padded = [*frames, *[frames[-1]] * (-len(frames) % multiple)]
    return torch.from_numpy(np.stack(padded)).permute(0, 3, 1, 2)


def cropped_clip(frames: Tensor, rules: Normalisation, crop: tuple[int, int]) -> Tensor:
    """V-JEPA 2: the shorter edge to a little more than the crop, then the middle: (T, 3, H, W) uint8 to (T, 3, *crop) float32."""
    height, width = frames.shape[-2:]
    short = int(crop[0] * VJEPA_MARGIN)
    size = (short, int(short * width / height)) if height <= width else (int(short * height / width), short)
    resized = rules.resize(frames, *size)
    top, left = ((have - want) // 2 for have, want in zip(size, crop, strict=True))
    return rules.standardise(resized[..., top : top + crop[0], left : left + crop[1]])


def area_limits(path: Path, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Smallest and largest area [px] that an image is resized to.

    Raises:
        PolicyError: the file does not say.
    """
    size = settings.get("size") or {}
    low, high = settings.get("min_pixels") or size.get("shortest_edge"), settings.get("max_pixels") or size.get("longest_edge")
    if not low or not high:
        raise PolicyError(f"{path}: needs min_pixels and max_pixels, or a size with shortest_edge and longest_edge")
    return int(low), int(high)


def fit_area(height: int, width: int, factor: int, limits: tuple[int, int], frames: int = 1) -> tuple[int, int]:
    """Height and width as multiples of `factor`, the aspect ratio nearly kept, with frames * height * width within `limits`."""
    if frames > 1 and min(height, width) < factor:
        grow = max(factor / height, factor / width)
        height, width = int(height * grow), int(width * grow)
    rounded = tuple(round(edge / factor) * factor for edge in (height, width))
    area = frames * rounded[0] * rounded[1]
    low, high = limits
    if low <= area <= high:
        return rounded[0], rounded[1]
    limit, snap = (high, math.floor) if area > high else (low, math.ceil)
    change = math.sqrt(limit / (frames * height * width))
    fitted = [max(factor, snap(edge * change / factor) * factor) for edge in (height, width)]
    return fitted[0], fitted[1]


def to_patches(frames: Tensor, depth: int, patch: int, merge: int) -> tuple[Tensor, tuple[int, int, int]]:
    """Cut a clip into patches, those that will be merged side by side.

    Args:
        frames: (T, 3, H, W), T a multiple of `depth`, H and W of `patch * merge`.
        depth: frames in a patch.
        patch: edge of a patch [px].
        merge: patches along the edge of a merged one.

    Returns:
        (patches, 3 * depth * patch * patch), and the grid (time, rows, columns) of patches.
    """
    count, channels, height, width = frames.shape
    grid = (count // depth, height // patch, width // patch)
    x = frames.reshape(grid[0], depth, channels, grid[1] // merge, merge, patch, grid[2] // merge, merge, patch)
    # time, row and column of merged patches, row and column within one, then the patch itself
    x = x.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return x.reshape(math.prod(grid), channels * depth * patch * patch), grid
