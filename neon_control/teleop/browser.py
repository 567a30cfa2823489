"""A hand in a browser: sliders, keys, a gamepad, and hands of the robot that are dragged in its picture. What is held is a dead-man's.

One page at a time has the hand, once somebody has armed it there. What is held counts while the page says so, again and again, in answer to
what it heard from us less than `silence` ago: a browser that was killed, a tab that hangs, a network that stalls have let go. Then whatever
is still held has to be let go of, and pressed anew.
"""

from __future__ import annotations

import threading

import numpy as np

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.teleop.browser_message import Said
from neon_control.teleop.dragged import DraggedHands
from neon_control.teleop.gamepad import Gamepad
from neon_control.teleop.wish import Wish

SILENCE = 0.12  # [s] the page speaks every 0.02 s, in answer to what we say as often
DRAG_FIRST = 0.1  # [s] within which the page tells of the pointer by which a hand is dragged already: two connections
SHARE = 0.4  # of the base's velocity limits, with which a key or a slider's end drives


class BrowserHand:
    """See the module's text. `arm`, `hear` and `drag` may be called from another thread than `wish`.

    Attributes:
        page: which page has the hand; empty: none.
        measured: joint -> position [rad] of the robot; kept up to date by whoever listens.
        gamepad: what a gamepad that the page tells of does; None: nothing.
        has_lost: whether what was held does not count any more, and has to be pressed anew.
        gave: how often it was heard that the page gives back: it says so until then.

    Args:
        silence: [s] see the module's text.
    """

    def __init__(self, robot: Robot, kinematics: Kinematics, silence: float = SILENCE) -> None:
        self._silence = silence
        self._speeds = None if robot.base is None else SHARE * robot.base.max_velocity
        self.hands = DraggedHands(robot, kinematics)
        self.measured: dict[str, float] = {}
        self.gamepad: Gamepad | None = None
        self.page, self.has_lost, self.gave = "", False, 0
        self._lock = threading.RLock()
        self._said: Said | None = None
        self._held, self._then = False, 0.0  # [s] of the last wish
        self._drag_began: float | None = None  # [s]; None: the page has told of the pointer since, or nothing is dragged

    @property
    def held(self) -> bool:
        """Whether the robot was wanted when it was last asked."""
        return self._held

    def arm(self, page: str) -> bool:
        """A page takes the hand; False where another one has it."""
        with self._lock:
            if self.page in ("", page):
                self.page, self._said = page, None
                self.has_lost, self._held = True, False  # what is held already was not pressed for the robot
            return self.page == page

    def disarm(self, page: str) -> None:
        """A page puts the hand away, or is gone; nothing where it has it not."""
        with self._lock:
            if self.page == page:
                self.page, self._said, self._held = "", None, False
                self.hands.release()

    def hear(self, page: str, said: Said) -> None:
        """What a page says; of one that has not the hand it counts for nothing."""
        with self._lock:
            if self.page == page:
                self._said = said

    def drag(self, page: str, hand: str, place: np.ndarray, rotation: np.ndarray, now: float) -> None:
        """A page drags a hand of the robot to a pose in its root link; likewise."""
        with self._lock:
            if self.page == page:
                self._drag_began = self._drag_began if hand in self.hands.dragged else now
                self.hands.drag(hand, place, rotation)

    def wish(self, now: float) -> Wish:
        """What is wanted at `now` [s]."""
        with self._lock:
            passed, self._then = min(now - self._then, 0.1), now
            said = self._said
            if said is None or now - said.echo > self._silence:
                self.has_lost |= self._held
                self._let_go()
                return Wish()
            self._follow_pointer(said, now)
            pad = self._of_gamepad(said, now)
            wants = said.held or pad.held or bool(self.hands.dragged and said.pointer)
            if not wants or self.has_lost:
                self.has_lost &= said.held or said.pointer or pad.held
                self._let_go()
                self.gave += said.gives_back
                return Wish(gives_back=said.gives_back or pad.gives_back)
            self._held = True
            joints = {**pad.joints, **said.joints, **self.hands.step(self.measured, passed)}
            drive = None if self._speeds is None else said.drive * self._speeds
            return Wish(True, joints=joints, drive=pad.drive if pad.drive is not None and np.any(pad.drive) else drive)

    def _of_gamepad(self, said: Said, now: float) -> Wish:
        if self.gamepad is None or said.pad is None:
            return Wish()
        self.gamepad.jog.measured = self.measured
        self.gamepad.hear(*said.pad, now)
        return self.gamepad.wish(now)

    def _follow_pointer(self, said: Said, now: float) -> None:
        """Hands are dragged no longer than the pointer is down."""
        if said.pointer:
            self._drag_began = None
        elif self._drag_began is None or now - self._drag_began > DRAG_FIRST:
            self.hands.release()

    def _let_go(self) -> None:
        self._held = False
        if self.gamepad is not None:
            self.gamepad.jog.release()
        if self._drag_began is None:
            self.hands.release()
