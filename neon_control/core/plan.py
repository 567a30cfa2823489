"""What the robot is about to do, as paths: of each chunk that is live, and of what the executor makes of all of them.

A path begins at the present instant and is told in the frame of the robot's root link as it stands now: the base drives from the origin,
and the hands move with it. Chunks are functions of time, so what lies behind the present is left out and the rest needs no correction for
latency. Joints that a chunk does not command stay where they are measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.ensemble import Ensemble, EnsembleSettings
from neon_control.core.kinematics import Kinematics

NO_DRIVE = np.zeros(3)  # [m/s, m/s, rad/s]
CLOCK_TOLERANCE = 0.05  # [s] a clock that is set back by less is still the same clock


@dataclass(frozen=True)
class PlannedPath:
    """One future of the robot, P instants from the present on; places in the root link's present frame."""

    seconds: np.ndarray  # (P,) [s] from now
    base: np.ndarray  # (P, 3) x, y, yaw [m, m, rad]
    places: np.ndarray  # (L, P, 3) of the links [m]
    rotations: np.ndarray  # (L, P, 3, 3)


@dataclass(frozen=True)
class _Chunk:
    stamp: int  # [ns]
    dt: float  # [s]
    values: np.ndarray  # (H, D)

    def instants(self, now: int) -> np.ndarray:
        """(P,) [ns] the present, then the steps that are still to come; fewer than two when the chunk is not live."""
        steps = self.stamp + np.rint(np.arange(len(self.values)) * self.dt * 1e9).astype(np.int64)
        return np.concatenate([[now], steps[steps > now]]) if self.stamp <= now else np.zeros(0, dtype=np.int64)

    def at(self, instants: np.ndarray) -> np.ndarray:
        """Values (P, D), linear between two steps."""
        steps = np.clip((instants - self.stamp) * 1e-9 / self.dt, 0.0, len(self.values) - 1)
        first = np.minimum(steps.astype(np.intp), len(self.values) - 2)
        return np.asarray(self.values[first] + (steps - first)[:, None] * (self.values[first + 1] - self.values[first]))


class Plan:
    """The newest chunks of both streams.

    Args:
        kinematics: of the robot.
        links: the L links whose paths are wanted.
        joints, base: how the executor combines chunks.
        capacity: chunks held for `chunk_paths`.
    """

    def __init__(
        self, kinematics: Kinematics, links: Sequence[str], joints: EnsembleSettings, base: EnsembleSettings, capacity: int = 5
    ) -> None:
        kinematics.poses(links, {})  # refuses unknown links now
        self._kinematics, self._links, self._capacity = kinematics, tuple(links), capacity
        self._settings = {"joints": joints, "base": base}
        self.clear()

    def clear(self) -> None:
        """Forget all chunks."""
        self._names: tuple[str, ...] = ()
        self._now = 0
        self._chunks: dict[str, list[_Chunk]] = {"joints": [], "base": []}  # oldest first
        self._ensembles: dict[str, Ensemble] = {}

    def add_joints(self, stamp: int, dt: float, names: Sequence[str], positions: np.ndarray, now: int) -> None:
        """Take positions (H, J) [rad] of the named joints that arrive at `now` [ns]; other names than before begin a new plan.

        Raises:
            ChunkError: as `Ensemble.add`.
        """
        if tuple(names) != self._names:
            self.clear()
            self._names = tuple(names)
        self._add("joints", _Chunk(stamp, dt, positions), now)

    def add_base(self, stamp: int, dt: float, velocities: np.ndarray, now: int) -> None:
        """Take velocities (H, 3) [m/s, m/s, rad/s] in the base's frame; as `add_joints`."""
        self._add("base", _Chunk(stamp, dt, velocities), now)

    def _add(self, stream: str, chunk: _Chunk, now: int) -> None:
        self._watch_clock(now)
        ensemble = self._ensembles.get(stream)
        if ensemble is None or ensemble.num_steps != len(chunk.values):
            ensemble = self._ensembles[stream] = Ensemble(len(chunk.values), chunk.values.shape[1], self._settings[stream])
        ensemble.add(chunk.stamp, chunk.dt, chunk.values, now)
        self._chunks[stream] = sorted([*self._chunks[stream], chunk], key=lambda c: c.stamp)[-self._capacity :]

    def chunk_paths(self, now: int, measured: Mapping[str, float]) -> list[PlannedPath]:
        """The future of each live chunk alone, newest first.

        Args:
            now: [ns] the clock of the stamps.
            measured: joint -> position [rad], also of joints that are not commanded.
        """
        self._watch_clock(now)
        drives = {c.stamp: c for c in self._chunks["base"]}
        futures = []
        for chunk in reversed(self._chunks["joints"]):
            instants = chunk.instants(now)
            if len(instants) > 1:
                drive = drives[chunk.stamp].at(instants) if chunk.stamp in drives else np.tile(NO_DRIVE, (len(instants), 1))
                futures.append((instants, chunk.at(instants), drive))
        return self._paths(futures, measured)

    def ensembled_path(self, now: int, measured: Mapping[str, float]) -> PlannedPath | None:
        """The future if no further chunk came: what the executor aims for, before its limits; None without a live chunk."""
        self._watch_clock(now)
        if not self._chunks["joints"]:
            return None
        newest, rows = self._chunks["joints"][-1], []
        for instant in now + np.rint(np.arange(len(newest.values)) * newest.dt * 1e9).astype(np.int64):
            targets = {name: ensemble.evaluate(int(instant)) for name, ensemble in self._ensembles.items()}
            joints, drive = targets["joints"], targets.get("base")
            if joints is None:
                break
            rows.append((instant, joints, NO_DRIVE if drive is None else drive))
        if len(rows) < 2:
            return None
        instants, positions, drives = (np.array(column) for column in zip(*rows, strict=True))
        return self._paths([(instants, positions, drives)], measured)[0]

    def _paths(self, futures: list[tuple[np.ndarray, np.ndarray, np.ndarray]], measured: Mapping[str, float]) -> list[PlannedPath]:
        """Instants (P,), joint positions (P, J) and drives (P, 3) as paths; one pass of kinematics for all of them."""
        if not futures:
            return []
        columns = np.concatenate([positions for _, positions, _ in futures]).T
        places, rotations = self._kinematics.poses(self._links, {**measured, **dict(zip(self._names, columns, strict=True))})
        paths, begin = [], 0
        for instants, _, drives in futures:
            part, begin = slice(begin, begin + len(instants)), begin + len(instants)
            seconds = (instants - instants[0]) * 1e-9
            base = integrate_base(NO_DRIVE, drives, np.diff(seconds, append=seconds[-1]))
            turn = _yaw_rotations(base[:, 2])  # (P, 3, 3)
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


def integrate_base(start: np.ndarray, velocities: np.ndarray, dt: float | np.ndarray) -> np.ndarray:
    """Base poses (H, 3) that begin at `start` and follow velocities (H, 3) in the base frame for `dt` [s] each, one number or (H,)."""
    poses = np.zeros((len(velocities), 3))
    pose = np.array(start, dtype=np.float64)
    for row, ((vx, vy, rate), step) in enumerate(zip(velocities, np.broadcast_to(dt, len(velocities)), strict=True)):
        poses[row] = pose
        c, s = np.cos(pose[2]), np.sin(pose[2])
        pose += step * np.array([c * vx - s * vy, s * vx + c * vy, rate])
    return poses


def seen_from(pose: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Poses (H, 3) x, y, yaw in a frame that itself stands at `pose` (3,), all given in one world."""
    relative = poses - pose
    c, s = np.cos(pose[2]), np.sin(pose[2])
    return np.stack([c * relative[:, 0] + s * relative[:, 1], c * relative[:, 1] - s * relative[:, 0], relative[:, 2]], axis=1)


def _yaw_rotations(yaw: np.ndarray) -> np.ndarray:
    """(P, 3, 3) about z by (P,) [rad]."""
    c, s, zero, one = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw), np.ones_like(yaw)
    return np.moveaxis(np.array([[c, -s, zero], [s, c, zero], [zero, zero, one]]), -1, 0)
