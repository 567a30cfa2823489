"""The motors of a G1: their order in every message, which of them a model has, and the names of their joints in the URDF."""

from __future__ import annotations

from dataclasses import dataclass

MOTORS = 35  # places in a message, of which the body has 29
WEIGHT = 29  # the place whose `q` in `rt/arm_sdk` is the weight, 0 to 1, by which it replaces the robot's own motion of the arms
HAND_MOTORS = 7

_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
_SIDES = ("left", "right")

# (29,) joint names, each at its motor's place.
JOINTS: tuple[str, ...] = (
    *(f"{side}_{name}_joint" for side in _SIDES for name in _LEG),
    *(f"waist_{name}_joint" for name in ("yaw", "roll", "pitch")),
    *(f"{side}_{name}_joint" for side in _SIDES for name in _ARM),
)
PLACES = {name: place for place, name in enumerate(JOINTS)}
LEGS, WAIST, ARMS = range(0, 12), range(12, 15), range(15, 29)  # places

_FINGERS = {"left": ("thumb_0", "thumb_1", "thumb_2", "middle_0", "middle_1", "index_0", "index_1")}
_FINGERS["right"] = (*_FINGERS["left"][:3], *_FINGERS["left"][5:], *_FINGERS["left"][3:5])  # index before middle there

# side -> (7,) joint names of a Dex3 hand, each at its motor's place.
HAND_JOINTS = {side: tuple(f"{side}_hand_{finger}_joint" for finger in fingers) for side, fingers in _FINGERS.items()}


@dataclass(frozen=True)
class Model:
    """Which motors a G1 has."""

    name: str
    modes: tuple[int, ...]  # `mode_machine` of its LowState, one for each build
    absent: tuple[int, ...]  # places without a motor, or whose joint is locked

    @property
    def mode_machine(self) -> int:
        """Of the commonest build."""
        return self.modes[0]

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that it has, in the order of the motors."""
        return tuple(name for place, name in enumerate(JOINTS) if place not in self.absent)

    def has(self, joint: str) -> bool:
        """Whether a joint of the URDF can be commanded."""
        return PLACES.get(joint, MOTORS) not in {*self.absent, MOTORS}


# Modes are those of the table in unitree_ros, robots/g1_description. Left out on purpose are 1 to 3 (of before the first series), 9 (two
# arms without legs) and 18 (a head with two motors of its own, of which nobody tells whether one of them stands at the weight's place).
MODELS = {
    "23": Model("23", (4, 10), (13, 14, 20, 21, 27, 28)),
    "27": Model("27", (6, 12, 14, 16), (13, 14)),  # 29 joints, of which the waist's roll and pitch are locked
    "29": Model("29", (5, 11, 13, 15), ()),
}
_BY_MODE = {mode: model for model in MODELS.values() for mode in model.modes}


def model_of(mode_machine: int) -> Model | None:
    """The model that a LowState tells; None for one that we do not know."""
    return _BY_MODE.get(mode_machine)
