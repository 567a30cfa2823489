"""Lists of episodes that are left out of a training, or alone taken into it: YAML that `neon_control recordings` writes and people edit.

    exclude:
      - {recording: take_3, reason: the camera was covered}
      - {recording: monday/take_1, episode: 2}   # of a bag with several episodes, counted from 0
      - my_dataset/episode_00001*                # a pattern: any number of recordings

A recording is named by as much of the end of its path as tells it from the others; of a LeRobot dataset each episode is a recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, check_keys, load, read, setting
from neon_control.core.common.nearest import did_you_mean
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.reading import Recording, Report, Sample

LISTS = ("include", "exclude")


@dataclass(frozen=True)
class Entry:
    """One line of a list."""

    recording: str = setting(filled=True, scalar=True)
    episode: int | None = setting(None, minimum=0)  # None: all of the recording
    reason: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """Of its path."""
        return Path(self.recording).parts

    def names(self, recording: Recording) -> bool:
        """Whether it is this one."""
        path = _path(recording)
        end = path[max(0, len(path) - len(self.parts)) :]
        return len(end) == len(self.parts) and all(fnmatchcase(a, b) for a, b in zip(end, self.parts, strict=True))


class ChosenEpisodes(Recording):
    """A recording of which some episodes are left out."""

    def __init__(self, whole: Recording, numbers: frozenset[int], taken: bool) -> None:
        self.path, self.name = whole.path, whole.name
        self._whole, self._numbers, self._taken = whole, numbers, taken

    @property
    def uses_ranges(self) -> bool:
        """As the whole."""
        return self._whole.uses_ranges

    def fingerprint(self) -> str:
        """Of the whole, and of what is left out of it."""
        return f"{self._whole.fingerprint()}-{self._taken}-{sorted(self._numbers)}"

    def senses_fingerprint(self) -> str:
        """That of the whole: what was encoded for it serves here, too."""
        return self._whole.senses_fingerprint()

    def instruction_fingerprint(self) -> str:
        """That of the whole, too."""
        return self._whole.instruction_fingerprint()

    def as_bag(self, robot: Robot) -> tuple[Bag, Robot]:
        """The whole: a bag is played as it is."""
        return self._whole.as_bag(robot)

    def _samples(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip, report: Report) -> Iterator[Sample]:
        for sample in self._whole.samples(space, dt, num_steps, clip, report):
            if (sample.episode in self._numbers) == self._taken:
                yield sample


def chosen(recordings: Sequence[Recording], file: str) -> tuple[list[Recording], str]:
    """What a list leaves of some recordings, and in words how many it leaves out; all, and nothing to say, where `file` is "".

    Raises:
        ConfigError: no such list, both lists or none in it, or an entry that names no recording, or several without being a pattern.
    """
    if not file:
        return list(recordings), ""
    which, entries = _load(Path(file))
    found: dict[int, list[Entry]] = {}
    for number, entry in enumerate(entries):
        matching = [i for i, recording in enumerate(recordings) if entry.names(recording)]
        _check(entry, [recordings[i] for i in matching], recordings, Place(file, f"{which}[{number}]"))
        for i in matching:
            found.setdefault(i, []).append(entry)
    taken = which == "include"
    kept: list[Recording] = []
    parts = 0
    for i, recording in enumerate(recordings):
        named = found.get(i, [])
        if not named or any(e.episode is None for e in named):
            kept += [recording] if bool(named) == taken else []
        else:
            kept.append(ChosenEpisodes(recording, frozenset(e.episode for e in named if e.episode is not None), taken))
            parts += 1
    if not kept:
        raise ConfigError(f"{file}: leaves none of the {len(recordings)} recordings")
    words = f"{file} leaves out {len(recordings) - len(kept)} of {len(recordings)} recordings"
    return kept, words + (f", and episodes of {parts} more" if parts else "")


def names_of(recordings: Sequence[Recording]) -> list[str]:
    """For each recording, as much of the end of its path as no other one ends with."""
    paths = [_path(r) for r in recordings]
    ends = Counter(p[-k:] for p in paths for k in range(1, len(p) + 1))
    lengths = (next((k for k in range(1, len(p) + 1) if ends[p[-k:]] == 1), len(p)) for p in paths)
    shortest = [max(k, len(Path(r.name).parts)) for k, r in zip(lengths, recordings, strict=True)]
    return [str(Path(*p[-k:])) for p, k in zip(paths, shortest, strict=True)]


def write_list(file: Path, entries: Iterable[Entry], comment: str) -> None:
    """Write an exclusion list; `comment` is its first line."""
    lines = [{k: v for k, v in vars(e).items() if v not in (None, "")} for e in entries]
    text = yaml.safe_dump({"exclude": lines}, sort_keys=False, allow_unicode=True, width=140)
    file.write_text(f"# {comment}\n{text}")


def _path(recording: Recording) -> tuple[str, ...]:
    return (*recording.path.absolute().parent.parts, *Path(recording.name).parts)


def _load(file: Path) -> tuple[str, list[Entry]]:
    given = read_mapping(file)
    check_keys(given, Place(file), LISTS)
    if len(given) != 1:
        raise ConfigError(f"{file}: needs one of the lists {list(LISTS)}, has {list(given)}")
    ((which, lines),) = given.items()
    place = Place(file, which)
    if not isinstance(lines, list):
        raise place.wrong("a list of recordings", lines)
    return which, [_entry(line, place.at(i)) for i, line in enumerate(lines)]


def _entry(line: Any, place: Place) -> Entry:
    if isinstance(line, str | int | float):
        line = {"recording": line}
    return load(Entry, read(dict, line, place), place)


def _check(entry: Entry, matching: Sequence[Recording], recordings: Sequence[Recording], place: Place) -> None:
    if not matching:
        near = did_you_mean(entry.recording, names_of(recordings))
        raise ConfigError(f"{place} names {entry.recording!r}, which is none of the {len(recordings)} recordings{near}")
    if len(matching) > 1 and not set("*?[") & set(entry.recording):
        paths = [str(Path(*_path(r))) for r in matching]
        raise ConfigError(f"{place} names {entry.recording!r}, which are several recordings: {paths}; say more of the path")
