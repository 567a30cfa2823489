"""A whole recording in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.sensing.image_buffer import Clip
from neon_control.recordings.reading import Problem, Recording, Report, Sample


@dataclass(frozen=True)
class Reading:
    samples: list[Sample]
    problems: list[Problem]


def read_all(recording: Recording, space: ActionSpace, dt: float, num_steps: int, clip: Clip | None = None) -> Reading:
    report = Report()
    return Reading(list(recording.samples(space, dt, num_steps, clip, report)), report.problems)
