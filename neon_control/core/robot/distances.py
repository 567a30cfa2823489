"""Distances between round bars and boxes, many at once, and between the bodies of a robot for many poses.

Bars a, b: the nearest points of two segments (Ericson, Real-Time Collision Detection, 5.1.9), less both radii.
Bar and box: along the segment x(t) = p + t d the squared distance to the box is convex, and its slope g(t) = d . e(t), where e is what of
x sticks out of the box, is piecewise linear with its bends where the segment crosses the six planes: the smallest distance lies where g
passes zero, between the last bend with g <= 0 and the first with g >= 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.robot.bodies import Body
from neon_control.core.robot.placing import Placing

TINY = 1e-12


class Distances:
    """Of K pairs of bodies, for positions of the J joints that `placing` knows.

    Attributes:
        pairs: (K, 2) numbers of bodies; of two boxes none.
        levers: (K, J) [m/rad] or [m/m]: moving a joint by one brings the pair nearer by so much at the most, in whatever pose.
    """

    def __init__(self, placing: Placing, bodies: Sequence[Body], pairs: np.ndarray, joints: int) -> None:
        self._placing = placing
        self.pairs = pairs
        anchors = np.array([placing.anchors[b.link] for b in bodies], dtype=np.int64)
        offsets = np.stack([placing.offsets[b.link] for b in bodies])
        points = np.array([[[*b.start, 1.0], [*b.end, 1.0]] for b in bodies])  # (E, 2, 4) in the links
        points = np.einsum("eij,epj->epi", offsets, points)  # in the frames
        self._anchors = anchors
        self._fixed = points[..., :3].reshape(-1, 3).copy()  # (2 E, 3) right for what the root link carries
        # Points of one frame side by side, (A, 4, n), are placed by one product; a frame with fewer than n repeats a point at its origin.
        self._moving = np.unique(anchors[anchors > 0])
        rows = [np.flatnonzero(np.repeat(anchors, 2) == anchor) for anchor in self._moving]
        most = max(map(len, rows), default=0)
        self._points = np.zeros((len(rows), 4, most))
        for block, row in zip(self._points, rows, strict=True):
            block[:, : len(row)] = points.reshape(-1, 4)[row].T
        self._rows = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        self._places = np.concatenate([n * most + np.arange(len(row)) for n, row in enumerate(rows)]) if rows else self._rows
        self._radii = np.array([b.radius for b in bodies])
        length = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
        self._squared = np.maximum(length**2, TINY)
        around = 0.5 * length + self._radii  # (E,) from a body's middle to its farthest point
        self._a, self._b = pairs.T
        self._all = np.arange(len(pairs))
        self._around = around[self._a] + around[self._b]  # (K,)
        boxes = [b.half is not None for b in bodies]
        self._is_boxed = np.array(boxes)[pairs].any(axis=1)
        self._box = np.where(np.array(boxes)[self._a], self._a, self._b)  # of a pair with a box
        self._bar = np.where(np.array(boxes)[self._a], self._b, self._a)
        self._half = np.array([np.zeros(3) if b.half is None else b.half for b in bodies])
        frames = np.stack([np.eye(4) if b.frame is None else b.frame for b in bodies])
        self._turned = (offsets @ frames)[:, :3, :3]  # (E, 3, 3) of the boxes, in their frames
        reach = np.linalg.norm(points[..., :3], axis=-1).max(axis=1) + np.where(boxes, self._radii, 0.0)
        levers = [placing.levers(int(anchor), float(r), joints) for anchor, r in zip(anchors, reach, strict=True)]
        self.levers = self._between(placing, anchors, levers)

    def _between(self, placing: Placing, anchors: np.ndarray, levers: Sequence[np.ndarray]) -> np.ndarray:
        """(K, J) of pairs: what carries both bodies does not bring them nearer."""
        found = np.zeros((len(self.pairs), levers[0].shape[1]))
        for k, (a, b) in enumerate(self.pairs):
            apart = placing.carriers(int(anchors[a])) ^ placing.carriers(int(anchors[b]))
            found[k] = (levers[a] + levers[b])[sorted(apart)].sum(axis=0)
        return found

    def measure(self, positions: np.ndarray, within: float, which: np.ndarray | None = None) -> np.ndarray:
        """(H, K) [m] in the poses (H, J), negative where two meet; of pairs that stay farther than `within`, no more than the distance.

        With `which` of the pairs, of these alone.
        """
        number = self._all if which is None else which
        poses = self._placing.poses(positions)[:, :, :3]  # (N, H, 3, 4)
        count = len(positions)
        ends = np.empty((count, *self._fixed.shape))  # (H, 2 E, 3)
        ends[:] = self._fixed
        placed = poses[self._moving] @ self._points[:, None]  # (A, H, 3, n)
        ends[:, self._rows] = placed.transpose(1, 0, 3, 2).reshape(count, -1, 3)[:, self._places]
        start, end = ends[:, ::2], ends[:, 1::2]
        middle = 0.5 * (start + end)
        a, b, is_boxed = self._a[number], self._b[number], self._is_boxed[number]
        gap = middle[:, a] - middle[:, b]
        distances = np.sqrt(np.einsum("hki,hki->hk", gap, gap)) - self._around[number]
        near = (distances < within).any(axis=0)
        bars = np.flatnonzero(near & ~is_boxed)
        if len(bars):
            distances[:, bars] = self._between_bars(start, end, a[bars], b[bars])
        boxed = np.flatnonzero(near & is_boxed)
        if len(boxed):
            box, bar = self._box[number[boxed]], self._bar[number[boxed]]
            turned = (poses[self._anchors[box], :, :, :3] @ self._turned[box, None]).swapaxes(0, 1)  # (H, K, 3, 3)
            centre = start[:, box]
            local = np.stack([start[:, bar] - centre, end[:, bar] - centre], axis=2) @ turned  # (H, K, 2, 3)
            distances[:, boxed] = to_box(local[:, :, 0], local[:, :, 1], self._half[box]) - self._radii[bar]
        return np.asarray(distances)

    def _between_bars(self, start: np.ndarray, end: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(H, K) of bars a, b (K,)."""
        p, q = start[:, a], start[:, b]  # (H, K, 3)
        along_a, along_b, between = end[:, a] - p, end[:, b] - q, p - q
        aa, bb = self._squared[a], self._squared[b]  # (K,)
        ab = np.einsum("hki,hki->hk", along_a, along_b)
        ar = np.einsum("hki,hki->hk", along_a, between)
        br = np.einsum("hki,hki->hk", along_b, between)
        s = _unit((ab * br - ar * bb) / np.maximum(aa * bb - ab * ab, TINY * aa * bb))
        t = _unit((ab * s + br) / bb)
        s = _unit((ab * t - ar) / aa)
        gap = between + s[..., None] * along_a - t[..., None] * along_b
        return np.asarray(np.sqrt(np.einsum("hki,hki->hk", gap, gap)) - (self._radii[a] + self._radii[b]))


def to_box(start: np.ndarray, end: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(...) [m] from segments, start and end (..., 3) in the box's frame, to the box of half edges (..., 3); inside, how deep, negative."""
    along = end - start
    slopes = np.where(np.abs(along) < TINY, TINY, along)  # parallel to a plane: it bends nowhere
    t = np.zeros((*start.shape[:-1], 8))
    t[..., :3], t[..., 3:6], t[..., 7] = (half - start) / slopes, (-half - start) / slopes, 1.0
    t = _unit(t)
    x = start[..., None, :] + t[..., None] * along[..., None, :]  # (..., 8, 3)
    half_row = half[..., None, :]
    slope = np.einsum("...bi,...i->...b", x - np.minimum(np.maximum(x, -half_row), half_row), along)
    slope[..., 6] = np.minimum(slope[..., 6], 0.0)
    slope[..., 7] = np.maximum(slope[..., 7], 0.0)
    falls, rises = slope <= 0.0, slope >= 0.0
    t_low, t_high = np.where(falls, t, 0.0).max(axis=-1), np.where(rises, t, 1.0).min(axis=-1)
    low, high = np.where(falls, slope, -np.inf).max(axis=-1), np.where(rises, slope, np.inf).min(axis=-1)
    share = np.where(high > low, -low / np.maximum(high - low, 1e-300), 0.5)  # flat: it passes through, and the middle is deepest
    nearest = start + (t_low + (t_high - t_low) * share)[..., None] * along
    beyond = np.abs(nearest) - half
    outside = np.maximum(beyond, 0.0)
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", outside, outside)) + np.minimum(beyond.max(axis=-1), 0.0))


def _unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(np.maximum(x, 0.0), 1.0))
