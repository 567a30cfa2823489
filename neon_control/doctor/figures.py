"""All figures of one episode."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor.examiner import EpisodeData
from neon_control.doctor.labels import LabelFigures, label_figures
from neon_control.doctor.motion import MotionFigures, motion_figures
from neon_control.doctor.pictures import MOVED, PictureFigures
from neon_control.doctor.sync import Skew, skew
from neon_control.doctor.timing import StreamFigures, stream_figures
from neon_control.recordings.observer import CAMERA, COMMANDS, JOINTS

LEAST_STATES = 4  # instants below which nothing is said of the motion


@dataclass(frozen=True)
class EpisodeFigures:
    """One episode: what it is judged by."""

    seconds: float
    samples: int  # that training would take of it
    streams: dict[str, StreamFigures]
    roles: dict[str, str]  # of the streams
    skews: dict[str, Skew]  # "image to ..." and "action to ..." in words
    motion: MotionFigures | None  # None: no joint states
    labels: LabelFigures | None  # None: nothing moves, or nothing was commanded
    commanded: bool  # False: the states that follow are learnt
    pictures: dict[str, PictureFigures]
    success: bool | None
    content: str  # hash of states, actions and what images show; empty where nothing was measured


def figures_of(data: EpisodeData, samples: int, space: ActionSpace) -> EpisodeFigures:
    """The figures of an episode."""
    count = space.num_joints
    lower, upper = space.lower[:count], space.upper[:count]
    measured = len(data.times) >= LEAST_STATES
    begin, end = data.begin / NANOSECONDS, data.end / NANOSECONDS
    motion = motion_figures(data.states, data.step, lower, upper, data.actions[:, count:]) if measured else None
    labels = label_figures(data.actions[:, :count], data.states, data.step, upper - lower) if measured and data.commanded else None
    widths = upper - lower

    def moved(one: int, two: int) -> bool:
        rows = np.clip(np.searchsorted(data.times, (one, two)), 0, len(data.times) - 1)
        return measured and bool((np.ptp(data.states[rows[0] : rows[1] + 1], axis=0) > MOVED * widths).any())

    def moving(one: int, two: int) -> bool:  # of images that follow each other: the speed around them
        return moved(one - NANOSECONDS // 4, two + NANOSECONDS // 4)

    return EpisodeFigures(
        seconds=end - begin,
        samples=samples,
        streams={name: stream_figures(times / NANOSECONDS, begin, end) for name, (_, times) in data.streams.items()},
        roles={name: role for name, (role, _) in data.streams.items()},
        skews=_skews(data),
        motion=motion,
        labels=labels,
        commanded=data.commanded,
        pictures={name: look.figures(moved, moving) for name, look in data.cameras.items()},
        success=data.success,
        content=_content(data) if measured else "",
    )


def _skews(data: EpisodeData) -> dict[str, Skew]:
    """Of each image of the first camera to the other streams, and of each command to the joint states."""
    by_role = {role: [n for n, (r, t) in data.streams.items() if r == role and len(t)] for role in (CAMERA, JOINTS, COMMANDS)}
    cameras, joints = by_role[CAMERA], by_role[JOINTS]
    pairs = [(cameras[0], other) for other in (*cameras[1:], *joints)] if cameras else []
    pairs += [(command, other) for command in by_role[COMMANDS] for other in joints]
    times = {name: t / NANOSECONDS for name, (_, t) in data.streams.items()}
    return {f"{one} to {two}": skew(times[one], times[two]) for one, two in pairs}


def _content(data: EpisodeData) -> str:
    """The same for a copy, whenever it is said to have been recorded."""
    digest = hashlib.sha256()
    for values in (data.states, np.nan_to_num(data.actions)):
        digest.update(np.round(values, 4).astype(np.float32).tobytes())
    for name in sorted(data.cameras):
        digest.update(data.cameras[name].content)
    return digest.hexdigest()
