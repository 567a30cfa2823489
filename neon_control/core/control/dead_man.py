"""Whether a person holds the button that lets him lead the robot: a stream of `true`, which only a living hand and a living program send.

    off       nobody has taken over: the policy leads
    held      `true` came within the last `timeout`: the person leads
    let_go    it was held, and then nothing came: whether a hand, a program or a network let go, nobody leads, and the robot stops

Silence never gives the robot back to the policy that somebody had to stop: `false` does, or holding the button again goes on. A program
that says `false` all the time, because its own button is up, gives nothing back that another one's silence left behind.

Times are nanoseconds of a clock that nobody sets.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.nanoseconds import NANOSECONDS

KNOWN = 16  # publishers that are remembered


class Hold(str, Enum):
    """See the module's text; equal to its name on /diagnostics."""

    OFF = "off"
    HELD = "held"
    LET_GO = "let_go"


class DeadMan:
    """See the module's text.

    Args:
        timeout: [s] of silence that lets go.

    Attributes:
        state: as of the last call.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = round(timeout * NANOSECONDS)
        self.state = Hold.OFF
        self._holder: object = None
        self._pressed = 0  # [ns] when the holder said so last
        self._spoke: OrderedDict[object, int] = OrderedDict()  # publisher -> [ns] when it said anything last

    def hear(self, pressed: bool, source: object, now: int) -> None:
        """A message of `source` came at `now` [ns].

        Raises:
            ChunkError: with reason `other_publisher`, while somebody else holds his button.
        """
        self.update(now)
        before = self._spoke.pop(source, None)
        self._spoke[source] = now
        if len(self._spoke) > KNOWN:
            self._spoke.popitem(last=False)
        if self.state is Hold.HELD and source != self._holder:
            raise ChunkError("other_publisher", "two publishers tell of an enabling button at once; the one that is held is followed")
        if pressed:
            self.state, self._holder, self._pressed = Hold.HELD, source, now
        elif self.state is Hold.HELD or before is None or now - before > self._timeout:
            self.state = Hold.OFF

    def update(self, now: int) -> Hold:
        """The state at `now` [ns]."""
        if self.state is Hold.HELD and now - self._pressed > self._timeout:
            self.state = Hold.LET_GO
        return self.state

    def silent(self, now: int) -> float:
        """[s] since the button was last said to be held."""
        return (now - self._pressed) / NANOSECONDS
