"""Which pairs of bodies are worth measuring: neither those that always touch, nor those that never come near.

Found once by sampling poses between the joints' limits, half of them at the limits themselves, where arms reach farthest; the answer is
kept in the user's cache folder, under a hash of everything that decides it. Left out are pairs

- of one link, and of links joined by one joint, whose shapes overlap around it;
- nearer than `stop_distance` with all joints at zero, or in nearly every pose: the guard could only ever stand in the way;
- that stayed farther than `slow_distance` and a reserve in all poses: a pair that sampling missed by less is still kept.

What is kept out or lies on the floor is not asked whether it always touches: a robot that starts inside a box has to be told so.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neon_control.core.common.paths import cache_directory
from neon_control.core.robot.bodies import Body
from neon_control.core.robot.distances import Distances
from neon_control.core.robot.placing import Placing

VERSION = 1  # raise when the answer for the same bodies changes
SAMPLES, BATCH = 6000, 200
ALWAYS = 0.95  # share of the poses
RESERVE = 0.10  # [m]


def worth_measuring(
    placing: Placing, bodies: Sequence[Body], candidates: np.ndarray, fixed: Sequence[bool], ranges: np.ndarray, slow: float, stop: float
) -> np.ndarray:
    """The pairs (K, 2) among `candidates` (C, 2).

    Args:
        fixed: whether a body is no part of the robot.
        ranges: (2, J) lower and upper limits of the joints.
        slow, stop: [m] the distances of the guard.
    """
    told = [[b.link, b.start.tolist(), b.end.tolist(), b.radius, b.half is not None] for b in bodies]
    tree = [placing.above.tolist(), placing.columns.tolist(), placing.digest]
    key = json.dumps([VERSION, SAMPLES, ALWAYS, RESERVE, told, tree, candidates.tolist(), ranges.tolist(), slow, stop])
    file = cache_directory() / "clearance" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    kept = _read(file, len(candidates))
    if kept is None:
        kept = _sample(placing, bodies, candidates, np.array(fixed), ranges, slow, stop)
        _write(file, kept)
    return np.asarray(candidates[kept])


def _sample(
    placing: Placing, bodies: Sequence[Body], candidates: np.ndarray, fixed: np.ndarray, ranges: np.ndarray, slow: float, stop: float
) -> np.ndarray:
    distances = Distances(placing, bodies, candidates, ranges.shape[1])
    rng = np.random.default_rng(0)
    lower, upper = ranges
    nearest, touching = np.full(len(candidates), np.inf), np.zeros(len(candidates))
    for number in range(SAMPLES // BATCH):
        share = rng.uniform(size=(BATCH, len(lower)))
        poses = lower + (np.rint(share) if number % 2 else share) * (upper - lower)
        found = distances.measure(poses, slow + RESERVE)
        nearest = np.minimum(nearest, found.min(axis=0))
        touching += (found < stop).sum(axis=0)
    at_zero = distances.measure(np.clip(np.zeros((1, len(lower))), lower, upper), slow)[0]
    always = (touching > ALWAYS * SAMPLES) | (at_zero < stop)
    return np.flatnonzero((nearest < slow + RESERVE) & ~(always & ~fixed[candidates].any(axis=1)))


def _read(file: Path, count: int) -> np.ndarray | None:
    """The numbers of the kept candidates; None where there is no such file, or it is not ours."""
    try:
        kept = np.array(json.loads(file.read_text()), dtype=np.int64)
    except (OSError, ValueError, TypeError):
        return None
    return kept if kept.ndim == 1 and ((kept >= 0) & (kept < count)).all() else None


def _write(file: Path, kept: np.ndarray) -> None:
    """Whole or not at all; a folder that cannot be written only costs the time of the next start."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as stream:
            json.dump(kept.tolist(), stream)
        os.replace(stream.name, file)
    except OSError:
        pass
