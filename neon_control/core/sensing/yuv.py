"""Brightness and subsampled colour differences, as cameras send them, to RGB.

Y'CbCr of BT.601 in the limited range (Y 16..235, Cb and Cr 16..240), which is what ROS takes these encodings for: cv_bridge and image_proc
call OpenCV's `cvtColor`, and the result here is the same to the last bit. A pair (4:2:2) or a square (4:2:0) of pixels shares its colour
difference; nothing is interpolated. A camera that sends the full range looks a little too rich in contrast, as in all tools of ROS.
"""

from __future__ import annotations

import numpy as np

BITS = 20  # of the fixed point in which OpenCV calculates, and its coefficients
Y_SCALE, CR_RED, CR_GREEN, CB_GREEN, CB_BLUE = 1220542, 1673527, -852492, -409993, 2116026  # 1.164, 1.596, -0.813, -0.391, 2.018
BLOCK = 2**15  # [pixels] converted at a time: what is between stays in the processor's cache, which makes it twice as fast


def yuv_to_rgb(y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB of y (H, W) and cb, cr (H or H / 2, W / 2), all uint8."""
    height, width = y.shape
    lines = height // len(cb)  # of the image for one of colour: 1 or 2
    rgb = np.empty((height, width, 3), np.uint8)
    step = max(1, BLOCK // (width * lines))
    for top in range(0, len(cb), step):
        rows = slice(top, top + step)
        blue, red = (plane[rows].astype(np.int32) - 128 for plane in (cb, cr))
        shifts = (red * CR_RED, blue * CB_GREEN + red * CR_GREEN, blue * CB_BLUE)
        part = slice(top * lines, (top + step) * lines)
        for line in range(lines):
            for column in (0, 1):  # pixels that share a colour difference, one after the other: no copies of it
                light = y[part][line::lines, column::2].astype(np.int32) - 16
                light = np.maximum(light, 0, out=light) * Y_SCALE + (1 << (BITS - 1))
                pixels = rgb[part][line::lines, column::2]
                for channel, shift in enumerate(shifts):
                    pixels[..., channel] = np.clip((light + shift) >> BITS, 0, 255)
    return rgb
