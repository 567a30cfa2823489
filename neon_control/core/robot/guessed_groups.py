"""Which joints of a URDF are an arm, a gripper, the torso, the head, a leg or a wheel: guessed from names and from the tree.

Names come first (`name_words.py`). The tree decides what they leave open: joints in a row that say nothing are an arm, or go on with what
they hang on; what closes or branches at the end of an arm is its gripper; the one thing that an arm stands on is its first joint. What
neither says is given to no group, and so is never commanded before a person has decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from neon_control.core.robot.name_words import ARM, BENDS, FINGER, GRIPPER, HEAD, LEG, PASSIVE, TORSO, TRUNK, WHEEL, kind_of, side_of, words
from neon_control.core.robot.urdf import COMMANDED, Urdf

FEWEST = 3  # joints in a row without a word that make an arm
ROWS = 2  # rows without a word on one body that may be arms; more are fingers, or legs
HAND = 3  # joints with motors, from which on a gripper is a hand
ENDS = (FINGER, GRIPPER)
PARTS = {ARM: "arms", TORSO: "torso", HEAD: "torso", LEG: "legs"}
ORDER = ("left", "right")


@dataclass(frozen=True)
class Group:
    """Joints that belong together, as of the section `groups`."""

    name: str
    part: str  # of the section `parts`
    joints: tuple[str, ...]  # from the root outwards
    gripper: str = ""  # `gripper` or `hand`; empty: it is none
    is_head: bool = False


@dataclass(frozen=True)
class Groups:
    """What was guessed of all joints of one degree of freedom; every one of them is in one of the fields."""

    groups: tuple[Group, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)  # joint -> why it is not commanded
    unknown: tuple[str, ...] = ()  # those of which nothing says what they are
    wheels: tuple[str, ...] = ()

    @property
    def joints(self) -> tuple[str, ...]:
        """All that are in groups."""
        return tuple(joint for group in self.groups for joint in group.joints)


def guess_groups(urdf: Urdf, y_of: Callable[[str], float] | None = None) -> Groups:
    """The groups of a URDF.

    Args:
        y_of: joint -> y [m] of its place (REP-103: left is positive), for two arms whose names do not say their side.
    """
    return _Guess(urdf, y_of or (lambda joint: 0.0)).result()


class _Guess:
    def __init__(self, urdf: Urdf, y_of: Callable[[str], float]) -> None:
        self._urdf, self._y_of = urdf, y_of
        self._carried = {joint.child: joint for joint in urdf.joints.values()}
        moving = {j.name: j for j in urdf.joints.values() if j.kind in COMMANDED and j.source == j.name}
        self._moving = frozenset(moving)
        self._above = {name: self._carrier(joint.parent) for name, joint in moving.items()}  # the next one towards the root
        self._below: dict[str | None, list[str]] = {}
        for name, above in self._above.items():
            self._below.setdefault(above, []).append(name)
        self._order = list(self._walk(None))  # from the root outwards, one branch after the other; circles are in none
        self._kind = {name: self._said(name) for name in self._order}

    def result(self) -> Groups:
        self._find_wheels()
        self._find_wrists()
        for _ in range(2):  # once more for what hangs on rows that had no kind before
            self._find_unnamed()
        self._find_first_joints()
        arms, left_out = [Group("", PARTS[ARM], chain) for chain in self._chains(ARM)], self._not_commanded()
        legs = [Group("", PARTS[LEG], chain) for chain in self._chains(LEG)]
        grippers = self._grippers(arms, left_out)
        arms = self._named(arms, "arm")
        names = {joint: group.name for group in arms for joint in group.joints}
        named = [replace(group, name=self._gripper_name(group, names)) for group in grippers]
        grippers = sorted(named, key=lambda group: [a.name for a in arms].index(arm) if (arm := self._arm_of(group, names)) else len(arms))
        bodies = [Group(kind, PARTS[kind], tuple(self._of(kind)), is_head=kind == HEAD) for kind in (TORSO, HEAD) if self._of(kind)]
        groups = _unique([*arms, *grippers, *bodies, *self._named(legs, "leg")])
        return Groups(tuple(groups), left_out, tuple(self._of("")), tuple(self._of(WHEEL)))

    def _carrier(self, link: str) -> str | None:
        """The moving joint that carries a link, rigidly or by joints that follow others; None: it stands."""
        for _ in self._urdf.joints:  # as many steps at most: a circle of links has no end
            joint = self._carried.get(link)
            if joint is None or joint.name in self._moving:
                return None if joint is None else joint.name
            link = joint.parent
        return None

    def _walk(self, name: str | None) -> Iterable[str]:
        todo = list(reversed(self._below.get(name, [])))
        while todo:
            joint = todo.pop()
            yield joint
            todo += reversed(self._below.get(joint, []))

    def _of(self, *kinds: str) -> list[str]:
        return [name for name in self._order if self._kind[name] in kinds]

    def _said(self, name: str) -> str:
        """What the joint's name says, else that of the link that it moves; of a link called hand only where it is the last one."""
        own = kind_of(name)
        moved = "" if own else kind_of(self._urdf.joints[name].child)
        return own or ("" if moved == GRIPPER and name in self._below else moved)

    def _find_wheels(self) -> None:
        """Joints that turn without end, carry nothing, and stand on the root or are only told a velocity."""
        endless = [name for name in self._order if self._urdf.joints[name].kind == "continuous" and name not in self._below]
        on_root = [name for name in endless if self._above[name] is None and not self._kind[name]]
        for name in endless:
            if (name in on_root and len(on_root) > 1) or (self._urdf.turns_only(name) and self._kind[name] not in ENDS):
                self._kind[name] = WHEEL

    def _find_wrists(self) -> None:
        """What is called a hand but carries fingers, or bends the hand, is the arm's last joint."""
        for name in self._of(GRIPPER):
            carries = any(self._kind[other] == FINGER for other in self._walk(name))
            above = self._above[name]
            if (carries or BENDS & set(words(name))) and above is not None and self._kind[above] == ARM:
                self._kind[name] = ARM

    def _find_unnamed(self) -> None:
        """Rows of joints whose names say nothing, from the tips inwards."""
        for name in self._of(""):
            if self._closes(name):
                self._kind[name] = FINGER
        rows = self._rows()
        on_one = Counter(self._above[row[0]] for row in rows)
        for row in reversed(rows):
            above = self._above[row[0]]
            over = "" if above is None else self._kind[above]
            carried = [self._kind[child] for child in self._below.get(row[-1], [])]
            if over in (*ENDS, ARM, LEG, HEAD):
                branches = on_one[above] > 1 and over == ARM  # arms do not: these are fingers
                kind = FINGER if over in ENDS or branches else over
            elif carried.count(ARM) > 1 or TORSO in carried:
                kind = TORSO
            else:
                named = [kind for kind in (ARM, LEG, HEAD) if kind in carried]
                likely = on_one[above] <= ROWS and (len(row) >= FEWEST or set(carried) & set(ENDS))
                kind = named[0] if named else ARM if likely else ""
            self._kind.update(dict.fromkeys(row, kind))

    def _closes(self, name: str) -> bool:
        """Whether a joint is the last one, and others beside or beyond it follow it, as the second finger does the first."""
        followers = [j for j in self._urdf.joints.values() if j.source == name != j.name]
        beside = [j for j in followers if self._carrier(j.parent) in (name, self._above[name])]
        return bool(beside) and name not in self._below and self._above[name] is not None

    def _rows(self) -> list[list[str]]:
        """Joints without a kind; each one goes on the row of that it hangs on, where it alone does."""
        rows: dict[str, list[str]] = {}
        for name in self._of(""):
            above = self._above[name]
            alone = above is not None and above in rows and len([c for c in self._below[above] if not self._kind[c]]) == 1
            rows[name] = rows[above] if alone and above is not None else []
            rows[name].append(name)
        return list({id(row): row for row in rows.values()}.values())

    def _find_first_joints(self) -> None:
        """A waist or lift that carries one arm and nothing else is that arm's first joint."""
        if self._of(LEG):
            return
        for name in reversed(self._of(TORSO)):
            children = [child for child in self._below.get(name, []) if self._kind[child] != PASSIVE]
            alone = len(children) == 1 and self._kind[children[0]] == ARM
            if alone and not TRUNK & set(words(name)) and not any(self._kind[other] in (HEAD, TORSO) for other in self._walk(name)):
                self._kind[name] = ARM

    def _chains(self, kind: str) -> list[tuple[str, ...]]:
        chains: dict[str, list[str]] = {}
        for name in self._of(kind):
            above = self._above[name]
            chains[name] = chains[above] if above is not None and above in chains else []
            chains[name].append(name)
        return list({id(chain): tuple(chain) for chain in chains.values()}.values())

    def _not_commanded(self) -> dict[str, str]:
        reasons = {WHEEL: "a wheel: `base` drives", PASSIVE: "its name speaks of something without a motor, or of a sensor"}
        found = {name: reasons[self._kind[name]] for name in self._of(WHEEL, PASSIVE)}
        for joint in self._urdf.joints.values():
            if joint.kind in COMMANDED and joint.source != joint.name:
                found[joint.name] = f"it follows {joint.source}"
            elif joint.kind in ("floating", "planar"):
                found[joint.name] = f"it is {joint.kind}"
        return found

    def _grippers(self, arms: list[Group], left_out: dict[str, str]) -> list[Group]:
        """The joints that close, those of one arm together; without an arm, those of one side."""
        arm_of = {joint: group.joints[0] for group in arms for joint in group.joints}
        found: dict[str, list[str]] = {}
        for name in self._of(*ENDS):
            above: str | None = name
            while above is not None and above not in arm_of:
                above = self._above[above]
            found.setdefault(arm_of[above] if above is not None else side_of([name]), []).append(name)
        groups = []
        for joints in found.values():
            with_motor = [name for name in joints if name in self._urdf.motors] or joints
            closing = [name for name in with_motor if self._urdf.joints[name].kind != "continuous"] or with_motor
            left_out |= {name: "the URDF names motors of its gripper's joints, and none of this one" for name in joints}
            left_out |= {name: "it turns without end beside joints that close" for name in with_motor}
            for name in closing:
                del left_out[name]
            thumb = any("thumb" in words(name) for name in closing)
            groups.append(Group("", "hands", tuple(closing), "hand" if thumb or len(closing) >= HAND else "gripper"))
        return groups

    def _arm_of(self, group: Group, arms: Mapping[str, str]) -> str:
        """The name of the arm that carries a gripper; `arms` has those of the arms' joints."""
        above: str | None = group.joints[0]
        while above is not None and above not in arms:
            above = self._above[above]
        return "" if above is None else arms[above]

    def _gripper_name(self, group: Group, arms: Mapping[str, str]) -> str:
        arm, side = self._arm_of(group, arms), side_of(group.joints[:1])
        return f"{arm.removesuffix('arm')}{group.gripper}" if arm else f"{side}_{group.gripper}" if side else group.gripper

    def _named(self, groups: list[Group], kind: str) -> list[Group]:
        """Arms or legs with the names of their sides, left before right."""
        sides = [side_of(group.joints, kind == "leg") for group in groups]
        if len(groups) == 2 and sides[0] == sides[1]:
            y = [self._y_of(group.joints[0]) for group in groups]
            if abs(y[0] - y[1]) > 0.01:  # [m]
                sides = list(ORDER if y[0] > y[1] else reversed(ORDER))
        named = [replace(group, name=f"{side}_{kind}" if side else kind) for group, side in zip(groups, sides, strict=True)]
        return sorted(named, key=lambda group: ORDER.index(s) if (s := group.name.removesuffix(f"_{kind}")) in ORDER else len(ORDER))


def _unique(groups: list[Group]) -> list[Group]:
    """The same with a number behind names that several have."""
    names = [group.name for group in groups]
    return [
        replace(group, name=f"{group.name}_{names[:i].count(group.name) + 1}") if names.count(group.name) > 1 else group
        for i, group in enumerate(groups)
    ]
