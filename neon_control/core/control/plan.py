"""What the robot is about to do, as paths: of each chunk that is live, and of what the executor makes of all of them.

A path begins at the present instant and is told in the frame of the robot's root link as it stands now: the base drives from the origin,
and the hands move with it. Chunks are functions of time, so what lies behind the present is left out and the rest needs no correction for
latency. Joints that a chunk does not command stay where they are measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.nanoseconds import CLOCK_TOLERANCE
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.ensemble import Ensemble, EnsembleSettings
from neon_control.core.robot.kinematics import Kinematics

NO_DRIVE = np.zeros(3)  # [m/s, m/s, rad/s]
_Future = tuple[np.ndarray, np.ndarray, np.ndarray]  # instants (P,) [ns], joint positions (P, J) [rad], drives (P, 3)


@dataclass(frozen=True)
class PlannedPath:
    """One future of the robot, P instants from the present on; places in the root link's present frame."""

    seconds: np.ndarray  # (P,) [s] from now
    base: np.ndarray  # (P, 3) x, y, yaw [m, m, rad]
    places: np.ndarray  # (L, P, 3) of the links [m]
    rotations: np.ndarray  # (L, P, 3, 3)


class Plan:
    """The newest chunks of both streams.

    Args:
        kinematics: of the robot.
        links: the L links whose paths are wanted.
        joints, base: how the executor combines chunks.
        capacity: chunks held for `paths`.
    """

    def __init__(
        self, kinematics: Kinematics, links: Sequence[str], joints: EnsembleSettings, base: EnsembleSettings, capacity: int = 5
    ) -> None:
        kinematics.poses(links, {})  # refuses unknown links now
        self._kinematics, self._links, self._capacity = kinematics, tuple(links), capacity
        self._settings = {JOINTS: joints, BASE: base}
        self.clear()

    def clear(self) -> None:
        """Forget all chunks."""
        self._names: tuple[str, ...] = ()
        self._now = 0
        self._chunks: dict[str, list[ActionChunk]] = {JOINTS: [], BASE: []}  # oldest first
        self._ensembles: dict[str, Ensemble] = {}

    def add(self, stream: str, chunk: ActionChunk, now: int) -> None:
        """Take a stream's chunk that arrives at `now` [ns]; joints other than before begin a new plan.

        Raises:
            ChunkError: as `Ensemble.add`.
        """
        if stream == JOINTS and chunk.names != self._names:
            self.clear()
            self._names = chunk.names
        self._watch_clock(now)
        ensemble = self._ensembles.get(stream)
        if ensemble is None or ensemble.num_steps != chunk.num_steps:
            ensemble = self._ensembles[stream] = Ensemble(chunk.num_steps, len(chunk.names), self._settings[stream])
        ensemble.add(chunk, now)
        self._chunks[stream] = sorted([*self._chunks[stream], chunk], key=lambda c: c.stamp)[-self._capacity :]

    def age(self, now: int) -> float:
        """[s] of the newest chunk's observation; infinite without one."""
        return (now - self._chunks[JOINTS][-1].stamp) * 1e-9 if self._chunks[JOINTS] else math.inf

    @property
    def horizon(self) -> float:
        """[s] from the newest chunk's observation to its last step; 0 without one."""
        newest = self._chunks[JOINTS][-1:]
        return (newest[0].end - newest[0].stamp) * 1e-9 if newest else 0.0

    def paths(self, now: int, measured: Mapping[str, float]) -> tuple[list[PlannedPath], PlannedPath | None]:
        """The future that each live chunk alone tells, newest first, and the one that the executor makes of all of them.

        The latter is the target before the executor's ramps and limits, if no further chunk came; None without a live chunk.

        Args:
            now: [ns] the clock of the stamps.
            measured: joint -> position [rad], also of joints that are not commanded.
        """
        self._watch_clock(now)
        futures = list(self._chunk_futures(now))
        ensembled = self._ensembled_future(now)
        paths = self._paths([*futures, *([ensembled] if ensembled else [])], measured)
        return paths[: len(futures)], paths[-1] if ensembled else None

    def newest_path(self, now: int, measured: Mapping[str, float]) -> PlannedPath | None:
        """The first of the `paths` of single chunks, at a fraction of their cost."""
        self._watch_clock(now)
        paths = self._paths([*itertools.islice(self._chunk_futures(now), 1)], measured)
        return paths[0] if paths else None

    def _chunk_futures(self, now: int) -> Iterator[_Future]:
        """Newest first."""
        drives = {c.stamp: c for c in self._chunks[BASE]}  # none: a robot without a base
        for chunk in reversed(self._chunks[JOINTS]):
            instants = _ahead(chunk, now)
            if len(instants) > 1 and (not drives or chunk.stamp in drives):  # its other half may still be on the way
                drive = drives[chunk.stamp].at(instants) if drives else np.tile(NO_DRIVE, (len(instants), 1))
                yield instants, chunk.at(instants), drive

    def _ensembled_future(self, now: int) -> _Future | None:
        rows: list[tuple[int, np.ndarray, np.ndarray]] = []
        for chunk in self._chunks[JOINTS][-1:]:
            for instant in now - chunk.stamp + chunk.instants:
                targets = {stream: ensemble.evaluate(int(instant)) for stream, ensemble in self._ensembles.items()}
                target, drive = targets[JOINTS], targets.get(BASE, NO_DRIVE)
                if target is None or drive is None:
                    break  # the executor would stop here
                rows.append((instant, target, drive))
        if len(rows) < 2:
            return None
        instants, positions, drives = (np.array(column) for column in zip(*rows, strict=True))
        return instants, positions, drives

    def _paths(self, futures: list[_Future], measured: Mapping[str, float]) -> list[PlannedPath]:
        """One pass of kinematics for all futures."""
        if not futures:
            return []
        columns = np.concatenate([positions for _, positions, _ in futures]).T
        places, rotations = self._kinematics.poses(self._links, {**measured, **dict(zip(self._names, columns, strict=True))})
        paths, begin = [], 0
        for instants, _, drives in futures:
            part, begin = slice(begin, begin + len(instants)), begin + len(instants)
            seconds = (instants - instants[0]) * 1e-9
            base = integrate_base(NO_DRIVE, drives, np.append(np.diff(seconds), 0.0))
            turn = yaw_rotations(base[:, 2])  # (P, 3, 3)
            moved = np.einsum("pij,lpj->lpi", turn, places[:, part])
            moved[..., :2] += base[:, :2]
            paths.append(PlannedPath(seconds, base, moved, turn @ rotations[:, part]))
        return paths

    def _watch_clock(self, now: int) -> None:
        if now < self._now - CLOCK_TOLERANCE * 1e9:
            names = self._names
            self.clear()  # what was received belongs to another time
            self._names = names
        self._now = now


def _ahead(chunk: ActionChunk, now: int) -> np.ndarray:
    """(P,) [ns] the present, then the steps that are still to come; fewer than two when the chunk is not live."""
    steps = chunk.instants
    return np.concatenate([[now], steps[steps > now]]) if chunk.stamp <= now else np.zeros(0, dtype=np.int64)


def integrate_base(start: np.ndarray, velocities: np.ndarray, dt: float | np.ndarray) -> np.ndarray:
    """Base poses (H, 3) that begin at `start` and follow velocities (H, 3) in the base frame for `dt` [s] each, one number or (H,)."""
    steps = velocities * np.reshape(dt, (-1, 1))  # (H, 3) moved in the base's own frame
    yaw = start[2] + _sums(steps[:, 2])
    c, s = np.cos(yaw), np.sin(yaw)
    x, y = c * steps[:, 0] - s * steps[:, 1], s * steps[:, 0] + c * steps[:, 1]
    return np.stack([start[0] + _sums(x), start[1] + _sums(y), yaw], axis=1)


def _sums(values: np.ndarray) -> np.ndarray:
    """(H,) sums of all values before each."""
    return np.concatenate([[0.0], np.cumsum(values[:-1])])


def seen_from(pose: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Poses (H, 3) x, y, yaw in a frame that itself stands at `pose` (3,), all given in one world."""
    relative = poses - pose
    c, s = np.cos(pose[2]), np.sin(pose[2])
    return np.stack([c * relative[:, 0] + s * relative[:, 1], c * relative[:, 1] - s * relative[:, 0], relative[:, 2]], axis=1)


def yaw_rotations(yaw: np.ndarray) -> np.ndarray:
    """(P, 3, 3) about z by (P,) [rad]."""
    c, s, zero, one = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw), np.ones_like(yaw)
    return np.moveaxis(np.array([[c, -s, zero], [s, c, zero], [zero, zero, one]]), -1, 0)
