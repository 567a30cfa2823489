"""How the joints' motion goes on, period by period: which instants are to be decided on, and the limiter's step for each of them.

After a stall the motion does not go on from what the executor had decided last, but from where the controllers will be by then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.clearance import ClearanceGuard
from neon_control.core.control.command import Command
from neon_control.core.control.joining import Joining
from neon_control.core.control.limits import Limiter
from neon_control.core.control.promise import Motion, Promise
from neon_control.core.control.smoothing import Smoothing

MOST_STEPS = 8  # of the joints in one tick, to make up for periods that were missed
GENTLY = 0.6  # of the largest change of the rate, with which joints brake whose leader changes: what they are led to adds its own
NONE = slice(0, 0)


class Continuing:
    """Of the first J axes of `limiter`; the others, the base's, act at once.

    Args:
        step: [ns] control period.
        lead: [ns] how far ahead of now joints are decided on.
        stepped_clock: the clock is a simulation's, and may come in steps of several periods.
        smoothing: what targets of joints pass before the limiter; None: nothing.

    Attributes:
        lead: the same, longer while a clock comes in long steps.
        begun: whether the joints have a motion.
        resumed: how often it was taken up again after a stall, from where the controllers would be by then.
    """

    def __init__(
        self,
        limiter: Limiter,
        size: int,
        joining: Joining,
        step: int,
        lead: int,
        stepped_clock: bool,
        smoothing: Smoothing | None = None,
    ) -> None:
        self._limiter, self._joining, self._smoothing = limiter, joining, smoothing
        self._joints, self._base = slice(0, size), slice(size, None)
        self._step, self._least_lead, self._stepped = step, lead, stepped_clock
        self.promise = Promise(joining.columns, size)
        self.restart()

    def restart(self) -> None:
        """Nothing commanded."""
        self.lead = self._least_lead
        self.begun = False
        self.resumed = 0
        self._sent: dict[str, tuple[int, Motion]] = {}  # of those that stand: when [ns] they were sent a set point, and of which motion
        self._sent_before = self._sent  # the same without the newest command

    def begin(self, now: int, pose: np.ndarray) -> None:
        """Stand at `pose` (J,) [rad], from `now` [ns] on."""
        self.promise.begin(now + self.lead, pose)
        self.begun = True

    def passed(self, nanoseconds: int) -> None:
        """So much time went by since the tick before."""
        if self._stepped and 0 < nanoseconds < NANOSECONDS:  # slowly forgotten: the next step may be as long
            self.lead = max(self._least_lead + nanoseconds - self._step, self.lead - (self.lead - self._least_lead) // 256)

    def shift(self, by: int) -> None:
        """The clock was set by so much [ns]."""
        self.promise.shift(by - self._step)
        self._joining.shift(by - self._step)

    def due(self, now: int) -> list[int]:
        """(N,) [ns] instants to decide on."""
        if not self.begun:
            return []
        promise = self.promise
        if not promise.is_continued(now, self.lead):
            for name, (sent, motion) in self._sent.items():
                if now - sent > self.lead // 2 + self._step:
                    promise.stood(name, self._taken_up_again(now, sent, motion))
            self._limiter.put(self._joints, *promise.resume(now, self.lead))
            self.resumed += 1
        ahead = math.trunc((promise.end - now - self.lead) / self._step)
        return [promise.end + (k + 1) * self._step for k in range(min(max(1 - ahead, 0), MOST_STEPS))]

    def advance(
        self,
        due: Sequence[int],
        targets: Sequence[np.ndarray],
        braking: slice | np.ndarray = NONE,
        guard: ClearanceGuard | None = None,
    ) -> None:
        """Step the limiter once for each instant [ns] that is due, the base once in all, towards the targets (N or 1, J + 3).

        Args:
            braking: axes that come to rest instead.
            guard: refuses what would lead too near to something; the joints brake then.
        """
        joints, limiter = self._joints, self._limiter
        smoothing = None if isinstance(braking, slice) and braking != NONE else self._smoothing  # it has no part in a stop
        if not due:
            kept = limiter.state(joints)
            limiter.step(targets[-1], braking)
            limiter.restore(joints, kept)
        for k, instant in enumerate(due):
            base = limiter.state(self._base) if k else None
            target = targets[min(k, len(targets) - 1)]
            if smoothing is not None:
                target = smoothing.smooth(target)
            if guard is None:
                limiter.step(target, braking)
            else:
                guard.step(limiter, self._joints, target)
            if base is not None:
                limiter.restore(self._base, base)
            for columns, (value, rate) in self._joining.entering(instant):
                limiter.put(columns, value, rate)
            self.promise.add(instant, limiter.value[joints], limiter.rate[joints])

    def leave(self) -> Motion:
        """Somebody else leads from here on: the way on which the joints would come to rest, all at once, if nobody did."""
        limiter, joints, end = self._limiter, self._joints, self.promise.end
        if self._smoothing is not None:
            limiter = self._smoothing.leave()
        else:
            limiter.leave(joints)
        return Motion.after(end, limiter.rest_path(joints, GENTLY)).from_start(end, limiter.value[joints], limiter.rate[joints])

    def command(self, now: int, splice: int) -> Command:
        """What is sent at `now` [ns]; it says something new from `splice` [ns] on."""
        self._motion = motion = self.promise.close(now, self._tail())
        self._sent_before, self._sent = self._sent, dict.fromkeys(self._joining.standing, (now, motion))
        base = self._limiter.value[self._base]
        return Command(now + self._step, motion, self._joining.messages(motion), base, splice, splice - self.lead // 2)

    def _tail(self) -> Motion:
        """What follows the newest knot: the way to rest, and of those that are not joined the rest of the way that they were sent."""
        end, joints, limiter = self.promise.end, self._joints, self._limiter
        rest = Motion.after(end, limiter.rest_path(joints))
        turns = self._joining.instants()
        if not turns:  # the usual case, in every tick
            return rest
        rest = rest.from_start(end, limiter.value[joints], limiter.rate[joints])
        instants = np.unique(np.concatenate([rest.times, *turns]))
        rows = []
        for instant in instants[instants > end].tolist():
            value, rate = (column.copy() for column in rest.at(instant))
            for columns, state in self._joining.entering(instant):
                value[columns], rate[columns] = state
            rows.append((instant, value, rate))
        return Motion(*(np.array(column) for column in zip(*rows, strict=True)))

    def sent(self, controller: str, now: int) -> None:
        """A controller that stands was sent the newest command at `now` [ns], not at the time of its tick."""
        if controller in self._sent:
            self._sent[controller] = now, self._motion

    def withdraw(self, controller: str) -> None:
        """The newest command was not sent to this one."""
        self.promise.withdraw(controller)
        self._sent.pop(controller, None)
        if controller in self._sent_before:
            self._sent[controller] = self._sent_before[controller]

    def _taken_up_again(self, now: int, sent: int, motion: Motion) -> Motion:
        """How joints go on whose controllers stood where the last set point had led them: with what is left of their velocity, to rest."""
        joints, limiter = self._joints, self._limiter
        value, rate = motion.at(sent + self._step)
        stood = max(now - sent - self._step, 0) / NANOSECONDS
        left = np.sign(rate) * np.maximum(np.abs(rate) - limiter.max_change[joints] * stood, 0.0)
        limiter.put(joints, value, left)
        begin = now + self._step
        return Motion.after(begin, limiter.rest_path(joints)).from_start(begin, value, left)
