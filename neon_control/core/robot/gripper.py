"""Grippers and hands: groups of joints that meet things on purpose, and must not let go of them.

The section `grippers` of a robot file says which groups are such:

    groups: {arm: [shoulder, elbow], gripper: [finger]}
    grippers:
      gripper: {kind: gripper, on_stop: keep}

An arm that is not where it was sent has met an obstacle; a gripper that is not where it was sent holds something. So the joints of such
a group are not watched as an arm's are (unless `limits` states a `tracking_error_limit` for them), a stop leaves their command where it
is, the ends of their range may be touched, and overlapping chunks are not averaged: half open is neither open nor closed.

| `on_stop`  | what is commanded after a stop, the e-stop included                                        |
|------------|--------------------------------------------------------------------------------------------|
| `keep`     | what was commanded last: it goes on pressing                                               |
| `open`     | the opening `open`: it lets go                                                             |
| `measured` | where it is: it stops pressing, as an arm does                                             |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting

if TYPE_CHECKING:
    from neon_control.core.robot.joint_limits import GroupLimits
    from neon_control.core.robot.robot import Joint

KINDS = ("gripper", "hand")
ON_STOP = ("keep", "open", "measured")
ENSEMBLES = ("latest", "joints")  # joints: as the executor's parameter `joints.method` says of all others
ACTIONS = ("gripper_command", "parallel_gripper_command")  # types of controllers that are sent goals
DRIVERS_RANGE = 0.5  # of a joint's range: who is measured further outside is not homed


@dataclass(frozen=True)
class Gripper:
    """A group that is a gripper, or a hand. Positions are in each joint's own unit: rad, or m of a prismatic one."""

    name: str = setting(is_key=True)
    kind: str = setting("gripper", choices=KINDS)
    on_stop: str = setting("keep", choices=ON_STOP)
    ensemble: str = setting("latest", choices=ENSEMBLES)
    open: float | None = setting(None)  # position of every joint
    closed: float | None = setting(None)
    threshold: float | None = setting(None)  # a two-state gripper: beyond it a target means `open`, below `closed`; None: any opening
    hysteresis: float = setting(0.0, minimum=0.0)  # by which a target must be past the threshold to change the state
    max_velocity: float | None = setting(None, above=0.0)  # may only narrow what the URDF and `velocity_scale` allow
    max_effort: float | None = setting(None, above=0.0)  # [N or N m] for controllers that are sent goals; None: as the controller likes
    goal_rate: float = setting(5.0, above=0.0, maximum=50.0)  # [Hz] at most, likewise
    goal_change: float | None = setting(None, minimum=0.0)  # smallest change that is worth a goal; None: 0.01 of the range
    joints: tuple[str, ...] = ()  # of the group; not from this section


def with_joints(file: Path, grippers: Mapping[str, Gripper], groups: Mapping[str, tuple[str, ...]]) -> dict[str, Gripper]:
    """The section `grippers` with the joints of its groups; all others are groups of arms, torsos and legs."""
    unknown = sorted(set(grippers) - set(groups))
    if unknown:
        raise ConfigError(f"{file}: grippers names {unknown}, but the groups are {sorted(groups)}")
    return {name: replace(gripper, joints=groups[name]) for name, gripper in grippers.items()}


def without_margins(groups: Mapping[str, GroupLimits], grippers: Mapping[str, Gripper]) -> dict[str, GroupLimits]:
    """The limits of all groups: a gripper may touch the ends of its range, unless its group has a margin of its own."""
    free = {name for name, limits in groups.items() if name in grippers and limits.position_margin is None}
    return {name: replace(limits, position_margin=0.0) if name in free else limits for name, limits in groups.items()}


def narrowed(file: Path, joints: Mapping[str, Joint], grippers: Mapping[str, Gripper]) -> dict[str, Joint]:
    """All joints, those of grippers with their `max_velocity`; ConfigError where openings or velocities do not fit them."""
    found = dict(joints)
    for gripper in grippers.values():
        for joint in (joints[name] for name in gripper.joints):
            _check_openings(file, gripper, joint.name, joint.safe_lower, joint.safe_upper)
            velocity = gripper.max_velocity or joint.max_velocity
            if velocity > joint.max_velocity:
                raise ConfigError(
                    f"{file}: grippers.{gripper.name}.max_velocity may only narrow the {joint.max_velocity:g} {joint.unit}/s "
                    f"that the URDF and `velocity_scale` leave to joint {joint.name}, got {velocity:g}"
                )
            found[joint.name] = replace(joint, max_velocity=velocity)
    return found


def _check_openings(file: Path, gripper: Gripper, joint: str, lower: float, upper: float) -> None:
    """Whether `open`, `closed` and the threshold say what they are needed for, within a joint's range."""
    at = f"{file}: grippers.{gripper.name}"
    for field in ("open", "closed"):
        value = getattr(gripper, field)
        if value is None:
            if gripper.threshold is not None or (field == "open" and gripper.on_stop == "open"):
                raise ConfigError(
                    f"{at}: missing field '{field}', which {'threshold' if gripper.threshold is not None else 'on_stop'} needs"
                )
        elif not lower <= value <= upper:
            raise ConfigError(f"{at}.{field} must lie in the range of joint {joint}, [{lower}, {upper}], got {value}")
    if gripper.threshold is not None and gripper.open is not None and gripper.closed is not None:
        low, high = sorted((gripper.open, gripper.closed))
        if not low < gripper.threshold - gripper.hysteresis <= gripper.threshold + gripper.hysteresis < high:
            raise ConfigError(
                f"{at}: threshold {gripper.threshold} and hysteresis {gripper.hysteresis} must lie between closed and open, ({low}, {high})"
            )


def check_goals(file: Path, controller: str, kind: str, joints: tuple[str, ...], grippers: Mapping[str, Gripper]) -> None:
    """Whether a controller that is sent goals drives one gripper or hand, and not more joints than its action can name."""
    if kind not in ACTIONS:
        return
    at = f"{file}: controllers.{controller}: type {kind}"
    if not any(set(joints) <= set(gripper.joints) for gripper in grippers.values()):
        raise ConfigError(f"{at} needs joints of one group of the section grippers, got {list(joints)}")
    if kind == "gripper_command" and len(joints) != 1:
        raise ConfigError(f"{at} drives one joint, got {list(joints)}; parallel_gripper_command drives several")
