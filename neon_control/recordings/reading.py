"""What every recording gives, whatever its format: samples, and a report of what was wrong with it."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.core.sensing.observation import Observation
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.leaders import NEVER, SHOWN
from neon_control.recordings.observer import Observer

SILENCE = np.zeros(round(AUDIO_WINDOW_S * SAMPLE_RATE), np.float32)  # what a robot without a microphone hears

REVISION = 5  # of this reader: counts up when it makes other samples of the same recording


@dataclass(frozen=True)
class Sample:
    """One observation and the commands that followed it."""

    observation: Observation
    actions: np.ndarray  # (H, N) [rad] and [m/s, rad/s]
    mask: np.ndarray  # (H,) 1 where a command is known, 0 where the last one is repeated
    episode: int = 0  # number of the episode within its recording
    leader: int = SHOWN  # whose action it is, one of `leaders.py`'s
    before_takeover: float = NEVER  # [s] until a person leads the next time


@dataclass(frozen=True)
class Problem:
    """Something that cost samples, or that somebody should look at."""

    where: str  # file, and the topic or feature
    time: float | None  # [s] since the recording's start, of the first time; None: it concerns all of it
    what: str
    count: int = 1  # how often

    def __str__(self) -> str:
        when = "" if self.time is None else f" at {self.time:.2f} s"
        return f"{self.where}{when}: {self.what}" + (f" ({self.count} times)" if self.count > 1 else "")


@dataclass
class Report:
    """Fills while a recording is read."""

    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0  # [s] from the first to the last image
    rates: dict[str, float] = field(default_factory=dict)  # topic or feature -> [Hz], mean from its first to its last message
    images: Counter[tuple[str, ImageKind]] = field(default_factory=Counter)  # camera, how its images came -> how many
    observer: Observer = field(default_factory=Observer)  # is shown what is read
    take: str = ""  # what the recording is a part of, as it says itself; its scene is the same in all parts
    dark: bool = False  # whether it says that its images are black on purpose
    outcome: str = ""  # how it ended, as it says itself: `success`, `failure`, `discarded`, or nothing
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, where: str, time: float | None, what: str, kind: str = "") -> None:
        """Note a problem; those of one `kind` (default: the text) at one place are counted, and the first one's words are kept."""
        key = (where, kind or what)
        if key in self._known:
            old = self.problems[self._known[key]]
            self.problems[self._known[key]] = Problem(old.where, old.time, old.what, old.count + 1)
        else:
            self._known[key] = len(self.problems)
            self.problems.append(Problem(where, time, what))


NUMBER = re.compile(r"\d+")
NAMED = 8  # places that a row of alike problems names


def alike(problems: Iterable[tuple[str, Problem]]) -> list[tuple[Problem, int]]:
    """Problems of several recordings, each with its recording's name, to rows; those that differ only in it, or in numbers, share one.

    Returns:
        The first of each kind, how often there is one, where else there are some; and in how many recordings.
    """
    rows: dict[tuple[str, str], list[tuple[str, Problem]]] = {}
    for name, problem in problems:
        rows.setdefault((NUMBER.sub("#", problem.where.replace(name, "#", 1)), NUMBER.sub("#", problem.what)), []).append((name, problem))
    return [_row(members) for members in rows.values()]


def _row(members: list[tuple[str, Problem]]) -> tuple[Problem, int]:
    first, names = members[0][1], {name for name, _ in members}
    others = list(dict.fromkeys(p.where for _, p in members if p.where != first.where))
    more = f", and {len(others) - NAMED} more" if len(others) > NAMED else ""
    also = f"; also in {', '.join(others[:NAMED])}{more}" if others else ""
    return Problem(first.where, first.time, first.what + also, sum(p.count for _, p in members)), len(names)


class Recording(ABC):
    """One bag, or one episode of a LeRobot dataset.

    Attributes:
        path: the bag's folder or file; the dataset's folder, which its episodes share.
        name: tells it from the others.
    """

    path: Path
    name: str

    @property
    def uses_ranges(self) -> bool:
        """Whether samples depend on the ranges of the robot's joints, too."""
        return False

    @abstractmethod
    def fingerprint(self) -> str:
        """Identity of what `samples` depends on besides its arguments, for caches: it changes when the files or their meaning change."""

    def senses_fingerprint(self) -> str:
        """The same for images and sound alone: it may stay when joints and actions are read otherwise."""
        return self.fingerprint()

    def instruction_fingerprint(self) -> str:
        """Identity of what the words depend on that a policy is told, besides the files; only for those that are told."""
        return ""

    def as_bag(self, robot: Robot) -> tuple[Bag, Robot]:
        """For who plays it: a bag, to be used as a context manager, and the robot with its topics.

        Raises:
            BagError: nothing of it can be read.
        """
        return Bag(self.path), robot

    def samples(
        self, space: ActionSpace, dt: float, num_steps: int, clip: Clip | None = None, report: Report | None = None
    ) -> Iterator[Sample]:
        """One sample for each usable image, in order of time, without holding the others in memory.

        Args:
            space: joints and order of the actions.
            dt: [s] between steps of a target.
            num_steps: H.
            clip: the images of an observation; where it reaches back before an episode's first image, there is no sample.
            report: takes problems, length and rates; complete when the last sample was taken.
        """
        report = Report() if report is None else report
        try:
            yield from self._samples(space, dt, num_steps, clip or Clip(), report)
        except Exception as error:  # whatever is wrong with one recording, the others are read
            report.add(self.name, None, f"cannot be read: {type(error).__name__}: {error}")

    @abstractmethod
    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]: ...


def file_fingerprint(files: Iterable[Path], *more: object) -> str:
    """Hash of names, sizes and times of change, and of whatever else decides what is read."""
    stats = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files)]
    return hashlib.sha256(repr((REVISION, stats, more)).encode()).hexdigest()[:16]


def step_times(stamp: int, dt: float, num_steps: int) -> np.ndarray:
    """(H,) [ns] the instants of a target that begins at `stamp`."""
    return stamp + np.round(np.arange(num_steps) * dt * NANOSECONDS).astype(np.int64)


class UnreadableRecording(Recording):
    """Something that is there and cannot be read: it gives no samples, and says why."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.name, self._why = path, path.name, why

    def __str__(self) -> str:
        return f"{self.path}: {self._why}" if str(self.path) not in self._why else self._why

    def fingerprint(self) -> str:
        """Of the reason."""
        return file_fingerprint([], self._why)

    def as_bag(self, robot: Robot) -> tuple[Bag, Robot]:
        """There is none."""
        raise BagError(self._why, self.path)

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        report.add(self.name, None, self._why)
        yield from ()
