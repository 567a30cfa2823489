"""Which end of a gripper's range is open: the one where what it moves is further apart. The sign of a joint says nothing of it.

The links that the gripper's joints move, those that follow them included, are placed at both ends of the range. A pair of fingers shows in
their origins, tips and pads; one jaw against a fixed one, or fingers whose links all lie on their axes, do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.urdf import Urdf

CLEAR = 0.002  # [m] by which the links have to come nearer


def openings(urdf: Urdf, kinematics: Kinematics, names: Sequence[str]) -> tuple[float, float, str] | None:
    """`open` and `closed` of a gripper, and how that is known: open is where its links are further apart. None: it cannot be seen."""
    limits = [joint.limit for name in names if (joint := urdf.joints[name]).kind != "continuous"]
    ends = {limit[:2] for limit in limits if limit is not None and math.isfinite(limit[0]) and limit[0] < limit[1] < math.inf}
    if len(ends) != 1 or len(limits) != len(names) or None in limits:
        return None
    lower, upper = ends.pop()
    moved = [joint.child for joint in urdf.joints.values() if joint.source in names]
    links = [link for link in kinematics.parents if _hangs_on(kinematics, link, moved)]
    places = kinematics.poses(links, {name: np.array([lower, upper]) for name in names})[0]  # (L, 2, 3)
    places = places[np.linalg.norm(places[:, 1] - places[:, 0], axis=1) > CLEAR / 2]
    if len(places) < 2:
        return None
    width = [max(float(np.linalg.norm(places[:, i] - place, axis=1).max()) for place in places[:, i]) for i in (0, 1)]
    if abs(width[1] - width[0]) < CLEAR:
        return None
    wide, narrow = (upper, lower) if width[1] > width[0] else (lower, upper)
    return wide, narrow, f"its links are {1e3 * max(width):.0f} mm apart, and not {1e3 * min(width):.0f}"


def _hangs_on(kinematics: Kinematics, link: str, carriers: Sequence[str]) -> bool:
    while link not in carriers:
        if link not in kinematics.parents:
            return False
        link = kinematics.parents[link]
    return True
