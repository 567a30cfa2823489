"""The first pass over a bag: commands, episodes and clocks, all that samples need to know beforehand. Images stay where they are."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from contextlib import suppress
from statistics import median
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig
from neon_control.core.sensing.joint_states import JointStreams
from neon_control.recordings.bag.messages import BASE_TYPES, COMMAND_TYPES, SERVICE_EVENT, nanoseconds, stamp_of, velocity_of
from neon_control.recordings.damaged_bag import ReadableBag
from neon_control.recordings.reading import Report
from neon_control.recordings.tracks import HOLD_S, Targets, Track

CLOCKS = 10  # joint states by which the clocks are compared
CLOCKS_DIFFER_S = 0.5  # [s] beyond this, stamps and receive times come from different clocks


class Scan:
    """What the first pass found.

    Attributes:
        offset: [ns] receive time minus the stamps' clock; 0 where they agree.
        targets: commands, and what was measured where there are none.
    """

    def __init__(self, bag: ReadableBag, name: str, config: RecordingConfig, space: ActionSpace, report: Report) -> None:
        self._name, self._config, self._space, self._report = name, config, space, report
        self.offset = self._delay = 0
        self._bag_start, self._bag_end = bag.start, bag.end
        commands = {c.topic.lstrip("/"): c for c in config.commands if not c.joints or set(c.joints) & set(space.joint_names)}
        commands = {t: c for t, c in commands.items() if self._has(bag, t, COMMAND_TYPES)}
        base_axes = space.dim - space.num_joints
        base = config.base.lstrip("/")
        base = base if base_axes and self._has(bag, base, BASE_TYPES) else ""
        boundary = config.boundary.lstrip("/")
        if boundary and boundary not in bag.types:
            report.add(name, None, f"no topic '{boundary}'; the bag is taken for one episode")
            boundary = ""
        joint_states = config.joint_states.lstrip("/")
        self._joints = JointStreams(space.joint_names)
        self._tracks: dict[str, Track] = {}
        self._base = Track(("vx", "vy", "yaw_rate"))
        self._cuts: list[int] = []  # [ns] begins of episodes
        self._calls: set[tuple[bytes, int]] = set()
        delays: list[int] = []
        early: list[tuple[str, int, Any]] = []  # what came before the clocks were compared
        uncommanded = set(space.joint_names)  # their measured states are needed
        skip: set[str] = set()
        topics = [*commands, *([base] if base else []), *([boundary] if boundary else []), joint_states]

        def take(topic: str, arrival: int, message: Any) -> None:
            now = arrival - self.offset
            if topic == base:
                self._move(now, message)
            elif topic == boundary:
                self._cut(now, message)
            else:
                self._command(commands[topic], now, message)
                uncommanded.difference_update(self._commanded(topic))

        def begin() -> None:
            self._compare_clocks(delays)
            for event in early:
                take(*event)
            early.clear()

        for topic, arrival, message in bag.messages(topics, skip):
            if topic == joint_states:
                self._measure(stamp_of(message), message)
                if len(delays) < CLOCKS and self._joints.picker.needs(message.name):
                    delays.append(arrival - stamp_of(message))
                    if len(delays) == CLOCKS:
                        begin()
            elif len(delays) < CLOCKS:
                early.append((topic, arrival, message))
            else:
                take(topic, arrival, message)
            if len(delays) >= CLOCKS and not uncommanded:
                skip.add(joint_states)
        if len(delays) < CLOCKS:
            begin()
        measured, (stamps, states) = Track(space.joint_names), self._joints.joined()
        if stamps:
            measured.add(stamps[0], stamps, states)
        self.targets = Targets(space.joint_names, base_axes, list(self._tracks.values()), measured, self._base)
        if self.targets.measured_joints and config.commands:
            names = self.targets.measured_joints
            report.add(name, None, f"no commands of {names}; the next measured positions stand in for them")
        if base_axes and config.base and not self._base.span:
            report.add(name, None, f"no commands of the base on '{config.base}'; it is taken to stand still")

    def seconds(self, time: int) -> float:
        """[s] since the bag's start."""
        return (time + self.offset - self._bag_start) / NANOSECONDS

    def episode_of(self, stamp: int) -> int:
        """Number of the episode at `stamp` [ns]."""
        return bisect_right(self._cuts, stamp)

    def end_of(self, episode: int) -> int:
        """[ns] where it ends: where the next one begins, or with the bag."""
        return self._cuts[episode] if episode < len(self._cuts) else self._bag_end - self.offset + NANOSECONDS

    def is_short(self, episode: int) -> bool:
        """Whether it was reported as too short."""
        return episode in self._short

    def report_short_episodes(self, needed: float) -> None:
        """Leave out episodes that last less than one chunk, `needed` [s]."""
        edges = [self._bag_start - self.offset, *self._cuts, self._bag_end - self.offset]
        lengths = [(b - a) / NANOSECONDS for a, b in itertools.pairwise(edges)]
        self._short = {i for i, length in enumerate(lengths) if length < needed}
        for i in sorted(self._short):
            if i > 0 or not self._cuts:  # what lies before the first boundary is no episode that somebody began
                text = f"episode {i} lasts {lengths[i]:.2f} s, shorter than one chunk of {needed:.2f} s"
                self._report.add(self._name, self.seconds(edges[i]), text)

    def _has(self, bag: ReadableBag, topic: str, types: tuple[str, ...]) -> bool:
        if topic not in bag.types:
            return False
        if bag.types[topic] not in types:
            self._report.add(f"{self._name} {topic}", None, f"has the type {bag.types[topic]}, needs one of {list(types)}")
            return False
        return True

    def _measure(self, stamp: int, message: Any) -> None:
        with suppress(ObservationError):  # what is wrong with it is reported when it is played
            for stream, state in self._joints.take(message.name, message.position):
                if not stream.stamps or stamp > stream.stamps[-1]:
                    stream.stamps.append(stamp)
                    stream.positions.append(state)

    def _compare_clocks(self, delays: list[int]) -> None:
        self._delay = offset = round(median(delays)) if delays else 0
        if abs(offset) > CLOCKS_DIFFER_S * NANOSECONDS:
            self.offset = offset
            text = (
                f"receive times are {offset / NANOSECONDS:.2f} s later than the stamps of {self._config.joint_states}: another clock; "
                "messages without a stamp are moved by that"
            )
            self._report.add(self._name, None, text)

    def _command(self, known: CommandTopic, now: int, message: Any) -> None:
        where = f"{self._name} {known.topic}"
        trajectory = hasattr(message, "points")
        names = tuple(message.joint_names) if trajectory else known.joints
        points = [p for p in message.points if len(p.positions)] if trajectory else [message]
        values = [np.asarray(p.positions if trajectory else p.data, np.float64) for p in points]
        if not values:
            return
        track = self._tracks.setdefault(known.topic, Track(names))
        if set(names) != set(track.names) or any(v.shape != (len(names),) or not np.isfinite(v).all() for v in values):
            text = (
                f"command refused: {len(names)} joints {list(names)}, positions of shapes {[v.shape for v in values]}, finite ones needed"
            )
            self._report.add(where, self.seconds(now), text, "refused")
            return
        order = [names.index(n) for n in track.names]
        start = self._start(where, now, message)
        if start is None:
            return
        times = [start + (nanoseconds(p.time_from_start) if trajectory else 0) for p in points]
        if any(b <= a for a, b in itertools.pairwise(times)):
            self._report.add(where, self.seconds(now), "command refused: times of its points do not rise", "refused")
            return
        span = track.span
        if span is not None and start - span[1] > HOLD_S * NANOSECONDS:
            self._report.add(
                where, self.seconds(span[1]), f"no command for {(start - span[1]) / NANOSECONDS:.2f} s; the last one is held", "gap"
            )
        track.add(start, times, [v[order] for v in values], hold=True)

    def _commanded(self, topic: str) -> tuple[str, ...]:
        """Joints of which a command on this topic was accepted."""
        return self._tracks[topic].names if topic in self._tracks and self._tracks[topic].span else ()

    def _move(self, now: int, message: Any) -> None:
        value, where = velocity_of(message), f"{self._name} {self._config.base}"
        if not np.isfinite(value).all():
            self._report.add(where, self.seconds(now), "command refused: not finite", "refused")
        elif (start := self._start(where, now, message)) is not None:
            self._base.add(start, [start], [value], hold=True)

    def _start(self, where: str, now: int, message: Any) -> int | None:
        """[ns] from when a command counts. None, and a problem, where its stamp is of another time, whose commands it would replace."""
        stamp = stamp_of(message)
        late = (now + self.offset - stamp - self._delay) / NANOSECONDS  # against the joint states
        if stamp and late > CLOCKS_DIFFER_S:
            text = f"command refused: stamped {late:.2f} s before it was received; was time reset, or do the computers' clocks differ?"
            self._report.add(where, self.seconds(now), text, "late")
            return None
        return stamp or now

    def _cut(self, now: int, message: Any) -> None:
        if type(message).__msgtype__ == SERVICE_EVENT:  # up to four events for one call: the first one counts
            call = (bytes(message.client_gid), int(message.sequence_number))
            if call in self._calls:
                return
            self._calls.add(call)
        self._cuts.append(now)
