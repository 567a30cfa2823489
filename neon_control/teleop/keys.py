"""The keyboard of a terminal as a hand on the robot.

A terminal tells of a key that goes down, and repeats it while it stays there; it tells neither of its going up nor of two keys at once.
So the button counts as held for a moment after each key, long enough to bridge the pause before a terminal begins to repeat. A key moves a
joint by one step, and the base for as long as it repeats.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.teleop.jog import Jog
from neon_control.teleop.wish import Wish

FIRST, REPEATED = 0.7, 0.3  # [s] for which a key counts as held: terminals wait up to 0.66 s, then repeat 10 to 30 times a second
REPEATS = 0.2  # [s] between two keys that are one held key
DRIVEN = 0.3  # [s] for which a key drives
DRIVES = {"w": (0, 1), "s": (0, -1), "q": (1, 1), "e": (1, -1), "a": (2, 1), "d": (2, -1)}  # axis of the base, sign
STEPS = {"k": 1, "j": -1}
CHOICES = {"n": 1, "b": -1}
HELP = """\
  space      hold the enabling button, and move nothing
  j  k       move the chosen joint down, up by one step
  b  n       choose the joint before, after (does not hold the button)
  w s  q e  a d   drive forwards, backwards; left, right; turn left, right
  g          give back to the policy
  Ctrl-C     end; the robot stops if the button was held"""


class Keys:
    """See the module's text.

    Args:
        names: joints that may be moved; none: the keys are a button only.
        step: [rad] by which a key moves a joint.
        speed: share of the base's velocity limits with which a key drives.
    """

    def __init__(self, robot: Robot, names: Sequence[str], step: float, speed: float) -> None:
        self.jog = Jog(robot, names)
        self._names, self._step, self._chosen = list(names), step, 0
        self._speeds = None if robot.base is None or not names else speed * robot.base.max_velocity
        self._pressed, self._until = -np.inf, -np.inf  # [s]
        self._drive, self._drive_until = np.zeros(3), -np.inf
        self._gives_back = False

    @property
    def chosen(self) -> str:
        """The joint that keys move."""
        return self._names[self._chosen] if self._names else ""

    def press(self, key: str, now: float) -> None:
        """A key came at `now` [s]."""
        if key == "g":
            self._gives_back, self._until = True, -np.inf
        elif key in CHOICES and self._names:
            self._chosen = (self._chosen + CHOICES[key]) % len(self._names)
        elif key == " " or (self._names and (key in STEPS or key in DRIVES)):
            if now > self._until:
                self.jog.release()
            self._until = now + (REPEATED if now - self._pressed < REPEATS else FIRST)
            self._pressed, self._gives_back = now, False
            if key in STEPS:
                self.jog.move(self.chosen, STEPS[key] * self._step)
            elif key in DRIVES and self._speeds is not None:
                axis, sign = DRIVES[key]
                self._drive = sign * self._speeds * (np.arange(3) == axis)
                self._drive_until = now + DRIVEN

    def wish(self, now: float) -> Wish:
        """What is wanted at `now` [s]."""
        if now > self._until:
            self.jog.release()
            gives_back, self._gives_back = self._gives_back, False
            return Wish(gives_back=gives_back)
        drive = None if self._speeds is None else self._drive if now <= self._drive_until else np.zeros(3)
        return Wish(True, joints=dict(self.jog.targets), drive=drive)
