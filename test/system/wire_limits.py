"""The recorder's own reading of the limits, and its judgement of what was on the wire. Shares no code with the executor."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

RELATIVE = 1e-6
ON_THE_WAY = 1e-5  # [rad] by which a cubic may pass the end of a range between two points: 2e-6 in 24,627 commands
AXES = ("vx", "vy", "yaw_rate")
ENDLESS = 1e6  # [rad]


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
        of_group = {j: {"group": g, **data["limits"]["groups"][g]} for g, names in data["groups"].items() for j in names}
        own = data["limits"].get("joints", {})
        said = {j: of_group[j] | own.get(j, {}) for j in joints}
        margin, grippers, base = data["limits"]["position_margin"], data.get("grippers", {}), data.get("base", {})
        numbers = np.array([_numbers(urdf[j], said[j], 0.0 if said[j]["group"] in grippers else margin) for j in joints])
        for i, j in enumerate(joints):
            numbers[i, 2] = min(numbers[i, 2], grippers.get(said[j]["group"], {}).get("max_velocity", np.inf))
        return cls(
            *numbers.T,
            *(np.array([base[key].get(a, 0.0) for a in AXES]) if base else np.zeros(3) for key in ("max_velocity", "max_acceleration")),
        )


def _numbers(urdf: ElementTree.Element | None, said: dict[str, Any], margin: float) -> tuple[float, float, float, float]:
    """Ends of the range, velocity and acceleration of one joint; the ends of one that turns without end are far away."""
    stated = said.get("instead_of_urdf", {})
    lower, upper, velocity = (stated.get(key, None if urdf is None else urdf.get(key)) for key in ("lower", "upper", "velocity"))
    margin = said.get("position_margin", margin)
    ends = (-ENDLESS, ENDLESS) if lower is None else (float(lower) + margin, float(upper) - margin)
    return (*ends, float(velocity) * said["velocity_scale"], said["max_acceleration"])


CLOCK_SET = 0.1  # [s] in which a simulation's clock is set, and commands come again
STALL = 0.1  # [s] without a set point, after which the executor goes on from where the joints stand
WRITING = 0.001  # [s] from a look at the clock to the stamp of the wire, on a busy machine
MEAN = 0.1  # [s] over which velocities of set points are taken
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
        """What arrived at or after `time`, and is whole: another thread appends the arrival last."""
        whole = len(self.times)
        first = next((i for i, t in enumerate(self.times[:whole]) if t >= time), whole)
        parts = (self.times, self.sent, self.numbers, self.values, self.ways)
        return Recording(*(part[first:whole] for part in parts))  # type: ignore[arg-type]

    def without(self, messages: Iterable[int]) -> Recording:
        """The same without those messages."""
        kept = sorted(set(range(len(self.times))) - set(messages))
        parts = (self.times, self.sent, self.numbers, self.values, self.ways)
        return Recording(*([part[i] for i in kept] if part else [] for part in parts))  # type: ignore[arg-type]

    def taken(self) -> list[tuple[int, bool]]:
        """Trajectories that a controller takes up, as ros2_control does: none that ended in the past. And whether one was lost before."""
        found, lost = [], False
        for i, way in enumerate(self.ways):
            sent = self.sent[i]
            lost = lost or (i > 0 and self.numbers[i] > self.numbers[i - 1] + 1)
            if sent <= way[0][-1]:
                found.append((i, lost))
                lost = False
        return found

    @property
    def velocities(self) -> list[np.ndarray]:
        """(D,) [rad/s] of a controller that has just taken up each of the trajectories."""
        return [at(way, sent)[1] for way, sent in zip(self.ways, self.sent, strict=True)]

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Differences of consecutive values (n - 1, D), and how many messages each spans (n - 1, 1); one unless some were lost."""
        return np.diff(np.array(self.values), axis=0), np.diff(np.array(self.numbers))[:, None]


def joint_violations(recording: Recording, limits: WireLimits, dt: float) -> list[str]:
    """Everything that a joint command stream does against its limits, in words; empty is good."""
    found: list[str] = []
    values = np.array(recording.values)
    if not np.isfinite(values).all():
        found.append("position not finite")
    outside = np.maximum(limits.lower - values, values - limits.upper).max()
    if outside > ON_THE_WAY:
        found.append(f"position {outside:.6f} rad outside")
    velocity, acceleration = ratios(recording, limits, dt)
    if not velocity <= 1.05:
        found.append(f"{velocity:.4f} times the velocity limit")
    if not acceleration <= 1.2:
        found.append(f"{acceleration:.4f} times the acceleration limit")
    if recording.ways:
        return found + jumps_of_the_clock(recording, limits)
    return found + pulled_back(recording, limits, dt)


def ratios(recording: Recording, limits: WireLimits, dt: float, cycle: int = 1_000_000) -> tuple[float, float]:
    """Largest velocity and acceleration of a command stream, as multiples of the limits; of trajectories in cycles of `cycle` [ns]."""
    if not recording.ways:
        velocity = (step_velocities(recording, dt) / limits.velocity).max(initial=0.0)
        return float(velocity), float((sustained_acceleration(recording, 2.0 * dt) / limits.acceleration).max())
    largest = np.zeros(2)
    for _, positions in followed(recording, cycle):
        speeds = np.diff(positions, axis=0) / cycle * 1e9
        changes = np.diff(speeds, axis=0) / cycle * 1e9
        pairs = ((speeds, limits.velocity), (changes, limits.acceleration))
        largest = np.fmax(largest, [(np.abs(of) / limit).max(initial=0.0) if np.isfinite(of).all() else np.inf for of, limit in pairs])
    return float(largest[0]), float(largest[1])


def pulled_back(recording: Recording, limits: WireLimits, dt: float) -> list[str]:
    """Set points after a stall, in which the joints stood at the last one: they go on from there, not from where they should have been."""
    values, sent = np.array(recording.values), np.array(recording.sent)
    found = []
    for i in np.flatnonzero(np.diff(sent) > STALL * 1e9):
        step, before = values[i + 1] - values[i], values[i] - values[max(i - 1, 0)]
        if (np.abs(step) > limits.velocity * dt * (1.0 + RELATIVE)).any():
            found.append(f"after {(sent[i + 1] - sent[i]) * 1e-9:.3f} s the first set point is {np.abs(step).max():.4f} rad away")
        if (-step * np.sign(before) > limits.acceleration * dt**2).any():
            found.append(f"after {(sent[i + 1] - sent[i]) * 1e-9:.3f} s a joint is pulled back")
    return found


def step_velocities(recording: Recording, dt: float) -> np.ndarray:
    """Velocities (n - 1, D) from one set point to the next; from the one before, where that was sent late and this one makes up for it."""
    values, numbers = np.array(recording.values), np.array(recording.numbers)
    sent = (np.array(recording.sent) - recording.sent[0]) * 1e-9  # [s]

    def over(messages: int) -> np.ndarray:
        passed, spans = (column[messages:] - column[:-messages] for column in (sent, numbers))
        return np.abs(values[messages:] - values[:-messages]) / (np.maximum(spans * dt, passed) + WRITING)[:, None]

    single = over(1)
    single[1:] = np.minimum(single[1:], over(2))
    return single


def sustained_acceleration(recording: Recording, stall: float) -> np.ndarray:
    """Largest change (D,) of the mean velocity from one tenth of a second to the next [1/s^2].

    A set point tells where the motion is when it leaves, and the wire's stamp gives that instant within a millisecond on a busy machine:
    too coarse to compare single periods. Where nothing came for longer than `stall` [s] the joints stood still, and nothing is said.
    """
    values, times = np.array(recording.values), (np.array(recording.sent) - recording.sent[0]) * 1e-9
    stalls = np.append(0, np.cumsum(np.diff(times) > stall))
    largest = np.zeros(values.shape[1])
    for first in range(len(times)):
        second = int(times.searchsorted(times[first] + MEAN))
        third = int(times.searchsorted(times[second] + MEAN)) if second < len(times) else len(times)
        if third < len(times) and stalls[third] == stalls[first]:
            before, after = ((values[j] - values[i]) / (times[j] - times[i]) for i, j in ((first, second), (second, third)))
            largest = np.maximum(largest, np.abs(after - before) / (0.5 * (times[third] - times[first])))
    return largest


def followed(recording: Recording, cycle: int) -> list[tuple[bool, np.ndarray]]:
    """Set points (N, D) of a controller that takes up trajectories when they arrive, and samples them each `cycle` [ns] on the cubic.

    In stretches: a trajectory that begins in the future is begun from wherever the joints stand, and what comes after one that the
    recorder lost says nothing of where a controller was. The flag tells of a stretch that begins because a simulation's clock was set:
    nobody samples until the next message.
    """
    stretches: list[tuple[bool, list[np.ndarray]]] = [(False, [])]  # the rows of each trajectory
    taken = recording.taken()
    arrivals = [*(recording.sent[i] for i, _ in taken[1:]), recording.sent[-1] + 10**9]
    jumped = False
    for (i, lost), until in zip(taken, arrivals, strict=True):
        sent, way = recording.sent[i], recording.ways[i]
        if jumped or lost or way[0][0] > sent + cycle:
            stretches.append((jumped, []))
        jumped = not 0 <= until - sent < 10**10
        until = sent + 1 if jumped else min(until, max(int(way[0][-1]), sent) + 2 * cycle)  # beyond, all rests
        sent = max(sent, int(way[0][0])) if way[0][0] > sent + cycle else sent
        stretches[-1][1].append(at(way, np.arange(-(-sent // cycle) * cycle, until, cycle))[0])
    whole = [(jump, np.concatenate(rows)) for jump, rows in stretches if rows]
    return [(jump, rows) for jump, rows in whole if len(rows)]


def overdue(recording: Recording) -> dict[int, np.ndarray]:
    """Trajectories whose news were overdue when they were sent -> by how much (D,) [rad] they move the controller at once."""
    jumps = {}
    for (before, _), (i, lost) in itertools.pairwise(recording.taken()):
        sent = recording.sent[i]
        if not lost and recording.ways[i][0][0] <= sent and 0 <= sent - recording.sent[before] < 10**10:
            jump = np.abs(at(recording.ways[i], sent)[0] - at(recording.ways[before], sent)[0])
            if jump.max() > RELATIVE:
                jumps[i] = jump
    return jumps


def jumps_of_the_clock(recording: Recording, limits: WireLimits, cycle: int = 1_000_000) -> list[str]:
    """After a simulation's clock was set, motion goes on where it was."""
    stretches = followed(recording, cycle)
    return [
        "the clock was set, and the joints jump"
        for (_, before), (jump, after) in itertools.pairwise(stretches)
        if jump and (np.abs(after[0] - before[-1]) > limits.velocity * CLOCK_SET).any()
    ]


def at(way: Way, instants: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place and speed (D,) of a controller at an instant [ns], or (N, D) at N of them: on the cubic between two points, before the first
    and after the last one at rest there."""
    times, positions, velocities = way
    right = np.searchsorted(times, instants, side="right")
    inside = (right > 0) & (right < len(times))
    last = np.clip(right, 1, max(len(times) - 1, 1)) % len(times)  # a single point is its own neighbour
    first = np.maximum(last - 1, 0)
    length = np.maximum((times[last] - times[first]) * 1e-9, 1e-9)[..., None]
    u = np.clip((np.asarray(instants) - times[first]) * 1e-9 / length[..., 0], 0.0, 1.0)[..., None]
    p0, p1, v0, v1 = positions[first], positions[last], velocities[first], velocities[last]
    place = p0 + (3 * u**2 - 2 * u**3) * (p1 - p0) + length * ((u - 2 * u**2 + u**3) * v0 + (u**3 - u**2) * v1)
    speed = (6 * u - 6 * u**2) * (p1 - p0) / length + (1 - 4 * u + 3 * u**2) * v0 + (3 * u**2 - 2 * u) * v1
    return place, np.where(inside[..., None], speed, 0.0)


def base_violations(recording: Recording, limits: WireLimits, dt: float) -> list[str]:
    """The same for the base velocities."""
    found: list[str] = []
    if not recording.values:
        return found
    values = np.array(recording.values)
    if not np.isfinite(values).all():
        found.append("base not finite")
    if (np.abs(values) > limits.base_velocity * (1.0 + RELATIVE)).any():
        found.append("base faster than its limit")
    steps, spans = recording.steps()
    has = limits.base_acceleration > 0.0  # of an axis that it has not, the velocity is held to 0
    worst = (np.abs(steps[:, has]) / (spans * limits.base_acceleration[has] * dt)).max(initial=0.0)
    if worst > 1.0 + RELATIVE:
        found.append(f"{worst:.4f} times the base's acceleration limit")
    return found
