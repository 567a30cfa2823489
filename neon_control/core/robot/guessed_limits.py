"""What joints are held to before anybody has looked: the URDF's limits, slow, and what a person has to state where the URDF says nothing.

A URDF has no accelerations, and its velocities are what the motors can do. So a group begins at a speed at which a wrong guess can be
watched, and every such number is marked. A limit that the URDF lacks is left open (`null`), so that the file does not load without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from neon_control.core.robot.stated import Stated
from neon_control.core.robot.urdf import Urdf, UrdfJoint

SLOW = {"rad": 1.0, "m": 0.1}  # [rad/s], [m/s] of the fastest joint of a group
ACCELERATION = {"rad": 5.0, "m": 0.5}  # [rad/s^2], [m/s^2]: to rest within 0.2 s
MARGIN = {"rad": 0.02, "m": 0.005}  # [rad], [m]
OF_RANGE = 0.05  # that a margin takes of a joint's range, at most
HIGHEST_SCALE = 0.5
ABSURD_VELOCITY = {"rad": 50.0, "m": 2.0}  # [rad/s], [m/s] from where no motor of a robot keeps it
ABSURD_RANGE = {"rad": 8.0 * math.pi, "m": 3.0}
ALIKE = 4  # joints whose velocities may be the same by chance


@dataclass
class GuessedLimits:
    """The section `limits`."""

    position_margin: float
    groups: dict[str, Stated] = field(default_factory=dict)
    joints: dict[str, Stated] = field(default_factory=dict)
    decide: str = ""  # of all of them


def guess_limits(urdf: Urdf, groups: dict[str, tuple[str, ...]], grippers: Iterable[str] = ()) -> GuessedLimits:
    """Limits of groups of a URDF's joints; `grippers`: those that may touch the ends of their range."""
    everything = [urdf.joints[name] for names in groups.values() for name in names]
    velocities = [(joint.limit[2], joint.unit) for joint in everything if joint.limit is not None]
    found = GuessedLimits(MARGIN["rad"], decide=_alike([(v, unit) for v, unit in velocities if math.isfinite(v) and v > 0.0]))
    free = set(grippers)
    for group, names in groups.items():
        joints = [urdf.joints[name] for name in names]
        unit = "rad" if any(joint.unit == "rad" for joint in joints) else "m"
        main = [joint for joint in joints if joint.unit == unit]
        value: dict[str, Any] = {"velocity_scale": _scale(main), "max_acceleration": ACCELERATION[unit]}
        if unit == "m" and group not in free:
            value["position_margin"] = _margin(main)
        found.groups[group] = Stated(value, f"a slow start: {_speed(main, value['velocity_scale'])}, {ACCELERATION[unit]:g} {unit}/s^2")
        for joint in joints:
            own = _of_joint(joint, joint.unit != unit, group in free, bool(found.decide))
            if own is not None:
                found.joints[joint.name] = own
    return found


def _of_joint(joint: UrdfJoint, other_unit: bool, free: bool, alike: bool) -> Stated | None:
    """What is written of one joint; None: nothing, as its group says all. `alike`: that no velocity is real is marked already."""
    lower, upper, velocity = joint.limit or (math.nan,) * 3
    instead: dict[str, float | None] = {}
    decide: list[str] = []
    notes: list[str] = []
    value: dict[str, Any] = {}
    unit = joint.unit
    has_ends, usable = joint.kind != "continuous", math.isfinite(lower) and math.isfinite(upper) and lower < upper
    if has_ends and not usable:
        instead |= {"lower": None, "upper": None}
        decide.append(f"the URDF's range is {_said(lower)} to {_said(upper)}; state the joint's own [{unit}]")
    elif has_ends and upper - lower > ABSURD_RANGE[unit]:
        low, high = max(lower, -math.pi), min(upper, math.pi)
        if unit == "rad" and low < high:
            instead |= {"lower": low, "upper": high}
        decide.append(f"the URDF's range is {_said(lower)} to {_said(upper)} {unit}, which no joint has; state its own")
    if not (math.isfinite(velocity) and velocity > 0.0):
        instead["velocity"] = None
        decide.append(f"the URDF's velocity is {_said(velocity)}; state what the joint can do [{unit}/s]")
    elif velocity > ABSURD_VELOCITY[unit]:
        instead["velocity"] = SLOW[unit]
        text = f"the URDF's velocity is {_said(velocity)} {unit}/s, which no motor keeps"
        if alike:
            notes.append(text)
        else:
            decide.append(f"{text}; state the joint's own")
    if not has_ends:
        decide.append("turns without end. Ends: `instead_of_urdf: {lower, upper}`; a driver of one turn: `turns: [-pi, pi]`; else leave it")
    if other_unit:
        value |= {"velocity_scale": _scale([joint]), "max_acceleration": ACCELERATION[unit]}
        notes.append(f"[{unit}/s^2], [{unit}]: others of its group are not in {unit}")
    if has_ends and usable and not free and (other_unit or (unit == "rad" and _margin([joint]) < MARGIN["rad"])):
        value["position_margin"] = _margin([joint])
    if instead:
        value["instead_of_urdf"] = instead
    return Stated(value, "; ".join(decide), "; ".join(notes)) if value or decide else None


def _said(number: float) -> str:
    return "not there" if math.isnan(number) else f"{number:g}"


def _velocity(joint: UrdfJoint) -> float:
    """[rad/s] or [m/s] that its limit will be; 0: none is known."""
    velocity = math.nan if joint.limit is None else joint.limit[2]
    if not (math.isfinite(velocity) and velocity > 0.0):
        return 0.0
    return SLOW[joint.unit] if velocity > ABSURD_VELOCITY[joint.unit] else float(velocity)


def _speed(joints: Sequence[UrdfJoint], scale: float) -> str:
    """Of the fastest joint, in words."""
    unit, fastest = joints[0].unit, max(map(_velocity, joints))
    if not fastest:
        return f"no velocity known [{unit}/s]"
    stated = any(joint.limit is not None and joint.limit[2] == fastest for joint in joints)
    return f"{fastest * scale:.2g} {unit}/s" + f" of the URDF's {fastest:g}" * stated


def _scale(joints: Sequence[UrdfJoint]) -> float:
    """Of the URDF's velocities, so that the fastest joint is slow; two digits, rounded down."""
    fastest = max(map(_velocity, joints), default=0.0)
    scale = min(HIGHEST_SCALE, SLOW[joints[0].unit] / fastest) if fastest else HIGHEST_SCALE
    digits = 1 - math.floor(math.log10(scale))
    return round(math.floor(scale * 10.0**digits + 1e-9) / 10.0**digits, digits)


def _margin(joints: Sequence[UrdfJoint]) -> float:
    """[rad] or [m]; small against the smallest range."""
    ranges = [joint.limit[1] - joint.limit[0] for joint in joints if joint.limit is not None]
    smallest = min((r for r in ranges if math.isfinite(r) and r > 0.0), default=math.inf)
    return float(f"{min(MARGIN[joints[0].unit], OF_RANGE * smallest):.1g}")


def _alike(velocities: Sequence[tuple[float, str]]) -> str:
    """What is doubtful of velocities that are all the same number."""
    numbers, units = {v for v, _ in velocities}, {unit for _, unit in velocities}
    if len(numbers) != 1 or len(velocities) < ALIKE:
        return ""
    number = numbers.pop()
    if len(units) == 1 and not math.log10(number).is_integer():
        return ""
    return (
        f"all {len(velocities)} velocities of the URDF are {number:g}, as an exporter writes them; "
        "state real ones: `joints: {NAME: {instead_of_urdf: {velocity: ...}}}`"
    )
