"""Hands of the robot that somebody drags in a picture of it: where they are to be, as targets of joints.

The joints go on from where they are when a hand is taken, and no faster than the person is allowed to lead them; see `core/robot/reach.py`
for poses that are out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.reach import Reach, Reached
from neon_control.core.robot.robot import Robot

SPEED = 0.5  # share of the joints' velocity limits, as `takeover.speed` of the executor
BEHIND = 0.03  # [m] between a hand and its targets, as where the executor keeps bodies apart
TOLERANCE = 0.01, 0.1  # [m], [rad] within which a hand counts as there


@dataclass
class _Drag:
    place: np.ndarray  # (3,) [m] in the root link
    rotation: np.ndarray  # (3, 3)
    targets: dict[str, float]  # joint -> [rad]
    complaint: str = ""


class DraggedHands:
    """Of `robot`.

    Attributes:
        hands: link -> its arm's joints.
    """

    def __init__(self, robot: Robot, kinematics: Kinematics) -> None:
        arms = [names for names in robot.groups.values() if set(names) <= set(robot.parts["arms"])]
        self.hands = {  # an arm's last joint turns its hand, and none of the others
            hand: names for hand in kinematics.hands(robot) for names in arms if kinematics.jacobian(hand, names[-1:], {}).any()
        }
        self._reach = {hand: Reach(robot, kinematics, hand, names) for hand, names in self.hands.items()}
        self._speeds = {hand: SPEED * robot.limits(names, "max_velocity") for hand, names in self.hands.items()}
        self._drags: dict[str, _Drag] = {}

    def pose(self, hand: str, measured: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Place (3,) [m] and rotation (3, 3) of a hand in the root link."""
        return self._reach[hand].pose(measured)

    @property
    def complaint(self) -> str:
        """What is out of reach; empty: nothing."""
        return "; ".join(drag.complaint for drag in self._drags.values() if drag.complaint)

    @property
    def dragged(self) -> tuple[str, ...]:
        """The hands that are."""
        return tuple(self._drags)

    def drag(self, hand: str, place: np.ndarray, rotation: np.ndarray) -> None:
        """A hand is to be there, until `release`."""
        drag = self._drags.get(hand)
        self._drags[hand] = _Drag(place, rotation, drag.targets if drag else {}, drag.complaint if drag else "")

    def release(self) -> None:
        """Nothing is dragged any more."""
        self._drags = {}

    def step(self, measured: Mapping[str, float], seconds: float) -> dict[str, float]:
        """Targets [rad] a moment later, of the arms whose hands are dragged; of one that was not measured yet none."""
        found: dict[str, float] = {}
        for hand, drag in list(self._drags.items()):
            names = self.hands[hand]
            if not measured.keys() >= set(names):
                continue
            targets = drag.targets or {name: measured[name] for name in names}
            reached = self._reach[hand].towards({**measured, **targets}, drag.place, drag.rotation)
            before, after = (np.array([q[name] for name in names]) for q in (targets, reached.positions))
            way = after - before
            share = min(1.0, float(np.min(self._speeds[hand] * seconds / np.maximum(np.abs(way), 1e-9))))
            drag.targets = dict(zip(names, (before + share * way).tolist(), strict=True))
            drag.complaint = self._complaint(hand, drag, reached, measured) if reached.settled and share == 1.0 else ""
            found |= drag.targets
        return found

    def _complaint(self, hand: str, drag: _Drag, reached: Reached, measured: Mapping[str, float]) -> str:
        """Why a hand is not where it is dragged, once its targets are as near as they come; empty: it is there, or on its way."""
        if reached.off > TOLERANCE[0] or reached.turned > TOLERANCE[1]:
            return f"{hand} is out of reach by {100.0 * reached.off:.0f} cm, {np.degrees(reached.turned):.0f} deg"
        behind = float(np.linalg.norm(self.pose(hand, measured)[0] - drag.place))
        return f"{hand} is {100.0 * behind:.0f} cm behind" if behind > BEHIND else ""
