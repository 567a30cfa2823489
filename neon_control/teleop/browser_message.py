"""What a browser says of the hand in it, fifty times a second: everything that is held at that moment, as one JSON object.

A message stands for itself: who lost some of them knows all the same what is held. `t` is the time of the newest message that the browser
had from us, so that its age can be told by one clock, ours: neither a browser that hangs nor a network that delivers in bursts can pass
off what was held a while ago for what is held now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot import Robot
from neon_control.teleop.browser_pad import as_joy

MOST_BYTES, MOST = 16384, 1e12


@dataclass(frozen=True)
class Said:
    """See the module's text."""

    echo: float  # [s] of our clock
    held: bool = False  # a button, a key or a slider
    pointer: bool = False  # the pointer is down anywhere on the page: whatever it drags is held
    gives_back: bool = False
    joints: Mapping[str, float] = field(default_factory=dict)  # joint -> position [rad] or [m] of sliders that were moved, within its range
    pad: tuple[list[float], list[int]] | None = None  # axes and buttons of a gamepad, as of `sensor_msgs/Joy`; None: there is none
    drive: np.ndarray = field(default_factory=lambda: np.zeros(3))  # of the base, as shares of what it is driven with at most


def read(text: str | bytes, robot: Robot) -> Said:
    """A message as it came; ObservationError for what is none."""
    if len(text) > MOST_BYTES:
        raise ObservationError(f"the page said {len(text)} bytes at once, at most {MOST_BYTES} are read")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ObservationError(f"the page said what is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise ObservationError(f"the page said a {type(data).__name__}, an object is needed")
    joints = data.get("joints", {})
    unknown = sorted(set(joints) - set(robot.joints)) if isinstance(joints, dict) else ["joints"]
    if unknown:
        raise ObservationError(f"the page moves {unknown[:3]}, which robot {robot.name} has not")
    drive = _numbers("drive", data.get("drive", [0.0] * 3))
    if len(drive) != 3:
        raise ObservationError(f"the page drives by {len(drive)} numbers, 3 are needed")
    positions = dict(zip(joints, _numbers("joints", list(joints.values())), strict=True))
    held, pointer, back = (data.get(name) is True for name in ("held", "pointer", "back"))
    within = {n: min(max(q, robot.joints[n].safe_lower), robot.joints[n].safe_upper) for n, q in positions.items()}
    return Said(_numbers("t", [data.get("t")])[0], held, pointer, back, within, _pad(data.get("pad")), np.clip(drive, -1.0, 1.0))


def _pad(data: Any) -> tuple[list[float], list[int]] | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ObservationError(f"the page said pad: {str(data)[:60]}, an object is needed")
    axes, buttons = (_numbers(f"pad: {name}", data.get(name)) for name in ("axes", "buttons"))
    return as_joy([min(max(a, -1.0), 1.0) for a in axes], buttons, data.get("standard") is True)


def _numbers(name: str, values: Any) -> list[float]:
    good = isinstance(values, list) and all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < MOST for v in values)
    if not good:
        raise ObservationError(f"the page said {name}: {str(values)[:60]}, numbers are needed")
    return [float(value) for value in values]
