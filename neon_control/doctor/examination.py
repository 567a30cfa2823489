"""Recordings examined one after the other: each is read once, and what is kept of it afterwards is small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.doctor.examiner import PLACES, EpisodeData, Examiner
from neon_control.doctor.figures import EpisodeFigures, figures_of
from neon_control.doctor.verdict import BAD, UNTOLD, UNUSABLE, Judged, Reason, beside, own_reasons
from neon_control.recordings.reading import Recording, Report


@dataclass(frozen=True)
class Examined:
    """One episode, with all that was found; it is dropped before the next recording is read."""

    judged: Judged
    figures: EpisodeFigures | None  # None: nothing of it could be read
    data: EpisodeData | None


@dataclass(frozen=True)
class Look:
    """How closely recordings are looked at."""

    cameras: Sequence[Camera] = ()  # of the robot
    all_images: bool = False
    thumbnails: bool = False


def examine(
    recordings: Iterable[Recording], names: Iterable[str], space: ActionSpace, dt: float, num_steps: int, look: Look
) -> Iterator[tuple[Recording, Report, list[Examined]]]:
    """Each recording with its report and its episodes; `names` as of `names_of`."""
    for recording, name in zip(recordings, names, strict=True):
        examiner = Examiner(space, look.cameras, None if look.all_images else PLACES, look.thumbnails)
        report = Report(observer=examiner)
        samples = Counter(s.episode for s in recording.samples(space, dt, num_steps, report=report))
        episodes = list(_episodes(examiner, name, space, samples, report.dark))
        if not episodes:
            why = report.problems[0].what if report.problems else "it is empty"
            reason = Reason(BAD, UNUSABLE + why)
            episodes = [Examined(Judged(name, 0, True, 0.0, 0, (reason,)), None, None)]
        yield recording, report, episodes


def _episodes(examiner: Examiner, name: str, space: ActionSpace, samples: Counter[int], dark: bool) -> Iterator[Examined]:
    found = list(examiner.episodes())
    for data in found:
        if data.number == 0 and len(found) > 1 and not samples[0]:
            continue  # what lies before the first boundary is no episode that somebody began
        figures = figures_of(data, samples[data.number], space)
        judged = _line(name, data.number, len(found) == 1, figures, tuple(own_reasons(figures, space, dark)))
        yield Examined(judged, figures, data)


def _line(name: str, number: int, alone: bool, figures: EpisodeFigures, reasons: tuple[Reason, ...]) -> Judged:
    first = figures.streams.get(next(iter(figures.pictures), ""))
    motion, labels = figures.motion, figures.labels if figures.labels and figures.labels.error <= UNTOLD else None
    skews = [s.median_s for s in figures.skews.values() if np.isfinite(s.median_s)]
    unseen = [v for p in figures.pictures.values() for v in (p.blank, p.frozen) if np.isfinite(v)]
    return Judged(
        recording=name,
        number=number,
        alone=alone,
        seconds=figures.seconds,
        samples=figures.samples,
        images_hz=first.rate_hz if first else np.nan,
        jerk=motion.jerk if motion else np.nan,
        idle=motion.idle if motion else np.nan,
        lag_s=labels.lag_s if labels else np.nan,
        gain=labels.gain if labels else np.nan,
        jitter_s=first.jitter_s if first else np.nan,
        skew_s=max(skews, default=np.nan),
        unseen=max(unseen, default=np.nan),
        content=figures.content,
        reasons=reasons,
    )


def judged_together(episodes: Sequence[Judged]) -> list[Judged]:
    """The same episodes, with what they show beside each other."""
    return [replace(e, reasons=(*e.reasons, *more)) for e, more in zip(episodes, beside(episodes), strict=True)]
