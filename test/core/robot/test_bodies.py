"""Bars and boxes contain the shapes that they are fitted to, and stick out by little."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.robot.bodies import THICK, fit_bodies
from neon_control.core.robot.shapes import Shape

POSE = np.eye(4)
POSE[:3, :3] = [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]
POSE[:3, 3] = [0.1, 0.2, 0.3]
SHAPES = {
    "sphere": ("sphere", [0.1, 0.0, 0.0]),
    "rod": ("cylinder", [0.03, 0.2, 0.0]),
    "disc": ("cylinder", [0.2, 0.01, 0.0]),
    "plate": ("box", [0.06, 0.022, 0.055]),
    "torso": ("box", [0.15, 0.17, 0.29]),
    "beam": ("box", [0.02, 0.02, 0.5]),
}


def surface(kind: str, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) points within a shape, half of them on its rim."""
    points = rng.uniform(-1.0, 1.0, (2000, 3))
    points[1000:] = np.sign(points[1000:])
    if kind == "box":
        return 0.5 * points * size
    if kind == "sphere":
        return size[0] * points / np.linalg.norm(points, axis=1, keepdims=True)
    around = points[:, :2] / np.linalg.norm(points[:, :2], axis=1, keepdims=True)
    return np.column_stack([size[0] * around, 0.5 * size[1] * points[:, 2]])


@pytest.mark.parametrize("name", SHAPES)
def test_every_point_of_a_shape_lies_in_one_of_its_bars(name: str) -> None:
    kind, size = SHAPES[name][0], np.array(SHAPES[name][1])
    points = surface(kind, size, np.random.default_rng(0)) @ POSE[:3, :3].T + POSE[:3, 3]
    bars = [b for b in fit_bodies([Shape("link", kind, POSE, size)]) if b.half is None]
    out = np.full(len(points), np.inf)
    for bar in bars:
        along = bar.end - bar.start
        t = np.clip((points - bar.start) @ along / max(along @ along, 1e-12), 0.0, 1.0)
        out = np.minimum(out, np.linalg.norm(points - bar.start - t[:, None] * along, axis=1) - bar.radius)

    assert out.max() <= 1e-9


def test_only_a_thick_box_is_kept_as_one() -> None:
    kept = {name: [b.half for b in fit_bodies([Shape("l", k, POSE, np.array(s))]) if b.half is not None] for name, (k, s) in SHAPES.items()}

    assert [name for name, halves in kept.items() if halves] == ["torso"]
    assert min(SHAPES["torso"][1]) >= THICK
    assert kept["torso"][0] == pytest.approx([0.075, 0.085, 0.145])
