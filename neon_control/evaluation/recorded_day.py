"""What the bag itself says: when each input came, what was commanded on the day, and how late the chunks were."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.robot.topics import CHUNK_JOINTS, DIAGNOSTICS, base_topics, input_topics, resolve
from neon_control.core.sensing.joint_message import JointPicker
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.bag.messages import BASE_TYPES, COMMAND_TYPES, IMAGE_TYPES, nanoseconds, stamp_of, velocity_of

NEEDED = ("camera", "joint_states")  # inputs of every policy


@dataclass
class Stream:
    """When the messages of one topic were received [ns], and what they say about their own time."""

    received: list[int] = field(default_factory=list)
    stamps: list[int | None] = field(default_factory=list)


class Track:
    """One quantity over time; linear in between."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._values: list[float] = []

    def add(self, time: int, value: float) -> None:
        """Take a value at `time` [ns]; times that do not increase replace the last value."""
        if self._times and time <= self._times[-1]:
            self._values[-1] = value
        else:
            self._times.append(time)
            self._values.append(value)

    def at(self, times: np.ndarray) -> np.ndarray:
        """(...) [ns] to values (...), NaN before the first and after the last one."""
        if not self._times:
            return np.full(times.shape, np.nan)
        grid = np.array(self._times, np.int64)
        seconds = (times - grid[0]) * 1e-9
        result: np.ndarray = np.interp(seconds, (grid - grid[0]) * 1e-9, self._values, left=np.nan, right=np.nan)
        return result


class Recording:
    """The facts of a bag.

    Attributes:
        inputs: role -> topic, see `topics.input_topics`; `audio` and further cameras may be missing.
        streams: topic -> when its messages came.
        measured: joint -> measured position [rad].
        commanded: joint or `base/axis` -> what was commanded on the day.
        chunk_delays: (n, 2) receive time of each recorded chunk [ns], and how much earlier its observation was [ns].
        diagnostics: status name -> list of (time [ns], values).
        damaged: topic -> when [ns] a message could not be read, and why.

    Args:
        bag: opened.
        progress: told the time [ns] of each message.

    Raises:
        BagError: an input that every policy needs is missing, or a topic has a type that is not known or not the right one.
    """

    def __init__(self, bag: Bag, robot: Robot, namespace: str = "", progress: Any = None) -> None:
        self.path = bag.path
        self.start, self.end = bag.start, bag.end
        self.inputs = find_inputs(bag, robot, namespace)
        self.streams: dict[str, Stream] = defaultdict(Stream)
        self.measured: dict[str, Track] = defaultdict(Track)
        self.commanded: dict[str, Track] = defaultdict(Track)
        self.chunk_delays: list[tuple[int, int]] = []
        self.diagnostics: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
        self.unreadable = 0  # commands that make no sense
        self.damaged: dict[str, list[tuple[int, str]]] = defaultdict(list)
        controllers = {resolve(c.topic, namespace): c.joints for c in robot.controllers}
        base = [resolve(t, namespace) for t in base_topics(robot)]
        joints = JointPicker(tuple(robot.joints))
        chunks, states = resolve(CHUNK_JOINTS, namespace), self.inputs["joint_states"]
        known = {t for t in (*self.inputs.values(), *controllers, *base, chunks, DIAGNOSTICS) if t in bag.topics}
        for topic in known:
            bag.type_of(topic)
        for topic in known & controllers.keys():
            _check_type(bag, topic, COMMAND_TYPES)
        for topic in known & set(base):
            _check_type(bag, topic, BASE_TYPES)
        for message in bag.messages():
            if progress is not None:
                progress(message.time)
            stream = self.streams[message.topic]
            stream.received.append(message.time)
            try:
                content = bag.decode(message) if message.topic in known else None
            except BagError as error:
                self.damaged[message.topic].append((message.time, error.what))
                content = None
            stream.stamps.append(stamp_of(content) or None)
            if content is None:
                continue
            if message.topic == states:
                with suppress(ObservationError):  # the policy's run refuses it too, and counts it
                    for name, position in joints.every(content.name, content.position).items():
                        self.measured[name].add(stream.stamps[-1] or message.time, position)
            elif message.topic in controllers:
                self._command(content, controllers[message.topic], message.time)
            elif message.topic in base:
                for axis, value in zip(BASE_AXES, velocity_of(content), strict=True):
                    self.commanded[f"base/{axis}"].add(stream.stamps[-1] or message.time, float(value))
            elif message.topic == chunks and stream.stamps[-1] is not None:
                self.chunk_delays.append((message.time, message.time - stream.stamps[-1]))
            elif message.topic == DIAGNOSTICS:
                for status in content.status:
                    self.diagnostics[status.name].append((message.time, {v.key: v.value for v in status.values}))
        for role in NEEDED:
            if not self.streams[self.inputs[role]].received:
                raise BagError(f"no message on {self.inputs[role]} in the {self.seconds:.3f} s that were asked for", bag.path)
        _check_clocks(self, states)

    def _command(self, content: Any, joints: tuple[str, ...], received: int) -> None:
        try:
            time, names, values = command_of(content, joints, received)
        except ChunkError:
            self.unreadable += 1
            return
        for name, value in zip(names, values, strict=True):
            self.commanded[name].add(time, float(value))

    @property
    def seconds(self) -> float:
        """Length [s]."""
        return (self.end - self.start) * 1e-9

    @property
    def typical_delay(self) -> float:
        """[s] median age of an observation when its chunk arrived on the day; 0 where no chunks were recorded."""
        return float(np.median([d for _, d in self.chunk_delays])) * 1e-9 if self.chunk_delays else 0.0

    def has_commands(self, space: ActionSpace) -> bool:
        """Whether any joint of `space` was commanded in the recording."""
        return any(name in self.commanded for name in space.joint_names)

    def actions(self, space: ActionSpace, times: np.ndarray) -> np.ndarray:
        """What the robot was told to do at `times` (...) [ns]: (..., N), NaN where nothing was recorded.

        Joints of a recording without commands: what they did do, as measured.
        """
        source = self.commanded if self.has_commands(space) else {**self.measured, **{k: v for k, v in self.commanded.items() if "/" in k}}
        return np.stack([source[n].at(times) if n in source else np.full(times.shape, np.nan) for n in space.names], axis=-1)


def command_of(message: Any, joints: tuple[str, ...], received: int) -> tuple[int, tuple[str, ...], np.ndarray]:
    """When a controller's command holds [ns], for which joints, and their positions (n,) [rad].

    A trajectory's first point counts; a message without names is in the order of the robot file, `joints`.

    Raises:
        ChunkError: a trajectory without points, or numbers that do not fit the names.
    """
    if not hasattr(message, "points"):
        names, values, time = joints, np.asarray(message.data, np.float64), received
    elif not message.points:
        raise ChunkError("length", "a trajectory without points")
    else:
        point = message.points[0]
        names, values = tuple(message.joint_names), np.asarray(point.positions, np.float64)
        time = (stamp_of(message) or received) + nanoseconds(point.time_from_start)
    if len(values) != len(names):
        raise ChunkError("shape", f"{len(values)} positions for {len(names)} joints")
    return time, names, values


def find_inputs(bag: Bag, robot: Robot, namespace: str) -> dict[str, str]:
    """Role of an input -> its topic in the bag.

    Raises:
        BagError: there is no camera, or there are no joint states, or one of them has another type.
    """
    names = {role: [resolve(t, namespace) for t in topics] for role, topics in input_topics(robot).items()}
    found = {role: next(t for t in topics if t in bag.topics) for role, topics in names.items() if any(t in bag.topics for t in topics)}
    missing = [" or ".join(names[role]) for role in NEEDED if role not in found]
    if missing:
        raise BagError(f"no topic {', '.join(missing)}; the recording has {sorted(bag.topics)}; is --namespace right?", bag.path)
    for role, topic in found.items():
        if role == "joint_states":
            _check_type(bag, topic, ("sensor_msgs/msg/JointState",))
        elif role != "audio":  # its type is looked at where it is heard
            _check_type(bag, topic, IMAGE_TYPES)
    return found


def _check_type(bag: Bag, topic: str, types: tuple[str, ...]) -> None:
    if (kind := bag.topics[topic].type) not in types:
        raise BagError(f"topic {topic} has the type {kind}, needs one of {list(types)}", bag.path)


def _check_clocks(recording: Recording, topic: str) -> None:
    """Bag time and stamps must be of one clock."""
    stream = recording.streams[topic]
    apart = [abs(r - s) for r, s in zip(stream.received, stream.stamps, strict=True) if s is not None]
    if apart and min(apart) > 10e9:
        raise BagError(
            f"stamps of {topic} lie {min(apart) * 1e-9:.0f} s or more from the times of the recording: two clocks; "
            "record a simulation that publishes /clock with --use-sim-time",
            recording.path,
        )
