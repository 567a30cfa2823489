"""A robot's links as bodies that are quick to measure between: round bars (capsules, a sphere is one without length), and thick boxes.

A bar contains its shape, so that a measured distance is never longer than the true one; where a shape has corners it sticks out. That is
little for what is thin: a plate is several bars side by side. Of a torso it would be centimetres, so a box that is thick in every
direction is kept as a box beside its bars, and other bodies' bars are measured against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.shapes import Shape

WIDER = 1.05  # of a bar's radius over the smallest that holds its shape: its round ends then stick out a quarter less
THICK = 0.08  # [m] smallest edge of a box that stays one


@dataclass(frozen=True)
class Body:
    """A round bar, or a box, that is fixed in a link."""

    link: str
    start: np.ndarray  # (3,) [m] in the link; of a box: its centre
    end: np.ndarray  # (3,) [m]
    radius: float  # [m] of a bar; of a box: from its centre to a corner
    shape: int  # which of the shapes it is fitted to
    frame: np.ndarray | None = None  # (4, 4) of a box, its centre in the link
    half: np.ndarray | None = None  # (3,) [m] of a box, half its edges


def fit_bodies(shapes: Sequence[Shape]) -> list[Body]:
    """The bodies of all shapes; a thick box has both kinds."""
    bodies: list[Body] = []
    for number, shape in enumerate(shapes):
        if shape.kind == "sphere":
            bodies.append(Body(shape.link, shape.pose[:3, 3], shape.pose[:3, 3], float(shape.size[0]), number))
        elif shape.kind == "cylinder":
            bodies.append(_bar(shape, number, 2, np.zeros(3), shape.size[0], shape.size[1]))
        else:
            bodies.extend(_bars(shape, number))
            if shape.size.min() >= THICK:
                bodies.append(box_body(shape.link, number, shape.pose, 0.5 * shape.size))
    return bodies


def box_body(link: str, shape: int, pose: np.ndarray, half: np.ndarray) -> Body:
    """A box that stays one."""
    return Body(link, pose[:3, 3], pose[:3, 3], float(np.linalg.norm(half)), shape, pose, half)


def _bars(shape: Shape, number: int) -> list[Body]:
    """Bars along the longest edge, as many side by side as the next one is wider than the shortest, but no more than four."""
    thin, wide, along = np.argsort(shape.size, kind="stable")
    count = int(np.clip(round(shape.size[wide] / shape.size[thin]), 1, 4))
    cell = shape.size[wide] / count
    bars = []
    for k in range(count):
        centre = np.zeros(3)
        centre[wide] = (k + 0.5) * cell - 0.5 * shape.size[wide]
        bars.append(_bar(shape, number, int(along), centre, 0.5 * math.hypot(cell, shape.size[thin]), shape.size[along]))
    return bars


def _bar(shape: Shape, number: int, axis: int, centre: np.ndarray, around: float, length: float) -> Body:
    """The bar along `axis` that holds what lies within `around` [m] of its axis over `length` [m]."""
    radius = WIDER * around
    half = np.zeros(3)
    half[axis] = max(0.0, 0.5 * length - math.sqrt(radius**2 - around**2))
    ends = np.array([centre - half, centre + half]) @ shape.pose[:3, :3].T + shape.pose[:3, 3]
    return Body(shape.link, ends[0], ends[1], float(radius), number)
