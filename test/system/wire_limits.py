"""The recorder's own reading of the limits, and its judgement of what was on the wire. Shares no code with the executor."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

RELATIVE = 1e-6
AXES = ("vx", "vy", "yaw_rate")


@dataclass
class WireLimits:
    """Limits of the joints of one controller and of the base, straight from the YAML and URDF files."""

    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    base_velocity: np.ndarray
    base_acceleration: np.ndarray

    @classmethod
    def read(cls, robot_file: Path, joints: list[str]) -> WireLimits:
        data = yaml.safe_load(robot_file.read_text())
        urdf = {j.get("name"): j.find("limit") for j in ElementTree.parse(robot_file.parent / data["urdf"]).getroot().findall("joint")}
        group_of = {j: g for g, names in data["groups"].items() for j in names}
        groups, margin = data["limits"]["groups"], data["limits"]["position_margin"]

        def column(read) -> np.ndarray:
            return np.array([read(j, urdf[j], groups[group_of[j]]) for j in joints])

        return cls(
            column(lambda j, u, g: float(u.get("lower")) + margin),
            column(lambda j, u, g: float(u.get("upper")) - margin),
            column(lambda j, u, g: float(u.get("velocity")) * g["velocity_scale"]),
            column(lambda j, u, g: g["max_acceleration"]),
            np.array([data["base"]["max_velocity"][a] for a in AXES]),
            np.array([data["base"]["max_acceleration"][a] for a in AXES]),
        )


CLOCK_SET = 0.1  # [s] in which a simulation's clock is set, and commands come again
Way = tuple[np.ndarray, np.ndarray, np.ndarray]  # times (K,) [ns], positions (K, D), velocities (K, D)


@dataclass
class Recording:
    """Commands as they arrived: arrival [s], when they were sent [ns], publisher's sequence number, values (D,)."""

    times: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)  # on the publisher's clock
    numbers: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)  # joint trajectories only, empty otherwise: their points, and when they are due

    def since(self, time: float) -> Recording:
        """What arrived at or after `time`."""
        first = next((i for i, t in enumerate(self.times) if t >= time), len(self.times))
        parts = (self.times, self.sent, self.numbers, self.values, self.ways)
        return Recording(*(part[first:] for part in parts))  # type: ignore[arg-type]

    @property
    def velocities(self) -> list[np.ndarray]:
        """(D,) [rad/s] of a controller that has just taken up each of the trajectories."""
        return [at(way, sent)[1] for way, sent in zip(self.ways, self.sent, strict=True)]

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Differences of consecutive values (n - 1, D), and how many messages each spans (n - 1, 1); one unless some were lost."""
        return np.diff(np.array(self.values), axis=0), np.diff(np.array(self.numbers))[:, None]


def joint_violations(recording: Recording, limits: WireLimits, dt: float, stalls: bool = True) -> list[str]:
    """Everything that a joint command stream does against its limits, in words; empty is good.

    Args:
        stalls: whether the publisher accounts for periods that it slept through, which it does in real time.
    """
    found: list[str] = []
    values = np.array(recording.values)
    if not np.isfinite(values).all():
        found.append("position not finite")
    outside = np.maximum(limits.lower - values, values - limits.upper).max()
    if outside > RELATIVE:
        found.append(f"position {outside:.6f} rad outside")
    if recording.ways:
        return found + way_violations(recording, limits)
    steps, spans = recording.steps()
    gaps = np.diff(np.array(recording.sent)) * 1e-9 / dt  # [periods] from one message to the next
    most = np.ceil(gaps) if stalls else 0 * gaps  # of them may have been slept through
    worst = (np.abs(steps) / (np.maximum(spans, most[:, None]) * limits.velocity * dt)).max()
    if worst > 1.0 + RELATIVE:
        found.append(f"joint step of {worst:.4f} times velocity limit x dt")
    whole = (spans[1:] == 1) & (spans[:-1] == 1)
    second = np.abs(np.diff(steps, axis=0)) * whole / np.maximum(most[1:], 1)[:, None]  # joints slow down while nothing comes
    worst = (second / (limits.acceleration * dt**2)).max(initial=0.0)
    if worst > 1.0 + 1e-4:
        found.append(f"{worst:.4f} times the acceleration limit")
    return found


def way_violations(recording: Recording, limits: WireLimits, cycle: int = 1_000_000) -> list[str]:
    """What a controller makes of trajectories, which it takes up when they arrive and samples each `cycle` [ns] on the cubic."""
    found: list[str] = []
    reached: list[np.ndarray] = []
    arrivals = [*recording.sent[1:], recording.sent[-1] + 10**9]
    jumped = False
    for sent, until, way in zip(recording.sent, arrivals, recording.ways, strict=True):
        if (
            jumped and reached
        ):  # a simulation's clock was set: nobody samples until the next message, and that goes on where the last one was
            if (np.abs(at(way, sent)[0] - reached[-1]) > limits.velocity * CLOCK_SET).any():
                found.append("the clock was set, and the joints jump")
            found += _jumps(np.array(reached), limits, cycle)
            reached = []
        jumped = not 0 <= until - sent < 10**10
        until = sent + 1 if jumped else min(until, max(int(way[0][-1]), sent) + 2 * cycle)  # beyond, all rests
        if way[0][0] > sent + cycle:  # begins in the future, from wherever the joints stand
            found += _jumps(np.array(reached), limits, cycle)
            reached = []
            sent = int(way[0][0])
        reached += [at(way, instant)[0] for instant in range(-(-sent // cycle) * cycle, until, cycle)]
    return found + _jumps(np.array(reached), limits, cycle)


def _jumps(positions: np.ndarray, limits: WireLimits, cycle: int) -> list[str]:
    if len(positions) < 3:
        return []
    speeds = np.diff(positions, axis=0) / cycle * 1e9
    velocity = (np.abs(speeds) / limits.velocity).max()
    acceleration = (np.abs(np.diff(speeds, axis=0)) / cycle * 1e9 / limits.acceleration).max()
    found = [f"{velocity:.4f} times the velocity limit"] if not velocity <= 1.05 else []
    return found + ([f"{acceleration:.4f} times the acceleration limit"] if not acceleration <= 1.34 else [])


def at(way: Way, instant: int) -> tuple[np.ndarray, np.ndarray]:
    """Place and speed of a controller at `instant` [ns]: on the cubic between two points, before and after them at the next one."""
    times, positions, velocities = way
    right = int(np.searchsorted(times, instant, side="right"))
    if right in (0, len(times)):
        return positions[right - 1 if right else 0], 0.0 * velocities[0]
    length = (times[right] - times[right - 1]) * 1e-9
    u = (instant - times[right - 1]) * 1e-9 / length
    (p0, p1), (v0, v1) = positions[right - 1 : right + 1], velocities[right - 1 : right + 1]
    place = p0 + (3 * u**2 - 2 * u**3) * (p1 - p0) + length * ((u - 2 * u**2 + u**3) * v0 + (u**3 - u**2) * v1)
    return place, (6 * u - 6 * u**2) * (p1 - p0) / length + (1 - 4 * u + 3 * u**2) * v0 + (3 * u**2 - 2 * u) * v1


def base_violations(recording: Recording, limits: WireLimits, dt: float) -> list[str]:
    """The same for the base velocities."""
    found: list[str] = []
    values = np.array(recording.values)
    if not np.isfinite(values).all():
        found.append("base not finite")
    if (np.abs(values) > limits.base_velocity * (1.0 + RELATIVE)).any():
        found.append("base faster than its limit")
    steps, spans = recording.steps()
    worst = (np.abs(steps) / (spans * limits.base_acceleration * dt)).max(initial=0.0)
    if worst > 1.0 + RELATIVE:
        found.append(f"{worst:.4f} times the base's acceleration limit")
    return found
