"""A drafted robot file as text: with the reasons beside the values, and every decision that is a person's marked in one way.

    arm: {velocity_scale: 0.34, max_acceleration: 5.0} # DECIDE: at most 0.98 rad/s ...

A mark is deleted when the value has been looked at. Where the value is `null` the file does not load before it is stated.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from neon_control.core.common.printable import printable
from neon_control.core.robot.robot_draft import Draft
from neon_control.core.robot.stated import Stated

MARK = "DECIDE:"
WIDTH = 140  # letters of a line, beyond which a comment goes above its value


@dataclass(frozen=True)
class Decision:
    """One mark."""

    line: int  # in the file, from 1
    field: str
    text: str
    needed: bool  # whether the file does not load before


@dataclass
class _Lines:
    lines: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def add(self, text: str = "") -> None:
        self.lines += text.split("\n")

    def state(self, place: str, key: str, stated: Stated, indent: int = 0) -> None:
        """One value with its comment; `place`: the field that it is in."""
        if stated.decide:
            self._decide(f"{place}.{key}" if place else key, stated.decide, _is_open(stated.value))
        comment = "; ".join(filter(None, (f"{MARK} {stated.decide}" if stated.decide else "", stated.note)))
        text = f"{' ' * indent}{flow(key)}: {flow(stated.value)}"
        beside = f"{text} # {printable(comment)}"
        if not comment or len(beside) <= WIDTH:
            self.add(beside if comment else text)
        else:
            self._comment(comment, indent)
            self.add(text)

    def mark(self, place: str, text: str, indent: int = 0, needed: bool = False) -> None:
        """A decision about what is not there."""
        self._decide(place, text, needed)
        self._comment(f"{MARK} {text}", indent)

    def _comment(self, text: str, indent: int) -> None:
        space = " " * indent
        self.lines += textwrap.wrap(printable(text), WIDTH, initial_indent=f"{space}# ", subsequent_indent=f"{space}#   ")

    def _decide(self, place: str, text: str, needed: bool) -> None:
        self.decisions.append(Decision(len(self.lines) + 1, place, text, needed))


def write_draft(draft: Draft) -> tuple[str, list[Decision]]:
    """The file's text, and what is marked in it."""
    out = _Lines()
    out.add(f"# {printable(str(draft.name.value))}: a draft by `neon_control robot init`; docs/robots.md says what the fields mean.")
    out.add(f"# What a person has to decide is marked `{MARK.rstrip(':')}`: look at it, change it or leave it, and delete the mark.")
    out.state("", "name", draft.name)
    out.state("", "urdf", draft.urdf)
    if draft.urdf_arguments:
        out.state("", "urdf_arguments", Stated(draft.urdf_arguments))
    if draft.joint_prefix.value:
        out.state("", "joint_prefix", draft.joint_prefix)
    _groups(out, draft)
    out.add("\nparts: # the `mode` of policy and executor decides which parts are commanded")
    for part, stated in draft.parts.items():
        out.state("parts", part, stated, 2)
    _limits(out, draft)
    out.add("\ncontrollers: # a joint belongs to at most one")
    for name, stated in draft.controllers.items():
        out.state("controllers", name, stated, 2)
    _section(out, "grippers", draft.grippers, "what they hold is not let go by a stop; see docs/robots.md")
    _base(out, draft)
    _section(out, "cameras", draft.cameras, "the first one is what a policy looks at that names none; see docs/cameras.md")
    if not draft.cameras:
        out.add()
        out.mark("cameras", "none was found, and so one on camera/image_raw is taken; `cameras: {NAME: {topic: ...}}` states others")
    out.add("\n# clearance: {slow_distance: 0.05, stop_distance: 0.02} # [m] keeps bodies apart; see docs/safety.md")
    hands = {arm.removesuffix("_arm"): {"group": arm, "tcp": link} for arm, link in draft.end_effectors.items()}
    if hands:
        out.add("# simulation: # for `neon_control collect` and `demo`, with all of its fields: see docs/robots.md")
        out.add(f"#   hands: {printable(flow(hands))}")
    out.add('# recording: {audio: ""} # a robot without a microphone')
    return "\n".join(out.lines) + "\n", out.decisions


def _groups(out: _Lines, draft: Draft) -> None:
    groups = draft.groups
    out.add("\ngroups: # order inside a group is the order of its actions" if groups.groups else "\ngroups: {}")
    for group in groups.groups:
        line = f"  {flow(group.name)}: {flow(list(group.joints))}"
        if len(line) <= WIDTH:
            out.add(line)
        else:
            out.add(f"  {flow(group.name)}:")
            for joint in group.joints:
                out.add(f"    - {flow(joint)}")
    for text in draft.doubts:
        out.mark("groups", text, 2, needed=not groups.groups)
    reasons: dict[str, list[str]] = {}
    for joint, reason in groups.left_out.items():
        reasons.setdefault(reason, []).append(joint)
    for reason, joints in reasons.items():
        out.add(f"  # not commanded, as {printable(reason)}: {printable(', '.join(joints))}")


def _limits(out: _Lines, draft: Draft) -> None:
    limits = draft.limits
    out.add("\nlimits: # may only narrow the URDF's")
    if limits.decide:
        out.mark("limits", limits.decide, 2)
    out.add(f"  position_margin: {limits.position_margin} # [rad] commands stay this far inside the URDF's range")
    out.add("  groups: # factor on the URDF's velocity; [rad/s^2], [m/s^2] of slides" if limits.groups else "  groups: {}")
    for name, stated in limits.groups.items():
        out.state("limits.groups", name, stated, 4)
    if limits.joints:
        out.add("  joints: # of these, only what differs from the group")
    for name, stated in limits.joints.items():
        out.state("limits.joints", name, stated, 4)


def _section(out: _Lines, name: str, entries: Mapping[str, Stated], comment: str) -> None:
    if entries:
        out.add(f"\n{name}: # {comment}")
    for key, stated in entries.items():
        out.state(name, key, stated, 2)


def _base(out: _Lines, draft: Draft) -> None:
    if draft.base is not None:
        out.add()
        out.mark("base", draft.base.decide)
        out.add(f"base: # in the base frame (REP-103){'; ' * bool(draft.base.note)}{printable(draft.base.note)}")
        for key, value in draft.base.value.items():
            out.state("base", key, Stated(value), 2)
    elif draft.walks:
        out.add("\n# base: # where a walking controller takes velocities; [m/s, m/s, rad/s] and [m/s^2, m/s^2, rad/s^2]")
        out.add("#   max_velocity: {vx: 0.2, vy: 0.1, yaw_rate: 0.5}")
        out.add("#   max_acceleration: {vx: 0.5, vy: 0.5, yaw_rate: 1.0}")


def _is_open(value: Any) -> bool:
    """Whether something in a value has still to be stated."""
    if isinstance(value, Mapping):
        return any(map(_is_open, value.values()))
    return value is None or value == []


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    style = '"' if isinstance(value, str) and not value.isprintable() else None  # else a line break stays one
    text = str(yaml.safe_dump(value, width=10**6, allow_unicode=True, default_flow_style=True, default_style=style))
    return text.removesuffix("\n").removesuffix("\n...").removesuffix("...").strip()
