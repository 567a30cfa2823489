"""Whether measured joints can be true: a joint cannot jump, and publishers that report the same joint have to agree.

A witness is a publisher's messages with one list of names. Middleware that does not tell who has sent a message (Jazzy) leaves one witness
for all who send the same names; then only jumps to and fro tell them apart, which takes longer to rule out.

| a message                                                    | what becomes of it                                               |
|--------------------------------------------------------------|------------------------------------------------------------------|
| moves each joint by what it can have moved, or less          | believed, once its witness is                                    |
| jumps                                                        | refused                                                          |
| jumps, and the one before had jumped to the same place       | its joints are in doubt; the witness begins anew from there      |
| jumps, less than `QUIET` after another jump                  | its joints are in doubt; the witness is not believed for `QUIET` |
| differs from what another witness says of a joint            | refused; its joints are in doubt, and both witnesses begin anew  |

A witness is believed once `MESSAGES` messages of it agree and cover `SETTLE`, and as many of everybody else who reports its joints; a new
one not before it has been known for `met_for`. A joint
in doubt counts as not measured at once, and until a message is believed again; a single message that jumps brings no joint in doubt.

What a joint can have moved is `SPEED` times its velocity limit times the time between the stamps, and a tolerance. With zeros beside the
true pose, of which a joint lies at 1.5 rad: neither publisher is believed, and the text names joint, positions and both publishers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS
from neon_control.core.sensing.joint_message import EVERY, Layout

SETTLE = 0.05  # [s] over which a witness must agree with itself and all others before it is believed
SETTLE_UNTOLD = 0.5  # [s] the same where the middleware does not tell publishers apart: one of 10 Hz has then contradicted some five times
MESSAGES = 3  # that agree, at least
QUIET = 1.0  # [s] without a jump, after two jumps that came within that time
SILENT = 0.5  # [s] after which a publisher that says nothing more contradicts nobody
LONGEST = 0.5  # [s] of motion that is allowed for between two messages, however far apart they are
SPEED = 2.0  # of a joint's velocity limit: what may be commanded is less than what a joint can do
CROSSING = 0.1  # [s] in which a gripper may cross its range: what two publishers say of it may differ accordingly
TOLERANCE, TOLERANCE_SHARE = 0.05, 0.02  # [rad] and of a joint's range, the smaller one: noise, and filters of honest publishers
MOST = 64  # witnesses that are remembered


@dataclass(eq=False)
class _Witness:
    """What one publisher said last."""

    source: object  # who it is; None where the middleware does not tell
    layout: Layout
    tolerance: np.ndarray  # (n,) [rad]
    speed: np.ndarray  # (n,) [rad/ns]
    values: np.ndarray  # (n,) [rad]
    stamp: int  # [ns]
    heard: int  # [ns] when its last message arrived
    met: int  # [ns] when its first one did
    since: int  # [ns] stamp from which on it agrees
    count: int = 1  # messages since then
    believed: bool = False
    jumped: int = -(2**62)  # [ns] stamp of the last jump
    jump: np.ndarray | None = None  # (n,) [rad] where it led, if the last message jumped
    rivals: list[tuple[_Witness, np.ndarray, np.ndarray]] = field(default_factory=list)  # who reports joints of ours: our rows, theirs

    def restart(self, since: int, count: int = 1) -> None:
        """Agree anew from `since` [ns] on."""
        self.since, self.count, self.believed = since, count, False

    def allowed(self, gap: int) -> np.ndarray:
        """(n,) [rad] how far its joints can have moved within `gap` [ns]."""
        return np.asarray(self.tolerance + self.speed * min(abs(gap), LONGEST * NANOSECONDS))


class Witnesses:
    """See the module's text.

    Args:
        joint_names: the J joints.
        lower, upper: (J,) [rad] their ranges.
        max_velocity: (J,) [rad/s] how fast each is commanded at most.
        jumping: joints that can be anywhere in the next message: of grippers, which have drivers of their own, snap shut when what they
            hold slips, and may be told as open or closed alone.
        met_for: [s] since its first message before a witness may be believed: publishers are found one after the other, and who is found
            first may be the wrong one.

    Attributes:
        doubted: joints that count as not measured, and why.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        lower: np.ndarray,
        upper: np.ndarray,
        max_velocity: np.ndarray,
        *,
        jumping: Collection[str] = (),
        met_for: float = 0.0,
    ) -> None:
        self._names = tuple(joint_names)
        self._tolerance = np.minimum(TOLERANCE, TOLERANCE_SHARE * (upper - lower))
        self._speed = SPEED * max_velocity / NANOSECONDS
        self._steady = np.array([name not in jumping for name in self._names], dtype=bool)
        self._speed = np.where(self._steady, self._speed, np.maximum(self._speed, (upper - lower) / (CROSSING * NANOSECONDS)))
        self._met_for = round(met_for * NANOSECONDS)
        self._known: dict[tuple[object, Layout], _Witness] = {}
        self._met: dict[tuple[object, Layout], int] = {}  # [ns] when those that were forgotten had been met
        self.doubted: dict[str, str] = {}

    def forget(self) -> None:
        """Begin anew (the clock jumped back, or another activation): who was known has been found already, with his rivals."""
        self._met = {key: witness.met for key, witness in self._known.items()}
        self._known.clear()
        self.doubted = {}

    def believe(self, source: object, stamp: int, arrival: int, layout: Layout, values: np.ndarray) -> bool:
        """Whether a message may be used; if not, its witness is heard, but not believed yet.

        Args:
            source: its publisher; None where the middleware does not tell.
            stamp: [ns] of the message.
            arrival: [ns] of any clock that only grows.
            layout, values: (n,) [rad] as of `JointPicker.pick`.

        Raises:
            ObservationError: it cannot be true, or another publisher says otherwise.
        """
        witness = self._known.get((source, layout))
        if witness is None:
            return self._meet(source, stamp, arrival, layout, values)
        # The usual case: one publisher, and joints that moved less than the tolerance.
        usual = witness.believed and witness.jump is None and not witness.rivals and stamp >= witness.stamp
        if usual and EVERY(np.abs(values - witness.values) <= witness.tolerance):
            witness.stamp, witness.values, witness.heard = stamp, values, arrival
            return True
        return self._judge(witness, stamp, arrival, values)

    def _meet(self, source: object, stamp: int, arrival: int, layout: Layout, values: np.ndarray) -> bool:
        if len(self._known) >= MOST:
            self._drop(min(self._known.values(), key=lambda w: w.heard))
        columns = layout.columns
        met = min(arrival, self._met.get((source, layout), arrival))
        witness = _Witness(source, layout, self._tolerance[columns], self._speed[columns], values, stamp, arrival, met, stamp)
        for other in self._known.values():
            _, mine, theirs = np.intersect1d(columns, other.layout.columns, assume_unique=True, return_indices=True)
            if len(mine):
                witness.rivals.append((other, mine, theirs))
                other.rivals.append((witness, theirs, mine))
        self._known[source, layout] = witness
        self._agree(witness)
        return False

    def _drop(self, witness: _Witness) -> None:
        del self._known[witness.source, witness.layout]
        for other in self._known.values():
            other.rivals = [rival for rival in other.rivals if rival[0] is not witness]

    def _judge(self, witness: _Witness, stamp: int, arrival: int, values: np.ndarray) -> bool:
        witness.heard = arrival
        gap = stamp - witness.stamp
        if gap < 0:
            if -gap >= JUMP_BACK_S * NANOSECONDS:  # time was reset
                witness.stamp, witness.values, witness.jump, witness.jumped = stamp, values, None, -(2**62)
                witness.restart(stamp)
            return False
        far = (np.abs(values - witness.values) > witness.allowed(gap)) & self._steady[witness.layout.columns]
        if far.any():
            self._jumped(witness, stamp, values, far)
        witness.stamp, witness.values, witness.jump = stamp, values, None
        witness.count += 1
        self._agree(witness)
        if not witness.believed:
            settle = SETTLE_UNTOLD if witness.source is None else SETTLE
            enough = witness.count >= MESSAGES and stamp - witness.since >= settle * NANOSECONDS and arrival - witness.met >= self._met_for
            witness.believed = enough and all(rival.count >= MESSAGES for rival, _, _ in witness.rivals)
        if witness.believed and self.doubted:
            for name in self._joints(witness):
                self.doubted.pop(name, None)
        return witness.believed

    def _jumped(self, witness: _Witness, stamp: int, values: np.ndarray, far: np.ndarray) -> None:
        row = int(np.flatnonzero(far)[0])
        others = f" ({far.sum()} joints)" if far.sum() > 1 else ""
        before, after, seconds = witness.values[row], values[row], (stamp - witness.stamp) / NANOSECONDS
        text = f"{self._joints(witness)[row]} jumped from {before:.3f} to {after:.3f} within {seconds:.3f} s{others}{_by(witness)}"
        here = np.abs(values - (values if witness.jump is None else witness.jump)) <= witness.allowed(stamp - witness.jumped)
        stays = witness.jump is not None and bool((here | ~self._steady[witness.layout.columns]).all())
        again = stamp - witness.jumped < QUIET * NANOSECONDS
        if stays:
            witness.restart(witness.jumped, count=2)
            witness.stamp, witness.values, witness.jump = stamp, values, None
        else:
            witness.jump = values
            if again:
                text += ", and back; do two publishers send it?"
                witness.restart(stamp + round((QUIET - SETTLE) * NANOSECONDS), count=0)
        witness.jumped = stamp
        if stays or again:
            self._doubt(witness, text)
        raise ObservationError(f"joint_states: {text}", ("joint_states",))

    def _agree(self, witness: _Witness) -> None:
        """Compare what a witness says with all others who report its joints."""
        for rival, mine, theirs in list(witness.rivals):
            if witness.heard - rival.heard > SILENT * NANOSECONDS:
                self._drop(rival)
                continue
            allowed = witness.allowed(witness.stamp - rival.stamp)[mine]
            far = np.abs(witness.values[mine] - rival.values[theirs]) > allowed
            if not far.any():
                continue
            row = int(np.flatnonzero(far)[0])
            name = self._joints(witness)[mine[row]]
            others = f" ({far.sum()} joints differ)" if far.sum() > 1 else ""
            text = f"{name} is {witness.values[mine[row]]:.3f}{_by(witness)} and {rival.values[theirs[row]]:.3f}{_by(rival)}{others}"
            for each in (witness, rival):
                each.restart(each.stamp)
                self._doubt(each, text)
            raise ObservationError(f"joint_states: {text}", ("joint_states",))

    def _doubt(self, witness: _Witness, text: str) -> None:
        self.doubted.update(dict.fromkeys(self._joints(witness), text))
        witness.believed = False

    def _joints(self, witness: _Witness) -> list[str]:
        return [self._names[c] for c in witness.layout.columns]


def _by(witness: _Witness) -> str:
    """Who says it, where that is known; nodes put a name in the place of the number."""
    return f" by {witness.source.hex()}" if isinstance(witness.source, bytes) else ""
