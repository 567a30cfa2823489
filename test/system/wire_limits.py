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


@dataclass
class Recording:
    """Commands as they arrived: arrival [s], when they were sent [ns], publisher's sequence number, values (D,)."""

    times: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)  # on the publisher's clock
    numbers: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    velocities: list[np.ndarray] = field(default_factory=list)  # joint trajectories only; empty otherwise

    def since(self, time: float) -> Recording:
        """What arrived at or after `time`."""
        first = next((i for i, t in enumerate(self.times) if t >= time), len(self.times))
        return Recording(self.times[first:], self.sent[first:], self.numbers[first:], self.values[first:], self.velocities[first:])

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Differences of consecutive values (n - 1, D), and how many messages each spans (n - 1, 1); one unless some were lost."""
        return np.diff(np.array(self.values), axis=0), np.diff(np.array(self.numbers))[:, None]

    def periods(self, dt: float) -> np.ndarray:
        """How many control periods each step spans (n - 1, 1): also those that the publisher slept through, in which joints moved on."""
        _, spans = self.steps()
        return np.maximum(spans, np.rint(np.diff(np.array(self.sent, dtype=np.int64)) * 1e-9 / dt).astype(np.int64)[:, None])


def joint_violations(recording: Recording, limits: WireLimits, dt: float) -> list[str]:
    """Everything that a joint command stream does against its limits, in words; empty is good."""
    found: list[str] = []
    values = np.array(recording.values)
    if not np.isfinite(values).all():
        found.append("position not finite")
    outside = np.maximum(limits.lower - values, values - limits.upper).max()
    if outside > RELATIVE:
        found.append(f"position {outside:.6f} rad outside")
    (steps, _), spans = recording.steps(), recording.periods(dt)
    worst = (np.abs(steps) / (spans * limits.velocity * dt)).max()
    if worst > 1.0 + RELATIVE:
        found.append(f"joint step of {worst:.4f} times velocity limit x dt")
    whole = (spans[1:] == 1) & (spans[:-1] == 1)
    second = np.abs(np.diff(steps, axis=0)) * whole
    worst = (second / (limits.acceleration * dt**2)).max(initial=0.0)
    if worst > 1.0 + 1e-4:
        found.append(f"{worst:.4f} times the acceleration limit")
    if recording.velocities:
        said = np.abs(np.array(recording.velocities)[1:] * dt - steps) * (spans == 1)
        if not said.max(initial=0.0) <= 1e-6:  # also refuses NaN
            found.append(f"velocity field differs from the steps by {said.max() / dt:.6f} rad/s")
    return found


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
