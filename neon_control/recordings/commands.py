"""What was commanded in a bag, and what was measured where nothing was: the one reading of training and evaluation.

A trajectory counts from its stamp, or from when it was received where it is stamped 0, and replaces what was still to come of the one
before; positions without a time, and velocities of the base, count at once. What a controller would not have followed is refused and
reported: a part of its joints (`joint_trajectory_controller` refuses it too unless told otherwise), numbers that are none, times that do
not rise; and so is what was stamped before time was reset, whose commands it would replace.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from statistics import median
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig
from neon_control.core.robot.robot import BASE_AXES
from neon_control.core.robot.topic_names import BASE_COMMAND
from neon_control.core.robot.turns import unrolled
from neon_control.core.robot.wire import Wire
from neon_control.core.sensing.joint_message import JointPicker
from neon_control.core.sensing.joint_states import JointStreams
from neon_control.recordings.bag.messages import BASE_TYPES, COMMAND_TYPES, stamp_of, velocity_of
from neon_control.recordings.reading import Report
from neon_control.recordings.tracks import HOLD_S, Targets, Track

NameOf = Callable[[str], str]
COMPARED = 10  # joint states by which the clocks are compared
MAX_DELIVERY_S = 0.5  # [s] between a stamp and its receipt; beyond this they come from different clocks


class RecordedCommands:
    """Takes the messages of one bag in the order in which they were received; then `targets` says what they come to.

    Attributes:
        topics: what it reads, joint states last.
        offset: [ns] receive time minus the stamps' clock; 0 where they agree, and until they were compared.

    Args:
        name, start: of the bag, in the report; receive time [ns] of its first message.
        joints: those that somebody may ask for.
        types: the bag's topics -> their types.
        report: takes what was refused, and gaps.
        name_of: a topic of `config` -> its name in `types`.
    """

    def __init__(
        self, name: str, start: int, config: RecordingConfig, joints: Sequence[str], types: dict[str, str], report: Report, name_of: NameOf
    ) -> None:
        self._name, self._start, self._types, self._report = name, start, types, report
        self._joint_states = name_of(config.joint_states)
        bases = [name_of(t) for t in (config.base, BASE_COMMAND) if config.base]  # a robot file may name that of other recordings
        wanted = {name_of(c.topic): c for c in config.commands if not c.joints or set(c.joints) & set(joints)}
        self._controllers = {topic: c for topic, c in wanted.items() if self._has(topic, COMMAND_TYPES)}
        self._base_topic = next((t for t in bases if self._has(t, BASE_TYPES)), "")
        self.topics = (*self._controllers, *filter(None, [self._base_topic]), self._joint_states)
        self.offset = self._delay = 0
        self._wire, self._picker = config.wire, JointPicker(joints, wire=config.wire)
        self._states: list[tuple[int, list[str], np.ndarray]] = []  # stamp [ns], names and positions [rad] of joint states
        self._measured: dict[tuple[str, ...], Track] = {}
        self._commanded: dict[str, Track] = {}  # by topic
        self._base = Track(BASE_AXES)
        self._delays: list[int] = []  # [ns] of the first joint states
        self._early: list[tuple[str, int, Any]] | None = []  # what came before the clocks were compared; None since then
        self._uncommanded = set(joints)

    def take(self, topic: str, arrival: int, message: Any) -> None:
        """A message of one of `topics`, received at `arrival` [ns]."""
        if topic == self._joint_states:
            if not self._picker.needs(message.name):
                return  # another driver, which may have another clock
            stamp = stamp_of(message) or arrival
            names = self._states[-1][1] if self._states and self._states[-1][1] == message.name else message.name  # one list for all
            self._states.append((stamp, names, message.position))
            if self._early is not None:
                self._delays.append(arrival - stamp)
                if len(self._delays) == COMPARED:
                    self.finish()
        elif self._early is not None:
            self._early.append((topic, arrival, message))
        elif topic == self._base_topic:
            self._move(arrival, message)
        else:
            self._command(topic, arrival, message)

    def finish(self) -> None:
        """Nothing more comes, or there is enough to compare the clocks."""
        if self._early is None:
            return
        early, self._early = self._early, None
        self._delay = round(median(self._delays)) if self._delays else 0
        if abs(self._delay) > MAX_DELIVERY_S * NANOSECONDS:
            self.offset = self._delay
            text = (
                f"receive times are {self.offset / NANOSECONDS:.2f} s later than the stamps of {self._joint_states}: another clock; "
                "messages without a stamp are moved by that"
            )
            self._report.add(self._name, None, text)
        for event in early:
            self.take(*event)

    @property
    def needs_joint_states(self) -> bool:
        """Whether the clocks are still to be compared, or a joint has had no command yet."""
        return self._early is not None or bool(self._uncommanded)

    @property
    def has_base(self) -> bool:
        """Whether the base was commanded."""
        return self._base.span is not None

    def targets(self, joint_names: Sequence[str], base_axes: int) -> Targets:
        """Of some of the joints, and of the base's axes: 3, or 0 on a robot without a base."""
        return Targets(joint_names, base_axes, list(self._commanded.values()), self.measured(tuple(joint_names)), self._base)

    def measured(self, joint_names: tuple[str, ...]) -> Track:
        """Positions [rad] of some of the joints, where each of them was measured."""
        if joint_names not in self._measured:
            track = self._measured[joint_names] = Track(joint_names)
            joints = JointStreams(joint_names, self._wire)
            for stamp, names, positions in self._states:
                with suppress(ObservationError):  # what is wrong with it is reported when it is played
                    for stream, state in joints.take(names, positions):
                        if not stream.stamps or stamp > stream.stamps[-1]:
                            stream.stamps.append(stamp)
                            stream.positions.append(state)
            stamps, states = joints.joined()
            if stamps:
                track.add(stamps[0], stamps, states)
        return self._measured[joint_names]

    def _has(self, topic: str, types: tuple[str, ...]) -> bool:
        if topic in self._types and self._types[topic] not in types:
            self._report.add(f"{self._name} {topic}", None, f"has the type {self._types[topic]}, needs one of {list(types)}")
        return self._types.get(topic) in types

    def _command(self, topic: str, arrival: int, message: Any) -> None:
        names, after, values = _positions(message, self._controllers[topic], self._wire)
        if not values:
            return
        track = self._commanded.setdefault(topic, Track(names))
        if set(names) != set(track.names) or any(v.shape != (len(names),) or not np.isfinite(v).all() for v in values):
            shapes = [v.shape for v in values]
            self._refuse(topic, arrival, f"{len(names)} joints {list(names)}, positions of shapes {shapes}, finite ones needed")
        elif any(b <= a for a, b in itertools.pairwise(after)):
            self._refuse(topic, arrival, "times of its points do not rise")
        elif (start := self._begin(topic, arrival, message)) is not None:
            if track.span is not None and (gap := (start - track.span[1]) / NANOSECONDS) > HOLD_S:
                time = (track.span[1] + self.offset - self._start) / NANOSECONDS
                self._report.add(f"{self._name} {topic}", time, f"no command for {gap:.2f} s; the last one is held", "gap")
            order = [names.index(n) for n in track.names]
            rows = [v[order] for v in values]
            if turning := [i for i, name in enumerate(track.names) if name in self._wire.turning]:
                rows = list(unrolled(np.stack(rows), np.array(turning), track.last))
            track.add(start, [start + a for a in after], rows, hold=True)
            self._uncommanded.difference_update(track.names)

    def _move(self, arrival: int, message: Any) -> None:
        value = velocity_of(message)
        if not np.isfinite(value).all():
            self._refuse(self._base_topic, arrival, "not finite")
        elif (start := self._begin(self._base_topic, arrival, message)) is not None:
            self._base.add(start, [start], [value], hold=True)

    def _begin(self, topic: str, arrival: int, message: Any) -> int | None:
        """[ns] from when a command counts. None, and a problem, where its stamp is of another time, whose commands it would replace."""
        stamp = stamp_of(message)
        late = (arrival - stamp - self._delay) / NANOSECONDS  # against the joint states
        if stamp and late > MAX_DELIVERY_S:
            text = f"stamped {late:.2f} s before it was received; was time reset, or do the computers' clocks differ?"
            self._refuse(topic, arrival, text, "late")
            return None
        return stamp or arrival - self.offset

    def _refuse(self, topic: str, arrival: int, text: str, kind: str = "refused") -> None:
        self._report.add(f"{self._name} {topic}", (arrival - self._start) / NANOSECONDS, f"command refused: {text}", kind)


def _positions(message: Any, known: CommandTopic, wire: Wire) -> tuple[tuple[str, ...], list[int], list[np.ndarray]]:
    """Joints (J), and of each point when after the begin [ns] and where (J,) [rad]: of a JointTrajectory or a Float64MultiArray."""
    if not hasattr(message, "points"):
        return known.joints, [0], [np.asarray(message.data, np.float64)]
    points = [p for p in message.points if len(p.positions)]
    return (
        tuple(wire.joints(message.joint_names)),
        [to_nanoseconds(p.time_from_start) for p in points],
        [np.asarray(p.positions, float) for p in points],
    )
