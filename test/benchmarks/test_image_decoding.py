"""What it costs to get RGB out of a camera's message, and to turn it: the median of each encoding, beside rgb8, for 720p and 1080p.

The last column is with the resize to the encoder's size, which is what the inference thread pays for each image that it looks at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pytest
from sensor_msgs.msg import Image

from neon_control.core.robot.camera import Camera
from neon_control.core.sensing.image import ENCODINGS
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.encoders.preprocessing import to_network_size

ROUNDS = 25
SIZES = ((720, 1280), (1080, 1920))
SHOWN = ("rgb8", "bgr8", "mono8", "rgb16", "yuyv", "uyvy", "nv12", "bayer_rggb8")


def p50(act: Callable[[], object]) -> float:
    """[ms] the median of some calls, after one to get warm."""
    act()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        act()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def decoded(message: Image, camera: Camera) -> np.ndarray:
    image = image_of(message, camera)
    return image() if callable(image) else image


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_decoding(benchmark, capsys, height: int, width: int) -> None:
    def measure() -> None:
        for encoding, camera in (*((e, Camera()) for e in SHOWN), ("rgb8", Camera(rotate=90)), ("rgb8", Camera(rotate=180))):
            layout = ENCODINGS[encoding]
            step, rows = width * layout.pixel, round(height * layout.rows)
            data = np.random.default_rng(0).integers(0, 256, step * rows, dtype=np.uint8).tobytes()
            message = Image(height=height, width=width, step=step, encoding=encoding, data=data)
            ways = (lambda: decoded(message, camera)), (lambda: to_network_size(decoded(message, camera)))  # noqa: B023
            benchmark.extra_info[f"{encoding} {camera.rotate or ''}".strip()] = tuple(p50(way) for way in ways)

    benchmark.pedantic(measure, rounds=1)
    with capsys.disabled():
        print(f"\n{width} x {height}      decoded   and resized [ms, p50 of {ROUNDS}]")
        print("\n".join(f"{name:<12} {alone:8.2f} {resized:8.2f}" for name, (alone, resized) in benchmark.extra_info.items()))
