"""The recorder's own reading of the limits, and its judgement of what was on the wire. Shares no code with the executor."""

from __future__ import annotations

import math
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


Way = tuple[np.ndarray, np.ndarray, np.ndarray]  # times (K,) [s], positions (K, D), velocities (K, D)


@dataclass
class Recording:
    """Commands as they arrived: arrival [s], when they were sent [ns], publisher's sequence number, values (D,)."""

    times: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)  # on the publisher's clock
    numbers: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    velocities: list[np.ndarray] = field(default_factory=list)  # joint trajectories only; empty otherwise
    rests: list[Way] = field(default_factory=list)  # likewise: how the joints come to rest after the command

    def since(self, time: float) -> Recording:
        """What arrived at or after `time`."""
        first = next((i for i, t in enumerate(self.times) if t >= time), len(self.times))
        parts = (self.times, self.sent, self.numbers, self.values, self.velocities, self.rests)
        return Recording(*(part[first:] for part in parts))  # type: ignore[arg-type]

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
    steps, spans = recording.steps()
    gaps = np.diff(np.array(recording.sent)) * 1e-9 / dt  # [periods] from one message to the next
    most = np.ceil(gaps) if stalls else 0 * gaps  # of them may have been slept through
    if recording.velocities:
        velocities = np.array(recording.velocities)
        worst = (np.abs(velocities) / limits.velocity).max()
        if not worst <= 1.0 + RELATIVE:
            found.append(f"{worst:.4f} times the velocity limit")
        if broken := _broken_step(recording, spans[:, 0], gaps if stalls else 0 * gaps, limits, dt):
            found.append(broken)
        return found
    worst = (np.abs(steps) / (spans * limits.velocity * dt)).max()
    if worst > 1.0 + RELATIVE:
        found.append(f"joint step of {worst:.4f} times velocity limit x dt")
    whole = (spans[1:] == 1) & (spans[:-1] == 1)
    second = np.abs(np.diff(steps, axis=0)) * whole / np.maximum(most[1:], 1)[:, None]  # joints slow down while nothing comes
    worst = (second / (limits.acceleration * dt**2)).max(initial=0.0)
    if worst > 1.0 + 1e-4:
        found.append(f"{worst:.4f} times the acceleration limit")
    return found


def _broken_step(recording: Recording, spans: np.ndarray, gaps: np.ndarray, limits: WireLimits, dt: float) -> str:
    """The first command that does not go on from the one before it; empty: none.

    A period that was slept through has to be counted by the command after it. If the computer stalls between the decision and the
    message, that message is late and its command could not know: then the next one has to count what is owed, all of it.
    """
    owed = 0
    for i, gap in enumerate(gaps):
        if spans[i] != 1:  # a message was lost on the way
            owed = 0
            continue
        candidates = range(math.ceil(gap + owed) + 1)
        wrong = [_wrong_step(recording, i, skipped, limits, dt) for skipped in candidates]
        if all(wrong):
            return f"message {recording.numbers[i + 1]}: {wrong[0]}"
        counted = max(skipped for skipped in candidates if not wrong[skipped])
        if counted < owed:
            return f"message {recording.numbers[i + 1]}: goes on as if {owed - counted} periods had not been slept through"
        owed = max(0, math.floor(gap) - 2 - (counted - owed))
    return ""


def _wrong_step(recording: Recording, i: int, skipped: int, limits: WireLimits, dt: float) -> str:
    """What is wrong with the command after number i, if the publisher slept for so many periods in between; empty: nothing.

    Meanwhile the controller went on towards rest, on the cubics that the trajectory told it.
    """
    reached, speed = followed(recording.values[i], recording.velocities[i], recording.rests[i], skipped * dt)
    following = recording.velocities[i + 1]
    jump = np.abs(recording.values[i + 1] - reached - following * dt).max()
    if not jump <= 1e-6:  # also refuses NaN
        return f"the position jumps by {jump:.6f} rad"
    worst = (np.abs(following - speed) / (limits.acceleration * dt)).max()
    return f"{worst:.4f} times the acceleration limit" if worst > 1.0 + 1e-4 else ""


def followed(value: np.ndarray, velocity: np.ndarray, way: Way, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a controller is after `seconds` on a way to rest that begins at `value` with `velocity`, and how fast."""
    begin = 0.0
    for end, goal, goal_velocity in zip(*way, strict=True):
        if seconds < end:
            length = end - begin
            u = (seconds - begin) / length
            reached = value + (3 * u**2 - 2 * u**3) * (goal - value)
            reached = reached + length * ((u - 2 * u**2 + u**3) * velocity + (u**3 - u**2) * goal_velocity)
            speed = (6 * u - 6 * u**2) * (goal - value) / length + (1 - 4 * u + 3 * u**2) * velocity + (3 * u**2 - 2 * u) * goal_velocity
            return reached, speed
        begin, value, velocity = end, goal, goal_velocity
    return value, velocity


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
