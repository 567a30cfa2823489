"""What each joint is held to: the URDF's limits, narrowed by the robot file, for all joints, a group, or one joint.

The narrowest place that says something counts: `limits.joints.NAME`, else `limits.groups.NAME`, else `limits`. Every number is in the
joint's own unit, metres for a prismatic joint. Where a URDF has no limit that could be used, or one that no motor keeps, `instead_of_urdf`
states one, so that whoever reads the file sees whose number it is; where the URDF's can be used, it may only be narrowed here, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, setting
from neon_control.core.robot.robot import Joint
from neon_control.core.robot.turns import TURN, UNBOUNDED
from neon_control.core.robot.urdf import Urdf, UrdfJoint

TURN_TOLERANCE = 0.01  # [rad] by which `turns` may be written shorter than a turn, as [-3.14, 3.14] is
SHORTEST, LONGEST = 0.005, 10.0  # [s] of a `joint_state_timeout`
ANGLE = re.compile(r"(?P<sign>-?)(?:(?P<factor>\d+(?:\.\d+)?)\s*\*?\s*)?pi")


@dataclass(frozen=True)
class InsteadOfUrdf:
    """Numbers that stand for those of the URDF."""

    lower: float | None = None  # [rad] or [m]
    upper: float | None = None  # [rad] or [m]
    velocity: float | None = setting(None, above=0.0)  # [rad/s] or [m/s]


@dataclass(frozen=True)
class GroupLimits:
    """What the joints of one group are held to."""

    velocity_scale: float = setting(above=0.0, maximum=1.0)  # of the URDF's limit, which it may only narrow
    max_acceleration: float = setting(above=0.0)  # [rad/s^2] or [m/s^2]
    max_jerk: float | None = setting(None, above=0.0)  # [rad/s^3] or [m/s^3], None: not limited
    position_margin: float | None = setting(None, minimum=0.0)  # [rad] or [m]
    tracking_error_limit: float | None = setting(None, above=0.0)  # [rad] or [m]; None: the executor's parameter
    joint_state_timeout: float | None = setting(None, minimum=SHORTEST, maximum=LONGEST)  # [s] likewise
    turns: tuple[Any, Any] | None = None  # [rad] of the joints that turn without end; numbers, or `pi`, `-pi`, `2*pi`


@dataclass(frozen=True)
class JointLimits:
    """The same for one joint, where it is to be held to something else than its group."""

    velocity_scale: float | None = setting(None, above=0.0, maximum=1.0)
    max_acceleration: float | None = setting(None, above=0.0)
    max_jerk: float | None = setting(None, above=0.0)
    position_margin: float | None = setting(None, minimum=0.0)
    tracking_error_limit: float | None = setting(None, above=0.0)
    joint_state_timeout: float | None = setting(None, minimum=SHORTEST, maximum=LONGEST)
    turns: tuple[Any, Any] | None = None
    instead_of_urdf: InsteadOfUrdf | None = None


@dataclass(frozen=True)
class Limits:
    """The section `limits`."""

    groups: dict[str, GroupLimits]
    joints: dict[str, JointLimits] = setting({}, null=True)
    position_margin: float = setting(0.0, minimum=0.0)  # [rad], and [m] of prismatic joints


def load_joints(place: Place, urdf: Urdf, groups: Mapping[str, tuple[str, ...]], limits: Limits) -> dict[str, Joint]:
    """The joints that groups name; `place` is that of `limits`. ConfigError where one has no limit, or is left no range."""
    joints: dict[str, Joint] = {}
    for group, names in groups.items():
        if group not in limits.groups:
            raise ConfigError(f"{place.file}: missing field 'limits.groups.{group}'; there are {sorted(limits.groups)}")
        for name in names:
            if name in joints:
                raise ConfigError(f"{place.file}: joint {name} is in more than one group")
            joints[name] = _load_joint(place, urdf.commanded(name), group, limits)
    if unknown := sorted(set(limits.joints) - set(joints)):
        raise ConfigError(f"{place.at('joints')} names {unknown}, which no group has; there are {sorted(joints)}")
    return joints


def _load_joint(place: Place, joint: UrdfJoint, group: str, limits: Limits) -> Joint:
    of_group, own = limits.groups[group], limits.joints.get(joint.name, JointLimits())

    def held_to(field: str) -> Any:
        stated = getattr(own, field)
        return getattr(of_group, field) if stated is None else stated

    instead = own.instead_of_urdf or InsteadOfUrdf()
    stated = place.at("joints").at(joint.name).at("instead_of_urdf")
    endless = joint.kind == "continuous" and instead.lower is None and instead.upper is None
    lower, upper = (-UNBOUNDED, UNBOUNDED) if endless else _range(stated, joint, instead)
    margin = 0.0 if endless else held_to("position_margin")
    margin = limits.position_margin if margin is None else margin
    if upper - lower <= 2.0 * margin:
        ways = " or ".join(f"`{place.field}.{key}: {{position_margin: ...}}`" for key in (f"joints.{joint.name}", f"groups.{group}"))
        raise ConfigError(
            f"{place.file}: position_margin {margin} {joint.unit} leaves joint {joint.name} no range in [{lower}, {upper}] {joint.unit}; "
            f"give it one of its own that is below {0.5 * (upper - lower):g} {joint.unit}: {ways}"
        )
    if own.turns is not None and not endless:
        raise place.at("joints").at(joint.name).at("turns").wrong(f"left out: the joint is {joint.kind} and has ends", list(own.turns))
    turns = held_to("turns") if endless else None
    stated_turns = place.at("groups").at(group) if own.turns is None else place.at("joints").at(joint.name)
    return Joint(
        joint.name,
        lower,
        upper,
        lower + margin,
        upper - margin,
        _velocity(stated, joint, instead) * held_to("velocity_scale"),
        held_to("max_acceleration"),
        joint.unit,
        held_to("tracking_error_limit"),
        _turn(stated_turns, turns) if turns is not None else -math.pi if endless else None,
        turns is not None,
        held_to("max_jerk") or math.inf,
        held_to("joint_state_timeout"),
    )


def _range(place: Place, joint: UrdfJoint, instead: InsteadOfUrdf) -> tuple[float, float]:
    """[rad] or [m]."""
    lower, upper, _ = joint.limit or (math.nan,) * 3
    usable = math.isfinite(lower) and math.isfinite(upper) and lower < upper and joint.kind != "continuous"
    low, high = (stated if stated is not None else given for stated, given in ((instead.lower, lower), (instead.upper, upper)))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            f"{joint.where} needs finite lower < upper, got lower={low} upper={high}; "
            f"where the URDF is wrong, the robot file may state them: `{place.field}: {{lower: ..., upper: ...}}` [{joint.unit}]"
        )
    if usable and not lower <= low < high <= upper:
        raise place.wrong(f"within the URDF's range [{lower}, {upper}] {joint.unit}, which can be used and so only narrowed", [low, high])
    return low, high


def _velocity(place: Place, joint: UrdfJoint, instead: InsteadOfUrdf) -> float:
    """[rad/s] or [m/s]."""
    given = math.nan if joint.limit is None else joint.limit[2]
    usable = math.isfinite(given) and given > 0.0
    if instead.velocity is None and not usable:
        raise ConfigError(
            f"{joint.where} needs a finite velocity > 0 in its <limit>, got velocity={given}; "
            f"where the URDF is wrong, the robot file may state it: `{place.field}: {{velocity: ...}}` [{joint.unit}/s]"
        )
    if instead.velocity is not None and usable and instead.velocity > given:
        needed = f"at most the URDF's {given} {joint.unit}/s, which can be used and so only narrowed"
        raise place.at("velocity").wrong(needed, instead.velocity)
    return given if instead.velocity is None else instead.velocity


def _turn(place: Place, given: tuple[Any, Any]) -> float:
    """[rad] where the one turn of positions begins in which `turns` counts."""
    lower, upper = (_angle(place.at("turns"), value) for value in given)
    if abs(upper - lower - TURN) > TURN_TOLERANCE:
        raise place.at("turns").wrong(f"one turn wide, [lower, lower + {TURN:.4f}]", list(given))
    return 0.5 * (lower + upper - TURN)


def _angle(place: Place, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    found = ANGLE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise place.wrong("two finite numbers [rad], or `pi`, `-pi`, `2*pi`", value)
    return (-1.0 if found["sign"] else 1.0) * float(found["factor"] or 1.0) * math.pi
