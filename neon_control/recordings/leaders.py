"""Who led the robot in a recording: the policy, or a person (in the simulation the expert) who took over.

The executor says so on the topic `commander`, which is latched: what it said last counts until it says something else, and what a recorder
heard first was so from its beginning. A recording without that topic is a demonstration: somebody led all the time.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.executor import NOBODY, POLICY, TAKEOVER
from neon_control.core.robot.topic_names import COMMANDER
from neon_control.recordings.bag.messages import TEXT

SHOWN, LED_BY_POLICY, LED_BY_PERSON, LED_BY_NOBODY = range(4)  # whose action a sample is; SHOWN: a demonstration's
LEADERS = {POLICY: LED_BY_POLICY, TAKEOVER: LED_BY_PERSON, NOBODY: LED_BY_NOBODY}
NEVER = math.inf  # [s]
FAR = 2**63 - 1  # [ns]


class Leaders:
    """Filled in the order of time."""

    def __init__(self) -> None:
        self._times: list[int] = []  # [ns] from when on the next one leads
        self._who: list[int] = []

    def say(self, word: str, time: int) -> None:
        """The executor says a word at `time` [ns]; one that it does not know is nobody who may be imitated."""
        who = LEADERS.get(word, LED_BY_NOBODY)
        if not self._who or self._who[-1] != who:
            self._times.append(time)
            self._who.append(who)

    def at(self, time: int) -> int:
        """Who leads at `time` [ns]."""
        return self._who[self._place(time)] if self._who else SHOWN

    def until(self, time: int) -> int:
        """[ns] when somebody else leads than at `time`."""
        place = self._place(time) + 1
        return self._times[place] if place < len(self._times) else FAR

    def before_takeover(self, time: int, end: int) -> float:
        """[s] from `time` to when a person leads the next time before `end` [ns], whoever leads meanwhile; `NEVER` where he does not."""
        for begin, who in zip(self._times[self._place(time) + 1 :], self._who[self._place(time) + 1 :], strict=True):
            if begin >= end:
                break
            if who == LED_BY_PERSON:
                return (begin - time) / NANOSECONDS
        return NEVER

    def _place(self, time: int) -> int:
        return max(bisect_right(self._times, time) - 1, 0)


def leaders_topic(types: dict[str, str]) -> str:
    """The topic, of a bag's topics and their types, on which the executor says who leads, in whatever namespace; empty: there is none."""
    return next((name for name, kind in sorted(types.items()) if kind == TEXT and name.split("/")[-1] == COMMANDER), "")
