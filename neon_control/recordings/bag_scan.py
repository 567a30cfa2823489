"""The first pass over a bag: commands, episodes and clocks, all that samples need to know beforehand. Images stay where they are."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import Any

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.recordings.bag.messages import SERVICE_EVENT
from neon_control.recordings.commands import RecordedCommands
from neon_control.recordings.damaged_bag import ReadableBag
from neon_control.recordings.reading import Report


class Scan:
    """What the first pass found.

    Attributes:
        offset: [ns] receive time minus the stamps' clock; 0 where they agree.
        targets: commands, and what was measured where there are none.
    """

    def __init__(self, bag: ReadableBag, name: str, config: RecordingConfig, space: ActionSpace, report: Report) -> None:
        self._name, self._report = name, report
        self._bag_start, self._bag_end = bag.start, bag.end
        commands = RecordedCommands(name, bag.start, config, space.joint_names, bag.types, report, lambda topic: topic.lstrip("/"))
        boundary, joint_states = config.boundary.lstrip("/"), config.joint_states.lstrip("/")
        if boundary and boundary not in bag.types:
            report.add(name, None, f"no topic '{boundary}'; the bag is taken for one episode")
            boundary = ""
        begins: list[int] = []  # [ns] receive times
        self._calls: set[tuple[bytes, int]] = set()
        skip: set[str] = set()
        for topic, arrival, message in bag.messages([*([boundary] if boundary else []), *commands.topics], skip):
            if topic != boundary:
                commands.take(topic, arrival, message)
            elif self._begins_episode(message):
                begins.append(arrival)
            if not commands.needs_joint_states:
                skip.add(joint_states)
        commands.finish()
        self.offset = commands.offset
        self._cuts = [arrival - self.offset for arrival in begins]  # [ns] begins of episodes
        base_axes = space.dim - space.num_joints
        self.targets = commands.targets(space.joint_names, base_axes)
        if self.targets.measured_joints and config.commands:
            names = self.targets.measured_joints
            report.add(name, None, f"no commands of {names}; the next measured positions stand in for them")
        if base_axes and config.base and not commands.has_base:
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

    def _begins_episode(self, message: Any) -> bool:
        """Every message of the boundary does, but of the up to four events of one service call only the first."""
        if type(message).__msgtype__ != SERVICE_EVENT:
            return True
        call = (bytes(message.client_gid), int(message.sequence_number))
        if call in self._calls:
            return False
        self._calls.add(call)
        return True
