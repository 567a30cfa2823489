"""Looks on while one recording is read, and keeps what its episodes are judged by: times, states, actions, and what images show."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.turns import unrolled
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.image_buffer import AnyImage
from neon_control.core.sensing.joint_states import JointStreams
from neon_control.doctor.pictures import CameraLook, chosen_rows
from neon_control.recordings.observer import CAMERA, JOINTS, Observer
from neon_control.recordings.tracks import Targets

PLACES = 16  # of an episode and camera, at which two images are decoded: enough to see a tenth of it that is frozen
KEPT_HZ = 200.0  # joint states above this rate count in the timing and are not kept: no joint is judged by them
GRID_S = 0.01  # [s] shortest step of the grid on which states and actions are compared


@dataclass
class Stream:
    """When the messages of one topic or feature came."""

    role: str
    stamps: array[int] = field(default_factory=lambda: array("q"))  # [ns], 0 where there is none
    received: array[int] = field(default_factory=lambda: array("q"))  # [ns]

    def times(self, offset: int) -> np.ndarray:
        """(n,) [ns] by the clock of the stamps, in the order in which they came."""
        stamps, received = np.array(self.stamps, np.int64), np.array(self.received, np.int64)
        return np.asarray(np.where(stamps > 0, stamps, received - offset))


@dataclass(frozen=True)
class EpisodeData:
    """One episode. T instants, `step` apart; J joints, N dimensions of the actions."""

    number: int  # within its recording
    begin: int  # [ns]
    end: int  # [ns]
    streams: dict[str, tuple[str, np.ndarray]]  # topic or feature -> its role, times (n,) [ns]
    step: float  # [s]
    times: np.ndarray  # (T,) [ns]
    states: np.ndarray  # (T, J) [rad]
    actions: np.ndarray  # (T, N) [rad; m/s, rad/s], NaN where none is known
    commanded: bool  # whether there are commands of all joints; else the states that follow stand in for them
    cameras: dict[str, CameraLook]
    success: bool | None  # what the recording says of it


class Examiner(Observer):
    """Of one recording.

    Args:
        cameras: the robot's.
        places: of an episode and camera, at which images are looked at; None: everywhere.
        thumbnails: whether small pictures are kept.
    """

    def __init__(self, space: ActionSpace, cameras: Sequence[Camera], places: int | None = PLACES, thumbnails: bool = False) -> None:
        self.cameras = cameras
        self._space, self._places, self._thumbnails = space, places, thumbnails
        self._streams: dict[str, Stream] = {}
        self._looks: dict[tuple[int, str], CameraLook] = {}
        self._outcomes: dict[int, bool] = {}
        self._spans: Sequence[tuple[int, int]] = ()
        self._begins: list[int] = []
        self._targets: Targets | None = None
        self._offset = 0
        self._joints = JointStreams(space.joint_names)

    def begin(self, spans: Sequence[tuple[int, int]], targets: Targets, offset: int = 0, wire: Wire = PLAIN) -> None:
        self._spans, self._targets, self._offset = spans, targets, offset
        self._begins = [begin for begin, _ in spans][1:]
        self._joints = JointStreams(self._space.joint_names, wire)

    def message(self, role: str, stream: str, stamp: int, received: int) -> None:
        entry = self._streams.setdefault(stream, Stream(role))
        entry.stamps.append(stamp)
        entry.received.append(received)

    def joints(self, stamp: int, names: Sequence[str], positions: Any) -> None:
        with suppress(ObservationError):  # what is wrong with it is reported by the reader
            for stream, state in self._joints.take(names, positions):
                if not stream.stamps or stamp - stream.stamps[-1] > 0.9 * NANOSECONDS / KEPT_HZ:
                    stream.stamps.append(stamp)
                    stream.positions.append(state)

    def image(self, stream: str, stamp: int, image: AnyImage) -> AnyImage:
        number = self._number(stamp)
        look = self._looks.get((number, stream))
        if look is None:
            end = self._spans[number][1]
            look = self._looks[number, stream] = CameraLook(min(stamp, end), end, self._places, self._thumbnails)
        return look.take(stamp, image)

    def chosen(self, stamps: np.ndarray) -> np.ndarray | None:
        return None if self._places is None else chosen_rows(stamps, self._places)

    def outcome(self, stamp: int, success: bool) -> None:
        self._outcomes[self._number(stamp)] = success

    def _number(self, stamp: int) -> int:
        return bisect_right(self._begins, stamp)

    def episodes(self) -> Iterator[EpisodeData]:
        """What was found, episode by episode; nothing where the recording could not be read so far."""
        if self._targets is None:
            return
        stamps, positions = self._joints.joined()
        known = np.array(stamps, np.int64)
        states = np.array(positions, np.float64).reshape(len(stamps), -1)
        if self._space.turning and len(states):
            states = unrolled(states, np.array(self._space.turning, np.intp))
        times = {name: (stream.role, stream.times(self._offset)) for name, stream in self._streams.items()}
        for number, span in enumerate(self._spans):
            is_last = number == len(self._spans) - 1  # others end where the next one begins, which is not theirs
            begin, end = _seen(times, span[0], span[1] + is_last)
            inside = {name: (role, t[(t >= begin) & (t <= end)]) for name, (role, t) in times.items()}
            rows = (known >= begin) & (known <= end)
            step, grid, motion = _evenly(known[rows], states[rows])
            actions, mask = self._targets.at(grid, step, end + 1)
            actions = np.where(mask[:, None] > 0, actions, np.nan)
            looks = {name: look for (n, name), look in self._looks.items() if n == number}
            yield EpisodeData(
                number, begin, end, inside, step, grid, motion, actions,
                not self._targets.measured_joints, looks, self._outcomes.get(number),
            )  # fmt: skip


def _seen(streams: dict[str, tuple[str, np.ndarray]], begin: int, end: int) -> tuple[int, int]:
    """What counts of an episode [ns]: from the first image, since drivers start one after the other, to the last image or joint state."""
    inside = [(role, t[(t >= begin) & (t < end)]) for role, t in streams.values() if role in (CAMERA, JOINTS)]
    images = next((t for role, t in inside if role == CAMERA and len(t)), None)
    if images is None:
        return begin, end
    return int(images.min()), max(int(t.max()) for _, t in inside if len(t))


def _evenly(times: np.ndarray, states: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Step [s], times (T,) [ns] and states (T, J) on an even grid; T = 0 where there are less than two."""
    if len(times) < 2:
        return GRID_S, times[:0], states[:0]
    step = max(GRID_S, float(np.median(np.diff(times))) / NANOSECONDS)
    grid = times[0] + np.round(np.arange(int((times[-1] - times[0]) / NANOSECONDS / step + 1e-6) + 1) * step * NANOSECONDS).astype(np.int64)
    seconds, wanted = (times - times[0]) / NANOSECONDS, (grid - times[0]) / NANOSECONDS
    return step, grid, np.stack([np.interp(wanted, seconds, column) for column in states.T], axis=1)
