"""The executor's states: when it may follow the policy, and how it stops.

| state    | what is commanded                                   | leaves when (first that holds)                        | to       |
|----------|-----------------------------------------------------|-------------------------------------------------------|----------|
| waiting  | nothing: not all joints have a fresh measurement    | stop asked                                            | stopped  |
|          |                                                     | joint states fresh                                    | holding  |
| holding  | the pose measured at standstill; base zero          | e-stop                                                | estopped |
|          |                                                     | stop asked, at rest                                   | stopped  |
|          |                                                     | fresh joint states and chunks, no fault, no stop asked | ramping  |
| ramping  | from the held pose to the leader's, over the ramp   | e-stop                                                | estopped |
|          |                                                     | a fault, or stop asked                                | braking  |
|          |                                                     | ramp over                                             | running  |
| running  | the leader's target                                 | e-stop                                                | estopped |
|          |                                                     | a fault, or stop asked                                | braking  |
| braking  | joints to rest, base to zero, within their limits   | e-stop                                                | estopped |
|          |                                                     | at rest                                               | holding  |
| estopped | as braking, then as holding                         | stop asked, at rest                                   | stopped  |
|          |                                                     | released and reset                                    | braking  |
| stopped  | nothing more                                        | (activated again)                                     | waiting  |

The leader is the policy, or a person who has taken over (`takeover.py`); who of them it is makes no state, as both are followed alike.

Faults are: joint states stale or in doubt, tracking error above its limit, a joint that does not follow, a controller that does not
listen, a person who leads and falls silent, chunks stale or their publisher gone while the policy leads, bodies about to come too near to
each other. They end by themselves, the silence only with a word; the e-stop is latched until it is released and reset, also through a
deactivation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """See the table above; equal to its name on /diagnostics."""

    WAITING = "waiting"
    HOLDING = "holding"
    RAMPING = "ramping"
    RUNNING = "running"
    BRAKING = "braking"
    ESTOPPED = "estopped"
    STOPPED = "stopped"


FOLLOWING = (State.RAMPING, State.RUNNING)


@dataclass(frozen=True)
class Conditions:
    """What the executor sees in one tick."""

    joints_fresh: bool
    chunks_fresh: bool  # or a person leads
    tracking: bool  # measured and commanded pose lie close together
    at_rest: bool  # the last command moved neither joints nor base
    ramp_over: bool
    following: bool = True  # the controllers do what they are told, as far as is known
    listened: bool = True  # every controller listens
    held: bool = True  # who has taken over holds the button; nobody has: true as well
    apart: bool = True  # the robot's bodies keep their clearance on the way that is about to be commanded


_TABLE: dict[State, tuple[tuple[str, State], ...]] = {
    State.WAITING: (("stop", State.STOPPED), ("joints_fresh", State.HOLDING)),
    State.HOLDING: (("estop", State.ESTOPPED), ("halted", State.STOPPED), ("clear", State.RAMPING)),
    State.RAMPING: (("estop", State.ESTOPPED), ("fault", State.BRAKING), ("ramp_over", State.RUNNING)),
    State.RUNNING: (("estop", State.ESTOPPED), ("fault", State.BRAKING)),
    State.BRAKING: (("estop", State.ESTOPPED), ("at_rest", State.HOLDING)),
    State.ESTOPPED: (("halted", State.STOPPED), ("no_estop", State.BRAKING)),
    State.STOPPED: (),
}


class Supervisor:
    """The state machine; one transition at most in a tick.

    Attributes:
        state: the present state.
        cause: why the policy is not followed, as of the last tick; empty when it is.
        stops: how often following ended, by cause.
    """

    def __init__(self) -> None:
        self.state = State.WAITING
        self.cause = ""
        self.stops: Counter[str] = Counter()
        self._estop_pressed = False
        self._estop_latched = False
        self._stop = False

    def restart(self) -> None:
        """Begin anew from `waiting` (activation). A latched e-stop stays."""
        self.state, self.cause, self._stop = State.WAITING, "", False

    def request_stop(self) -> None:
        """Come to rest and end in `stopped`."""
        self._stop = True

    def press_estop(self, pressed: bool) -> None:
        """The e-stop button: pressing latches, releasing does not unlatch."""
        self._estop_pressed = pressed
        self._estop_latched |= pressed

    def reset(self) -> bool:
        """Unlatch the e-stop; False, and no change, while the button is still pressed."""
        if self._estop_pressed:
            return False
        self._estop_latched = False
        return True

    @property
    def estopped(self) -> bool:
        """Whether the e-stop is latched."""
        return self._estop_latched

    def update(self, seen: Conditions) -> bool:
        """Take at most one transition; True when the state changed."""
        self.cause = self._fault(seen)
        holds = {
            "stop": self._stop,
            "joints_fresh": seen.joints_fresh,
            "estop": self._estop_latched,
            "no_estop": not self._estop_latched,
            "halted": self._stop and seen.at_rest,
            "fault": bool(self.cause),
            "clear": not self.cause,
            "ramp_over": seen.ramp_over,
            "at_rest": seen.at_rest,
        }
        for condition, successor in _TABLE[self.state]:
            if holds[condition]:
                if self.state in FOLLOWING and successor not in FOLLOWING:
                    self.stops[self.cause] += 1
                self.state = successor
                return True
        return False

    def _fault(self, seen: Conditions) -> str:
        if self._estop_latched:
            return "estop"
        if self._stop:
            return "stop"
        if not seen.joints_fresh:
            return "joint_states"
        if not seen.tracking:
            return "tracking_error"
        if not seen.listened:
            return "listeners"
        if not seen.following:
            return "not_following"
        if not seen.held:
            return "takeover"
        if not seen.chunks_fresh:
            return "chunks"
        return "" if seen.apart else "clearance"
