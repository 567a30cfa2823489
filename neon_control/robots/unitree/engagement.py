"""Who has the arms: the robot's own controller, or we, and how they are handed over.

    waiting -> engaging -> engaged -> releasing -> waiting, released or fault

The weight goes up by equal steps from message to message, whatever the clock does: a driver that was held up goes on where it was. On the
way down it makes up for messages that were left out, as far as one step may be.
"""

from __future__ import annotations

from enum import Enum

from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.settings import MOST_WEIGHT_STEP, DriverSettings

LAST_ZEROS = 0.1  # [s] of messages with the weight 0, in case the last one of them is lost


class State(Enum):
    """See the module's text."""

    WAITING = "waiting"  # something is missing, see the problem; or nothing is, for less than `settle_time`
    ENGAGING = "engaging"  # the weight goes up, over the pose that was measured when this began
    ENGAGED = "engaged"  # controllers' commands are followed
    RELEASING = "releasing"  # at rest, or on the shortest way to it; the weight goes down
    RELEASED = "released"  # somebody asked for it
    FAULT = "fault"  # nothing is sent until somebody calls ~/engage


SENDING = (State.ENGAGING, State.ENGAGED, State.RELEASING)


class Engagement:
    """The state machine, one step a message.

    Attributes:
        state: where it is.
        weight: 0 to 1, of the message that is due.
        problem: what keeps it from being engaged, or why it was released; None while there is nothing.
        left: weight that another client left on the robot, as long as nobody has taken it over.
    """

    def __init__(self, settings: DriverSettings) -> None:
        period = 1.0 / settings.rate_hz
        self.state, self.weight = State.WAITING, 0.0
        self.problem: Problem | None = None
        self._up = min(period / settings.engage_time, MOST_WEIGHT_STEP)
        self._down, self._passed = min(period / settings.release_time, MOST_WEIGHT_STEP), 1
        self._most = settings.max_weight
        self._settle, self._clear = round(settings.settle_time / period), 0
        self._zeros, self._sent_zeros = max(1, round(LAST_ZEROS / period)), 0
        self._asked: Problem | None = None  # to release, and why
        self.left = 0.0

    @property
    def sending(self) -> bool:
        """Whether a message is due."""
        return self.state in SENDING

    @property
    def idle(self) -> bool:
        """Whether the arms are the robot's own, and stay so without further words."""
        return self.state in (State.RELEASED, State.FAULT) or (self.state is State.WAITING and self._asked is not None)

    def inherit(self, weight: float) -> None:
        """Another client was killed and has left the robot with this weight: lower it from there, before anything else."""
        self.left = weight

    def take_over(self) -> bool:
        """Begin to lower the weight that was left, if there is one; the pose is known now."""
        left, self.left = self.left, 0.0
        if not self.sending and left > 0.0:
            text = f"a driver that was killed left the weight at {left:.2f}; it is lowered first"
            self.weight, self.problem, self.state, self._sent_zeros = left, Problem("left", text), State.RELEASING, 0
            return True
        return False

    def release(self, problem: Problem) -> None:
        """Give the arms back, and keep away from them until `engage`."""
        self._asked = problem

    def engage(self) -> None:
        """Take them again as soon as nothing is wrong; whoever calls this has looked what was."""
        self._asked, self._clear = None, 0
        if self.state in (State.RELEASED, State.FAULT):
            self.state, self.problem = State.WAITING, None

    def step(self, found: Problem | None, periods: int = 1) -> None:
        """One message further; `found` is what is wrong now, `periods` have passed since the last one."""
        self._passed = periods
        problem = self._asked or found
        if self.state is State.WAITING:
            self._wait(problem)
        elif self.state in (State.ENGAGING, State.ENGAGED):
            if problem is None:
                self.weight = min(self._most, self.weight + self._up)
                self.state = State.ENGAGED if self.weight >= self._most else State.ENGAGING
            else:
                self.problem, self.state, self._sent_zeros = problem, State.RELEASING, 0
                self._lower()
        elif self.state is State.RELEASING:
            if problem is not None and problem.latched and self.problem is not None and not self.problem.latched:
                self.problem = problem  # what has to be looked at counts, also where it came second
            self._lower()
            if self._sent_zeros > self._zeros:
                self._released()

    def _wait(self, problem: Problem | None) -> None:
        if problem is not None:
            self.problem, self._clear = problem, 0
            if problem.latched:
                self.state = State.FAULT
            elif self._asked is not None:
                self.state = State.RELEASED
            return
        self._clear += 1
        if self._clear >= self._settle:
            self.problem, self.state, self.weight = None, State.ENGAGING, 0.0

    def _lower(self) -> None:
        self.weight = max(0.0, self.weight - min(MOST_WEIGHT_STEP, self._down * self._passed))
        self._sent_zeros += self.weight == 0.0

    def _released(self) -> None:
        self._clear = 0
        latched = self.problem is not None and self.problem.latched
        self.state = State.FAULT if latched else State.RELEASED if self._asked is not None else State.WAITING
