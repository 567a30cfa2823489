"""The newest measured position of every joint, each with its own age: drivers may report joints in several messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.age import age_problem
from neon_control.core.sensing.joint_message import JointPicker, Layout, Positions
from neon_control.core.sensing.witnesses import Witnesses

MAX_FUTURE = 0.05  # [s] how far ahead of the reader's clock a stamp may lie (clocks of two machines)


class MeasuredJoints:
    """Newest positions (J,) [rad] and their stamps (J,) [ns], columns in the order of `joint_names`; arguments as of `JointPicker`.

    Args:
        witnesses: who decides what can be true; None: one driver, which is always right.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
        witnesses: Witnesses | None = None,
        wire: Wire = PLAIN,
    ) -> None:
        self.joint_names = tuple(joint_names)
        self._picker = JointPicker(joint_names, lower, upper, wire)
        self._witnesses = witnesses
        own = dict(wire.timeouts)
        self._timeouts = np.array([own.get(name, np.nan) for name in joint_names])  # (J,) [s] of joints with one of their own
        self._rare = bool(np.isfinite(self._timeouts).any())
        self.positions = np.full(len(self.joint_names), np.nan)
        self._stamps = np.zeros(len(self.joint_names), dtype=np.int64)  # 0: never
        self._oldest = self._newest = 0  # [ns] of the stamps
        self._unbelieved: dict[str, int] = {}  # [ns] joint -> stamp that was heard, but is not in use
        self._refused: dict[str, str] = {}  # joint -> why its last message was refused
        self._foreign: Sequence[str] = ()  # of the last message without a joint of ours

    def update(self, stamp: int, names: Sequence[str], positions: Positions, source: object = None, arrival: int | None = None) -> None:
        """Take what a message says about our joints; what is older than a joint's newest measurement changes nothing.

        Args:
            source, arrival: as of `Witnesses.believe`; by default nobody tells the publisher, and a message arrives when it is stamped.

        Raises:
            ObservationError: see `JointPicker.pick` and `Witnesses.believe`.
        """
        try:
            layout, values = self._picker.pick(names, positions)
            if not layout.count:
                self._foreign = names
                return
            if self._witnesses is not None and not self._witnesses.believe(source, stamp, arrival or stamp, layout, values):
                self._unbelieved.update(dict.fromkeys((self.joint_names[c] for c in layout.columns), stamp))
                return
        except ObservationError as error:
            ours = self._picker.wire.ours(names, self.joint_names).values()
            self._refused.update(dict.fromkeys(ours, str(error).removeprefix("joint_states: ")))
            raise
        if self._refused or self._unbelieved:
            for column in layout.columns:
                self._refused.pop(self.joint_names[column], None)
                self._unbelieved.pop(self.joint_names[column], None)
        self._take(stamp, layout, values)

    def _take(self, stamp: int, layout: Layout, values: np.ndarray) -> None:
        columns, count = layout.columns, layout.count
        if stamp < self._newest:  # not the newest message, but perhaps the newest of these joints
            held = self._stamps[columns]
            newer = (stamp >= held) | (held - stamp >= JUMP_BACK_S * NANOSECONDS)
            columns, values, count = columns[newer], values[newer], int(newer.sum())
        if not count:
            return
        self.positions[columns] = values
        self._stamps[columns] = stamp
        whole = count == len(self.joint_names)  # the usual case, and then there is no need to look
        self._oldest, self._newest = (stamp, stamp) if whole else (int(self._stamps.min()), int(self._stamps.max()))

    def forget(self) -> None:
        """Treat all joints as never received (the clock jumped back)."""
        self._stamps[:] = 0
        self._oldest = self._newest = 0
        self._unbelieved, self._refused, self._foreign = {}, {}, ()
        if self._witnesses is not None:
            self._witnesses.forget()

    def stale(self, now: int, max_age: float) -> list[str]:
        """Joints that were never received, whose stamp is older than `max_age` [s] or lies in the future, or that are in doubt.

        A joint with a `joint_state_timeout` of its own is held to that; so in `is_fresh` and `explain`.
        """
        oldest, newest = now - self._ages(max_age) * 1e9, now + MAX_FUTURE * 1e9
        doubted = self._witnesses.doubted if self._witnesses is not None else {}
        triples = zip(self.joint_names, self._stamps, oldest, strict=True)
        return [n for n, stamp, first in triples if stamp == 0 or not first <= stamp <= newest or n in doubted]

    def _ages(self, max_age: float) -> np.ndarray:
        """(J,) [s] how old each joint's measurement may be."""
        return np.where(np.isnan(self._timeouts), max_age, self._timeouts)

    def is_fresh(self, now: int, max_age: float) -> bool:
        """Whether every joint is known, young enough, and not in doubt."""
        if self._witnesses is not None and self._witnesses.doubted:
            return False
        if self._oldest <= 0 or self._newest - now > MAX_FUTURE * 1e9:
            return False
        if self._rare:
            return bool((now - self._stamps <= self._ages(max_age) * 1e9).all())
        return now - self._oldest <= max_age * 1e9

    def explain(self, now: int, max_age: float) -> dict[str, str]:
        """Why each of the `stale` joints is none that can be used."""
        return {name: self._explain(name, now, max_age) for name in self.stale(now, max_age)}

    def _explain(self, name: str, now: int, max_age: float) -> str:
        # Another thread may take a message meanwhile: each thing is looked up once.
        doubt = self._witnesses.doubted.get(name) if self._witnesses is not None else None
        if doubt is not None:
            return f"in doubt: {doubt}"
        refused, heard_of = self._refused.get(name), self._unbelieved.get(name)
        if refused is not None:
            return f"refused: {refused}"
        stamp = heard_of if heard_of is not None else int(self._stamps[self.joint_names.index(name)])
        if stamp == 0 and heard_of is None:
            alike = [other for other in self._foreign if other.endswith(name) or name.endswith(other)]
            prefix = alike[0].removesuffix(name) if alike and alike[0].endswith(name) else ""
            hint = f" (`joint_prefix: {prefix}` in the robot file?)" if prefix else ""
            heard = f", but of {alike[0]}{hint}" if alike else f", but of {', '.join(self._foreign[:3])}" if self._foreign else ""
            return f"never heard of{heard}"
        limit = self._picker.wire.timeout((name,), max_age)
        return age_problem(stamp, now, limit, MAX_FUTURE) or "heard of, but not for long enough to be believed"


def in_words(reasons: dict[str, str], most: int = 3) -> str:
    """Joint -> reason as one line, in which joints with the same reason stand together."""
    joints: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        joints.setdefault(reason, []).append(name)
    return "; ".join(
        f"{', '.join(names[:most])}{f' and {len(names) - most} more' if len(names) > most else ''}: {reason}"
        for reason, names in joints.items()
    )
