"""What the bag itself says: when each input came, what was commanded on the day, and how late the chunks were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import CHUNK_JOINTS, DIAGNOSTICS
from neon_control.core.robot.topics import input_topics, resolve
from neon_control.recordings.bag.bag_file import Bag, BagError, BagMessage
from neon_control.recordings.bag.messages import IMAGE_TYPES, TEXT, stamp_of
from neon_control.recordings.commands import RecordedCommands
from neon_control.recordings.reading import Report

NEEDED = ("camera", "joint_states")  # inputs of every policy
CLOCKS_APART_S = 10.0  # [s] beyond this, a recording's stamps and receive times are of two clocks


@dataclass
class MessageTimes:
    """When the messages of one topic were received [ns], and what they say about their own time."""

    received: list[int] = field(default_factory=list)
    stamps: list[int | None] = field(default_factory=list)

    @property
    def times(self) -> np.ndarray:
        """(n,) [ns] what they say, or else when they came."""
        return np.array([stamp or time for time, stamp in zip(self.received, self.stamps, strict=True)], np.int64)

    @property
    def delays(self) -> np.ndarray:
        """(n,) [s] from stamp to reception, NaN without a stamp."""
        return np.array([time - stamp if stamp else np.nan for time, stamp in zip(self.received, self.stamps, strict=True)]) * 1e-9


class RecordedDay:
    """The facts of a bag.

    Attributes:
        name: of the bag.
        inputs: role -> topic, see `topics.input_topics`; `audio`, `instruction` and further cameras may be missing.
        streams: topic -> when its messages came.
        commands: what was commanded on the day, as training reads it.
        report: messages that could not be read, commands that were refused, and gaps between them.
        chunk_delays: (n, 2) receive time of each recorded chunk [ns], and how much earlier its observation was [ns].
        diagnostics: status name -> list of (time [ns], values).

    Args:
        bag: opened.
        progress: told the time [ns] of each message.

    Raises:
        BagError: an input that every policy needs is missing, or a topic has a type that is not known or not the right one.
    """

    def __init__(self, bag: Bag, robot: Robot, namespace: str = "", progress: Callable[[int], None] = lambda time: None) -> None:
        self.path, self.name = bag.path, bag.name
        self.start, self.end = bag.start, bag.end
        self.inputs = find_inputs(bag, robot, namespace)
        self.streams: dict[str, MessageTimes] = defaultdict(MessageTimes)
        self.chunk_delays: list[tuple[int, int]] = []
        self.diagnostics: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
        self.report = Report()
        config = replace(robot.recording, joint_states=self.inputs["joint_states"])
        types = {topic.name: topic.type for topic in bag.topics.values()}
        self.commands = RecordedCommands(
            bag.name, bag.start, config, tuple(robot.joints), types, self.report, partial(resolve, namespace=namespace)
        )
        self._chunks = resolve(CHUNK_JOINTS, namespace)
        known = {t for t in (*self.inputs.values(), *self.commands.topics, self._chunks, DIAGNOSTICS) if t in bag.topics}
        for topic in known:
            bag.type_of(topic)
        for message in bag.messages():
            progress(message.time)
            self._take(bag, message, message.topic in known)
        self.commands.finish()
        for role in NEEDED:
            if not self.streams[self.inputs[role]].received:
                raise BagError(f"no message on {self.inputs[role]} in the {self.seconds:.3f} s that were asked for", bag.path)
        apart = abs(self.commands.offset) * 1e-9
        if apart > CLOCKS_APART_S:
            raise BagError(
                f"stamps of {self.inputs['joint_states']} lie {apart:.0f} s from the times of the recording: two clocks; "
                "record a simulation that publishes /clock with --use-sim-time",
                bag.path,
            )

    def _take(self, bag: Bag, message: BagMessage, is_known: bool) -> None:
        stream, content = self.streams[message.topic], None
        stream.received.append(message.time)
        try:
            content = bag.decode(message) if is_known else None
        except BagError as error:
            self.report.add(f"{self.name} {message.topic}", (message.time - self.start) * 1e-9, error.what, "damaged")
        stamp = stamp_of(content) or None
        stream.stamps.append(stamp)
        if content is None:
            return
        if message.topic in self.commands.topics:
            self.commands.take(message.topic, message.time, content)
        elif message.topic == self._chunks and stamp is not None:
            self.chunk_delays.append((message.time, message.time - stamp))
        elif message.topic == DIAGNOSTICS:
            for status in content.status:
                self.diagnostics[status.name].append((message.time, {v.key: v.value for v in status.values}))

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
        return len(self.commands.targets(space.joint_names, 0).measured_joints) < space.num_joints

    def actions(self, space: ActionSpace, times: np.ndarray, dt: float = 0.0) -> np.ndarray:
        """What the robot was told to do at `times` (...) [ns]: (..., N), as training learns it; NaN where it does not.

        Args:
            dt: [s] a step of a chunk: a joint without commands is to be where it was measured that much later.
        """
        actions, known = self.commands.targets(space.joint_names, space.dim - space.num_joints).at(times.reshape(-1), dt)
        return np.where(known[:, None] > 0.0, actions, np.nan).reshape(*times.shape, space.dim)

    def measured(self, space: ActionSpace, times: np.ndarray) -> np.ndarray:
        """(T,) [ns] -> (T, J) [rad], NaN before the first and after the last measurement."""
        track = self.commands.measured(space.joint_names)
        if track.span is None:
            return np.full((len(times), space.num_joints), np.nan)
        return np.where(((times >= track.span[0]) & (times <= track.span[1]))[:, None], track.at(times), np.nan)


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
    if "instruction" in found and bag.topics[found["instruction"]].type != TEXT:
        del found["instruction"]  # no policy was told that
    for role, topic in found.items():
        kind, types = bag.topics[topic].type, ("sensor_msgs/msg/JointState",) if role == "joint_states" else IMAGE_TYPES
        if kind not in types and role not in ("audio", "instruction"):  # that of the sound is looked at where it is heard
            raise BagError(f"topic {topic} has the type {kind}, needs one of {list(types)}", bag.path)
    return found
