"""The first pass over a bag: commands, episodes and clocks, all that samples need to know beforehand. Images stay where they are."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import Any

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.recordings.bag.messages import SERVICE_EVENT, stamp_of
from neon_control.recordings.commands import RecordedCommands
from neon_control.recordings.damaged_bag import ReadableBag
from neon_control.recordings.leaders import Leaders, leaders_topic
from neon_control.recordings.observer import COMMANDS


class Scan:
    """What the first pass found.

    Attributes:
        offset: [ns] receive time minus the stamps' clock; 0 where they agree.
        targets: commands, and what was measured where there are none.
        spans: begin and end [ns] of each episode, by its number.
        leaders: who led the robot, and when.
        short: numbers of the episodes that are left out since they last less than `shortest` [s].
    """

    def __init__(self, bag: ReadableBag, config: RecordingConfig, space: ActionSpace, shortest: float = 0.0) -> None:
        self._bag = bag
        commands = RecordedCommands(bag.name, bag.start, config, space.joint_names, bag.types, bag.report, lambda topic: topic.lstrip("/"))
        boundary, joint_states = config.boundary.lstrip("/"), config.joint_states.lstrip("/")
        if boundary and boundary not in bag.types:
            bag.report.add(bag.name, None, f"no topic '{boundary}'; the bag is taken for one episode")
            boundary = ""
        begins: list[int] = []  # [ns] receive times
        leading = leaders_topic(bag.types)
        words: list[tuple[str, int]] = []  # who leads, and receive time [ns]
        self._calls: set[tuple[bytes, int]] = set()
        skip: set[str] = set()
        for topic, arrival, message in bag.contents([*filter(None, (boundary, leading)), *commands.topics], skip):
            if topic == leading:
                words.append((message.data, arrival))
            elif topic != boundary:
                commands.take(topic, arrival, message)
                if topic != joint_states:
                    bag.report.observer.message(COMMANDS, topic, stamp_of(message), arrival)
            elif self._begins_episode(message):
                begins.append(arrival)
            if not commands.needs_joint_states:
                skip.add(joint_states)
        commands.finish()
        self.offset = commands.offset
        self._cuts = [arrival - self.offset for arrival in begins]  # [ns] begins of episodes
        self.leaders = Leaders()
        for word, arrival in words:
            self.leaders.say(word, arrival - self.offset)
        base_axes = space.dim - space.num_joints
        self.targets = commands.targets(space.joint_names, base_axes)
        if self.targets.measured_joints and config.commands:
            names = self.targets.measured_joints
            bag.report.add(bag.name, None, f"no commands of {names}; the next measured positions stand in for them")
        if base_axes and config.base and not commands.has_base:
            bag.report.add(bag.name, None, f"no commands of the base on '{config.base}'; it is taken to stand still")
        edges = [bag.start - self.offset, *self._cuts, bag.end - self.offset]
        self.spans = list(itertools.pairwise(edges))
        lengths = [(b - a) / NANOSECONDS for a, b in self.spans]
        self.short = {i for i, length in enumerate(lengths) if length < shortest}
        for i in sorted(self.short):
            if i > 0 or not self._cuts:  # what lies before the first boundary is no episode that somebody began
                text = f"episode {i} lasts {lengths[i]:.2f} s, shorter than one chunk of {shortest:.2f} s (num_steps x dt)"
                bag.report.add(bag.name, self.seconds(edges[i]), text)

    def seconds(self, time: int) -> float:
        """[s] since the bag's start."""
        return (time + self.offset - self._bag.start) / NANOSECONDS

    def episode_of(self, stamp: int) -> int:
        """Number of the episode at `stamp` [ns]."""
        return bisect_right(self._cuts, stamp)

    def end_of(self, episode: int) -> int:
        """[ns] where it ends: where the next one begins, or with the bag."""
        return self._cuts[episode] if episode < len(self._cuts) else self._bag.end - self.offset + NANOSECONDS

    def _begins_episode(self, message: Any) -> bool:
        """Every message of the boundary does, but of the up to four events of one service call only the first."""
        if type(message).__msgtype__ != SERVICE_EVENT:
            return True
        call = (bytes(message.client_gid), int(message.sequence_number))
        if call in self._calls:
            return False
        self._calls.add(call)
        return True
