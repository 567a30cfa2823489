"""An episode of a LeRobot dataset as a bag: the messages that a robot's drivers would have sent, made while they are asked for.

| at a frame's time | message |
|---|---|
| + 0 | the task, where it is another one than before; joint states; the action, stamped the same, on `ACTION` and `BASE_ACTION` |
| + 0 | silence, for a robot that hears, where no frame has a task: one that is told in words speaks them itself |
| + `DELIVERY_S` | images of the further cameras |
| + 2 * `DELIVERY_S` | the first camera's image, which wakes the policy: so the rest is there, as in training, though DDS keeps no order |

What is bad about a frame is left out, and said. Nothing is written to disk: images are decoded each time that the bag is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import CommandTopic
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import AUDIO, INSTRUCTION, JOINT_STATES
from neon_control.core.robot.topics import RECORDED, resolve
from neon_control.recordings.bag import making
from neon_control.recordings.bag.bag_file import Bag, BagError, OnProblem
from neon_control.recordings.bag.messages import TEXT
from neon_control.recordings.bag.storage import BagTopic, Definition, Storage, Stored
from neon_control.recordings.lerobot.episodes import NO_IMAGE, LeRobotEpisode
from neon_control.recordings.lerobot.rows import START, EpisodeRows
from neon_control.recordings.reading import Report

ACTION, BASE_ACTION = f"/{RECORDED}/action", f"/{RECORDED}/base_action"  # no controller listens there
DELIVERY_S = 0.005  # [s] or a quarter of the shortest time between two frames

Say = Callable[[str, str, "int | None"], None]  # where, what, when [ns]


class EpisodeBag(Bag):
    """One episode.

    Attributes:
        robot: the same with `recording` as this bag has its commands.

    Args:
        robot: whose topics the messages are on.
        namespace: of its nodes.

    Raises:
        ConfigError, BagError: nothing of it can be read.
    """

    def __init__(self, episode: LeRobotEpisode, robot: Robot, namespace: str = "", on_problem: OnProblem | None = None) -> None:
        self._episode, self._namespace, self.robot = episode, namespace, robot
        super().__init__(episode.path / f"episode_{episode.episode.index:06d}", on_problem)
        self.name = episode.name
        self.about = (
            "A LeRobot dataset does not tell when its frames arrived: joint states and actions count as received at their frame's time, "
            f"images {1e3 * DELIVERY_S:g} ms later, the first camera's {2e3 * DELIVERY_S:g} ms."
        )

    def _open(self, stack: ExitStack) -> list[Storage]:
        try:
            storage = _Frames(self._episode, self.robot, self._namespace, _Said(self._say))
        except (OSError, KeyError, ValueError) as error:
            raise BagError(self._episode.unreadable(error), self.path) from error
        commands = (CommandTopic(ACTION, tuple(storage.joints)),) if JOINTS in storage.actions else ()
        base = BASE_ACTION if BASE in storage.actions else ""
        self.robot = replace(self.robot, recording=replace(self.robot.recording, commands=commands, base=base))
        return [storage]


class _Said(Report):
    """Says each problem when it is first met."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def add(self, where: str, time: float | None, what: str, kind: str = "") -> None:
        count = len(self.problems)
        super().add(where, time, what, kind)
        if len(self.problems) > count:
            self._say(where, what, None if time is None else START + round(time * NANOSECONDS))


class _Frames(Storage):
    """See the module's text; `joints` are those that the dataset has."""

    def __init__(self, episode: LeRobotEpisode, robot: Robot, namespace: str, report: Report) -> None:
        self._name, self._report, self._wire = episode.name, report, robot.wire
        recording = robot.recording
        self._features = _features(episode, robot, report)
        self._rows = episode.rows(list(self._features.values()), report)
        self._stamps = self._rows.stamps
        if not self._stamps:
            raise BagError(f"{episode.name} has no frames", episode.path)
        self.joints = _joints(self._rows, robot, episode.name, report)
        frames = episode.numbers(self._rows, _space_of(robot, self.joints), report)
        self._states, self.actions = frames.states, frames.actions
        self._names = self._wire.names(self.joints)
        shortest = int(np.diff(self._stamps).min()) if len(self._stamps) > 1 else NANOSECONDS
        self._delivery = min(round(DELIVERY_S * NANOSECONDS), shortest // 4)
        sound = round(recording.audio_rate_hz * shortest / NANOSECONDS) * recording.audio_channels
        self._silence = making.sound(np.zeros(sound, np.int16))
        told = self._rows.instructions()
        changes = {row: words for row, words in enumerate(told) if words and (row == 0 or words != told[row - 1])}
        self._told = {row: making.text(words) for row, words in changes.items()}
        kinds = {resolve(INSTRUCTION, namespace): TEXT} if changes else {}
        kinds |= {resolve(JOINT_STATES, namespace): making.JOINT_STATE}
        kinds |= {ACTION: making.TRAJECTORY} if JOINTS in self.actions else {}
        kinds |= {BASE_ACTION: making.TWIST} if BASE in self.actions else {}
        kinds |= {resolve(AUDIO, namespace): making.SOUND} if recording.audio and not changes else {}
        others = list(self._features)[1:]
        self._images = {resolve(c.topic, namespace): c for c in [*others, *list(self._features)[:1]]}  # the first one comes last
        kinds |= dict.fromkeys(self._images, making.IMAGE)
        count = len(self._stamps)
        self.topics = [BagTopic(i, name, kind, "cdr", Definition(), "", (), count) for i, (name, kind) in enumerate(kinds.items())]
        self.start, self.end = self._stamps[0], self._stamps[-1] + 2 * self._delivery

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """See `Storage`."""
        wanted = {topic.name: topic.id for topic in self.topics if topic.id in topics}
        begin = bisect_left(self._stamps, start - 2 * self._delivery)
        if begin == len(self._stamps):
            return
        pictures = {name: self._rows.images(self._features[camera], begin=begin) for name, camera in self._images.items() if name in wanted}
        for row in range(begin, len(self._stamps)):
            stamp = self._stamps[row]
            if stamp > end:
                return
            for time, name, data in (*self._numbers(row, stamp, wanted), *self._seen(stamp, pictures)):
                if start <= time <= end:
                    yield Stored(time, wanted[name], data)

    def _numbers(self, row: int, stamp: int, wanted: Collection[str]) -> Iterator[tuple[int, str, bytes]]:
        for topic in self.topics:
            if topic.name not in wanted or topic.name in self._images:
                continue
            if topic.type == making.SOUND:
                yield stamp, topic.name, self._silence
                continue
            if topic.type == TEXT:
                if row in self._told:
                    yield stamp, topic.name, self._told[row]
                continue
            part = {ACTION: JOINTS, BASE_ACTION: BASE}.get(topic.name)
            numbers = self._states if part is None else self.actions[part]
            if not numbers.good[row]:
                continue
            values = numbers.values[row]
            if part is None:
                yield stamp, topic.name, making.joint_state(stamp, self._names, values)
            else:
                yield stamp, topic.name, making.trajectory(stamp, self._names, values) if part == JOINTS else making.twist(stamp, values)

    def _seen(self, stamp: int, pictures: dict[str, Iterator[np.ndarray | None]]) -> Iterator[tuple[int, str, bytes]]:
        """Images as the camera would have sent them: the dataset's are cut and turned already, and the nodes will do so, too."""
        for name, images in pictures.items():
            camera, image = self._images[name], next(images, None)
            is_first = camera is next(iter(self._features))
            if image is None:
                self._report.add(f"{self._name} {self._features[camera]}", (stamp - START) / NANOSECONDS, NO_IMAGE, "image")
            else:
                yield stamp + (1 + is_first) * self._delivery, name, making.image(stamp, camera.before(image))


def _features(episode: LeRobotEpisode, robot: Robot, report: Report) -> dict[Camera, str]:
    """The robot's cameras that the dataset has images of -> the feature with them."""
    found: dict[Camera, str] = {}
    wanted = robot.recording.looking_through(robot.cameras).image_features()
    for camera in robot.cameras:
        try:
            feature = episode.layout.image_feature(camera.name, wanted[camera.name], robot.recording.robot_cameras)
            if feature in found.values():
                raise ConfigError(f"cameras need images of their own, {feature} is another one's")
            found[camera] = feature
        except ConfigError as error:
            report.add(f"{episode.name}, camera {camera.name}", None, str(error))
    return found


def _joints(rows: EpisodeRows, robot: Robot, name: str, report: Report) -> list[str]:
    names = robot.recording.lerobot
    joints = rows.known(names.state_key, names.state, list(robot.joints))
    if joints and (missing := [j for j in robot.joints if j not in joints]):
        report.add(f"{name} {names.state_key}", None, f"no state of {missing}")
    return joints or list(robot.joints)  # what is missing is said by who reads them


def _space_of(robot: Robot, joints: list[str]) -> ActionSpace:
    names = tuple(joints)
    lower, upper = robot.spans(names)
    if robot.base is not None:
        lower, upper = np.concatenate([lower, -robot.base.span]), np.concatenate([upper, robot.base.span])
    return ActionSpace("whole_body", names, {}, lower, upper).turning_as(robot)
