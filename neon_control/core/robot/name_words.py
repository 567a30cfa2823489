"""What the name of a joint says of it: which part of a robot it moves, and on which side. A guess, for people to look at.

Names are taken apart into words: `left_shoulder_pitch_joint`, `LShoulderPitch`, `r_gripper_l_finger` and `fr3_finger_joint1` all speak.
Only whole words count: the `xarm` in `xarm_gripper_joint` is no arm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

WHEEL, PASSIVE, FINGER, GRIPPER, HEAD, LEG, ARM, TORSO = "wheel", "passive", "finger", "gripper", "head", "leg", "arm", "torso"

WORDS = {  # the first kind that has a word of a name counts
    WHEEL: "wheel wheels caster casters castor tire tyre track mecanum omniwheel roller",
    PASSIVE: "bellows spring suspension damper passive bumper sensor laser lidar antenna",
    FINGER: "finger fingers fingertip thumb index middle ring pinky pinkie little knuckle jaw claw",
    GRIPPER: "gripper hand grip grasp grasper robotiq palm",
    HEAD: "head neck eye eyes",
    LEG: "leg hip knee ankle thigh calf shank foot toe haa hfe kfe abad",
    ARM: "arm upperarm forearm lowerarm shoulder elbow wrist",
    TORSO: "torso waist spine trunk chest lift column mast",
}
KIND_OF = {word: kind for kind, words in reversed(WORDS.items()) for word in words.split()}
TRUNK = frozenset(("torso", "spine", "trunk", "chest"))  # what is called so carries an arm, and is none of its joints
BENDS = frozenset(("roll", "pitch", "yaw"))  # a `hand_yaw_joint` turns the hand, and is no finger
SIDES = {
    "left": "left", "l": "left", "lt": "left", "right": "right", "r": "right", "rt": "right",
    "fl": "front_left", "lf": "front_left", "fr": "front_right", "rf": "front_right",
    "rl": "rear_left", "hl": "rear_left", "lh": "rear_left", "rr": "rear_right", "hr": "rear_right", "rh": "rear_right",
}  # fmt: skip
PIECES = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
LETTER_AND_NUMBER = re.compile(r"[A-Za-z]\d+")  # the `l3` of `arm_l3` counts, and is on no side


def words(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters; numbers are words, too."""
    found: list[str] = []
    for part in re.split(r"[^A-Za-z0-9]+", name):
        found += [part] if LETTER_AND_NUMBER.fullmatch(part) else PIECES.findall(part)
    return tuple(word.lower() for word in found)


def kind_of(*names: str) -> str:
    """The kind that the first of the names tells that tells one: one of `WORDS`, or nothing."""
    for name in names:
        said = {KIND_OF[word] for word in words(name) if word in KIND_OF}
        for kind in WORDS:
            if kind in said:
                return kind
    return ""


def side_of(names: Sequence[str], legs: bool = False) -> str:
    """`left` or `right` as most of the names say, of legs also `front_left` and so on; nothing where none says it."""
    said = [SIDES[word] for name in names for word in words(name) if word in SIDES]
    said = [side for side in said if legs or "_" not in side]
    return max(sorted(set(said)), key=said.count) if said else ""
