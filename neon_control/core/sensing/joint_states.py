"""Joint positions over time, each joint interpolated between its own measurements; rare ones are held instead.

Joints that have always come together share a stream, so a robot with one driver has one. Worked example, joints a, b and c, times in ms:
one driver reports a and b at 0, 10, 20, another one c at 4, 14, 24. There are two streams; at 12, a and b lie between 10 and 20, and c
between 4 and 14. At 22 there is nothing to interpolate a and b with: their state of 20 answers, within the tolerance.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.joint_message import LAYOUTS, JointPicker, Layout, Positions
from neon_control.core.sensing.witnesses import Witnesses


@dataclass(eq=False)
class JointStream:
    """What was measured of joints that have always come together."""

    columns: np.ndarray  # (n,) of the joints, rising
    stamps: list[int] = field(default_factory=list)  # [ns] rising
    positions: list[np.ndarray] = field(default_factory=list)  # (n,) [rad] each


class JointStreams:
    """The streams of J joints; whoever takes from a message adds to them, or does not."""

    def __init__(self, joint_names: Sequence[str], wire: Wire = PLAIN) -> None:
        self.picker = JointPicker(joint_names, wire=wire)
        self.streams = [JointStream(np.arange(len(joint_names)))]
        self._parts: dict[Layout, list[tuple[JointStream, np.ndarray]]] = {}  # streams, and their rows in a message's values

    def take(self, names: Sequence[str], positions: Positions) -> list[tuple[JointStream, np.ndarray]]:
        """The streams of which a message holds joints, and their positions (n,) [rad]; raises as `JointPicker.pick`."""
        return self.split(*self.picker.pick(names, positions))

    def split(self, layout: Layout, values: np.ndarray) -> list[tuple[JointStream, np.ndarray]]:
        """The streams of which a picked message holds joints, and their positions (n,) [rad]."""
        parts = self._parts.get(layout) or self._divide(layout)
        if len(parts) == 1:  # the usual case
            return [(parts[0][0], values)]
        return [(stream, values[rows]) for stream, rows in parts]

    def _divide(self, layout: Layout) -> list[tuple[JointStream, np.ndarray]]:
        """Divide streams of which these messages hold a part of the joints only."""
        for stream in list(self.streams):
            inside = np.isin(stream.columns, layout.columns)
            if inside.any() and not inside.all():
                self.streams.remove(stream)
                for rows in (inside, ~inside):
                    self.streams.append(JointStream(stream.columns[rows], list(stream.stamps), [p[rows] for p in stream.positions]))
                self.streams.sort(key=lambda s: int(s.columns[0]))
                self._parts.clear()
        if len(self._parts) >= LAYOUTS:
            self._parts.clear()
        ours = [stream for stream in self.streams if layout.count and stream.columns[0] in layout.columns]
        self._parts[layout] = [(stream, np.searchsorted(layout.columns, stream.columns)) for stream in ours]
        return self._parts[layout]

    def names(self, stream: JointStream) -> list[str]:
        """Its joints."""
        return [self.picker.joint_names[c] for c in stream.columns]

    def joined(self) -> tuple[list[int], list[np.ndarray]]:
        """All times [ns] at which any joint was measured, of the span in which every one was, and the positions (J,) [rad] there."""
        if not all(stream.stamps for stream in self.streams):
            return [], []
        if len(self.streams) == 1:
            return self.streams[0].stamps, self.streams[0].positions
        first, last = max(s.stamps[0] for s in self.streams), min(s.stamps[-1] for s in self.streams)
        times = np.unique(np.concatenate([s.stamps for s in self.streams]))
        times = times[(first <= times) & (times <= last)]
        states = np.empty((len(times), len(self.picker.joint_names)))
        for stream in self.streams:
            for column, values in zip(stream.columns, np.stack(stream.positions, axis=1), strict=True):
                states[:, column] = np.interp(times - first, np.array(stream.stamps) - first, values)
        return times.tolist(), list(states)


class JointStateBuffer:
    """The last seconds of joint positions, in a fixed order whatever the order in the messages, whichever message a joint comes in.

    Args:
        joint_names: the J joints, in the order of the vectors that come out.
        horizon_s: [s] how far back to remember.
        tolerance_s: [s] how far outside the span of a joint's states, or inside a gap, `at` still answers, with the nearest state.
        gap_s: [s] longest time between two states for what lies between them to be interpolated.
        witnesses: who decides what can be true; None: one driver, which is always right.
        wire: how drivers speak of the joints. Of joints with a `joint_state_timeout` of their own the newest state is held for so long,
            and nothing is interpolated: a driver so rare is not waited for, neither live nor in a recording.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        horizon_s: float = 2.0,
        tolerance_s: float = 0.05,
        gap_s: float = 0.2,
        witnesses: Witnesses | None = None,
        wire: Wire = PLAIN,
    ) -> None:
        self.joint_names = tuple(joint_names)
        self._horizon = round(horizon_s * NANOSECONDS)
        self._tolerance = round(tolerance_s * NANOSECONDS)
        self._gap = round(gap_s * NANOSECONDS)
        self._lock = threading.RLock()
        self._joints, self.wire = JointStreams(joint_names, wire), wire
        self._witnesses = witnesses
        self._unbelieved: int | None = None  # [ns] stamp of the newest message that was heard, but not believed
        self.late = 0  # messages of which something was dropped because a newer one was there already

    def add(self, stamp: int, names: Sequence[str], positions: Positions, source: object = None, arrival: int | None = None) -> None:
        """Store one message's joint positions [rad]; joints that we do not need are ignored.

        Raises as `JointPicker.pick` and, of whose message and when it arrived, `Witnesses.believe`.
        """
        with self._lock:
            layout, values = self._joints.picker.pick(names, positions)
            judge = self._witnesses if layout.count else None
            if judge is not None and not judge.believe(source, stamp, arrival or stamp, layout, values):
                self._unbelieved = stamp
                return
            late = False
            for stream, state in self._joints.split(layout, values):
                stamps, states = stream.stamps, stream.positions
                if stamps and stamp <= stamps[-1]:
                    if stamps[-1] - stamp < JUMP_BACK_S * NANOSECONDS:
                        late = True
                        continue
                    stamps.clear()
                    states.clear()
                stamps.append(stamp)
                states.append(state)
                old = bisect_left(stamps, stamp - self._horizon)
                if old:
                    del stamps[:old], states[:old]
            self.late += late

    def forget_after(self, stamp: int) -> None:
        """Forget what is stamped later [ns]."""
        with self._lock:
            for stream in self._joints.streams:
                first = bisect_right(stream.stamps, stamp)
                del stream.stamps[first:]
                del stream.positions[first:]

    @property
    def doubted(self) -> dict[str, str]:
        """Joints whose measurements cannot all be true, and why."""
        with self._lock:
            return dict(self._witnesses.doubted) if self._witnesses is not None else {}

    @property
    def newest_stamps(self) -> list[tuple[list[str], int | None]]:
        """Joints that come together, and the stamp [ns] of their newest state, or else of one not believed yet; None when there is none."""
        with self._lock:
            return [(self._joints.names(s), s.stamps[-1] if s.stamps else self._unbelieved) for s in self._joints.streams]

    def latest(self) -> tuple[int, np.ndarray]:
        """The newest time [ns] that the states of every joint have reached, and the positions (J,) [rad] then; raises as `at`.

        Joints whose states are held are not waited for, unless all are.
        """
        with self._lock:
            streams = self._joints.streams
            awaited = [s for s in streams if not s.stamps or not self._holds(s)] or streams
            slowest = awaited[0] if len(awaited) == 1 else min(awaited, key=lambda s: s.stamps[-1] if s.stamps else 0)
            if not slowest.stamps:
                raise self._refused(slowest, "nothing received")
            stamp = slowest.stamps[-1]
            if len(streams) == 1:
                return stamp, slowest.positions[-1].copy()
            behind = max(s.stamps[0] for s in streams) - stamp
            if behind > self._tolerance:
                text = f"nothing received since {behind / NANOSECONDS:.3f} s before what is remembered of the other joints"
                raise self._refused(slowest, text)
            return stamp, self.at(stamp)

    def at(self, stamp: int) -> np.ndarray:
        """Positions (J,) [rad] at `stamp` [ns], each linearly interpolated between the joint's states around it.

        Raises:
            ObservationError: a joint was not received, or `stamp` lies outside the span of its states, or in a gap, by more than the
                tolerance.
        """
        with self._lock:
            streams = self._joints.streams
            if len(streams) == 1:
                return self._state_of(streams[0], stamp)
            state = np.empty(len(self.joint_names))
            for stream in streams:
                state[stream.columns] = self._state_of(stream, stamp)
        return state

    def _holds(self, stream: JointStream) -> int:
        """[ns] for how long a stream's states are held, as rare ones are; 0: they are interpolated."""
        own = self.wire.timeout(self._joints.names(stream), 0.0) if self.wire.timeouts else 0.0
        return round(own * NANOSECONDS)

    def _state_of(self, stream: JointStream, stamp: int) -> np.ndarray:
        """As `at`, of one stream's joints (n,)."""
        stamps, states = stream.stamps, stream.positions
        if not stamps:
            raise self._refused(stream, "nothing received")
        holds = self._holds(stream)
        if holds and (last := bisect_right(stamps, stamp)) and stamp - stamps[last - 1] <= holds:
            return np.array(states[last - 1])
        right = bisect_left(stamps, stamp)
        left, right = max(0, right - 1), min(right, len(stamps) - 1)
        before, after = stamps[left], stamps[right]
        if before <= stamp <= after and after - before <= self._gap:
            weight = (stamp - before) / max(1, after - before)
            return np.asarray((1.0 - weight) * states[left] + weight * states[right])
        nearest = left if abs(before - stamp) <= abs(after - stamp) else right
        away = abs(stamps[nearest] - stamp)
        if away > self._tolerance:
            side = "before the oldest" if stamp < before else "after the newest" if stamp > after else "from the nearest"
            text = f"the asked time is {away / NANOSECONDS:.3f} s {side} of {len(stamps)} states"
            raise self._refused(stream, f"{text}, limit {max(holds, self._tolerance) / NANOSECONDS:.3f} s")
        return np.array(states[nearest])

    def _refused(self, stream: JointStream, text: str) -> ObservationError:
        whose = f"{self._joints.names(stream)}: " if len(self._joints.streams) > 1 else ""
        return ObservationError(f"joint_states: {whose}{text}", ("joint_states",))
