"""Where things are in a LeRobot dataset on disk, versions 2.0, 2.1 and 3.0.

| | 2.0, 2.1 | 3.0 |
|---|---|---|
| episodes | `meta/episodes.jsonl` | `meta/episodes/*/*.parquet`, one row each, with the places of data and videos |
| data | one parquet file an episode | episodes share parquet files |
| videos | one mp4 an episode and camera | episodes share mp4 files, each begins at `from_timestamp` |

`meta/info.json` names the features and the patterns of the file names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, Rules, read
from neon_control.core.common.files import lfs_hint, read_whole
from neon_control.recordings.lerobot.on_disk import INFO

EPISODES = Path("meta/episodes")
CACHED = "datasets--"
MAX_BYTES = 256 << 20  # of a list of episodes; a hundred thousand have some 20 MB


@dataclass(frozen=True)
class Episode:
    """One row of the list of episodes."""

    index: int
    length: int  # frames
    row: Mapping[str, Any]  # as it is in the list


@dataclass(frozen=True)
class Layout:
    """A dataset's description."""

    root: Path
    version: int  # 2 or 3
    fps: float
    chunk_size: int
    features: Mapping[str, Mapping[str, Any]]
    data_path: str
    video_path: str
    episodes: tuple[Episode, ...]
    damaged: tuple[str, ...] = ()  # what is wrong with rows of the list of episodes, which are left out

    @property
    def name(self) -> str:
        """The folder's, or the repository's where it lies in the hub's cache."""
        snapshots = self.root.parent
        cached = snapshots.name == "snapshots" and snapshots.parent.name.startswith(CACHED)
        return snapshots.parent.name.removeprefix(CACHED).replace("--", "/") if cached else self.root.name

    def data_file(self, episode: Episode) -> Path:
        """The parquet file with an episode's rows."""
        return self._file(self.data_path, episode, "data")

    def video_file(self, episode: Episode, feature: str) -> Path:
        """The mp4 file with an episode's images."""
        return self._file(self.video_path, episode, f"videos/{feature}", video_key=feature)

    def video_start(self, episode: Episode, feature: str) -> float:
        """[s] where the episode begins in its video."""
        return self._number(episode, f"videos/{feature}/from_timestamp") if self.version >= 3 else 0.0

    def _number(self, episode: Episode, field: str) -> float:
        given = episode.row.get(field)
        if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
            raise ConfigError(f"{self.root / EPISODES}: episode {episode.index}: {field} must be a number, got {given!r}")
        return float(given)

    def _file(self, pattern: str, episode: Episode, where: str, **more: str) -> Path:
        if not pattern:
            raise ConfigError(f"{self.root / INFO}: {where.split('/')[0].rstrip('s')}_path must be a pattern of file names, there is none")
        if self.version >= 3:
            places = {key: int(self._number(episode, f"{where}/{key}")) for key in ("chunk_index", "file_index")}
        else:
            places = {"episode_chunk": episode.index // self.chunk_size, "episode_index": episode.index}
        try:
            name = pattern.format(**places, **more)
        except (LookupError, ValueError, AttributeError) as error:
            needed = [*places, *more]
            raise ConfigError(f"{self.root / INFO}: '{pattern}' must be a file name with the fields {needed}, got {error}") from error
        return self.inside(name)

    def inside(self, name: str) -> Path:
        """A file by the name that the dataset gives it, which must not lead out of the dataset; links are the user's own, and followed.

        The hub's cache is made of links, and so is a dataset on another disk.
        """
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise ConfigError(f"{self.root / INFO}: '{name}' leads out of the dataset, must be a name below {self.root}")
        return self.root / path

    @property
    def image_features(self) -> list[str]:
        """All features with images."""
        return [k for k, f in self.features.items() if f.get("dtype") in ("video", "image")]

    def image_feature(self, camera: str, wanted: str, robot: Sequence[str]) -> str:
        """The feature with a camera's images: what is `wanted`, else the one that is called like the camera, else the only one there is.

        Args:
            wanted: by the robot file; may be empty.
            robot: the names of its cameras. The first one alone may take the only feature that there is, if it is not called like another.

        Raises:
            ConfigError: there is no such one.
        """
        found = self.image_features
        if wanted in found:
            return wanted
        named = [k for k in found if k.split(".")[-1] == camera]
        if not wanted and len(named) == 1:
            return named[0]
        if not wanted and camera == robot[0] and len(found) == 1 and found[0].split(".")[-1] not in robot:
            return found[0]
        text = f"needs the images of {wanted or 'one camera'}, has {found}; recording.lerobot.images of the robot file names one: "
        raise ConfigError(f"{self.root / INFO}: {text}{{{camera}: FEATURE}}")

    def names(self, feature: str) -> list[str]:
        """Names of a feature's dimensions, in order; [] where there is no such feature or it names none.

        They are a list, or lists in a list, or lists by kind (`{"motors": [...]}`), or numbers by name (`{"waist": 0, ...}`).
        """
        names = self.features.get(feature, {}).get("names") or []
        if names and isinstance(names, dict) and all(isinstance(v, int) for v in names.values()):
            return sorted(names, key=lambda n: names[n])
        return _flat(names)


def _flat(names: Any) -> list[str]:
    if isinstance(names, dict):
        names = list(names.values())
    return [n for part in names for n in _flat(part)] if isinstance(names, list) else [str(names)]


def load_layout(root: Path) -> Layout:
    """Read a dataset's description; a ConfigError names the file that is missing or damaged, or whose version is not known."""
    file = root / INFO
    try:
        with _named(file, "description of a dataset"):
            info = json.loads(read_whole(file, MAX_BYTES))
        fields, place = read(Mapping, info, Place(file)), Place(file)
        stated = read(str, fields.get("codebase_version"), place.at("codebase_version"))
        version = {"v2": 2, "v3": 3}.get(stated.split(".")[0])
        if version is None:
            raise ConfigError(f"{file}: codebase_version is {stated}, known are v2.0, v2.1 and v3.0")
        fps = read(float, fields.get("fps"), place.at("fps"), Rules(above=0.0))
        size = read(int, fields.get("chunks_size", 1000), place.at("chunks_size"), Rules(minimum=1))
        data = read(str, fields.get("data_path"), place.at("data_path"), Rules(filled=True))
        videos = read(str, fields.get("video_path") or "", place.at("video_path"))
        features = {k: f for k, f in read(Mapping, fields.get("features"), place.at("features")).items() if isinstance(f, Mapping)}
        rows, damaged = _episodes_3(root / EPISODES) if version == 3 else _episodes_2(root / "meta/episodes.jsonl")
        episodes = []
        for where, row in rows:
            try:
                episodes.append(_episode(row, Place(where)))
            except ConfigError as error:
                damaged.append(str(error))
        return Layout(root, version, fps, size, features, data, videos, tuple(episodes), tuple(damaged))
    except (OSError, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:  # pyarrow's, json's: ValueErrors
        raise ConfigError(f"{file}: no readable LeRobot dataset: {type(error).__name__}: {error}") from error


def _episode(row: Any, place: Place) -> Episode:
    fields = read(Mapping, row, place)
    index, length = (read(int, fields.get(key), place.at(key), Rules(minimum=0)) for key in ("episode_index", "length"))
    return Episode(index, length, fields)


Rows = tuple[list[tuple[str, Any]], list[str]]  # where each one is and what it says; what cannot be read


def _episodes_2(file: Path) -> Rows:
    rows: list[tuple[str, Any]] = []
    damaged: list[str] = []
    with _named(file, "list of episodes"):
        lines = read_whole(file, MAX_BYTES).splitlines()
        for number, line in enumerate(lines, 1):
            try:
                rows += [(f"{file}, line {number}", json.loads(line))] if line.strip() else []
            except (ValueError, RecursionError) as error:
                damaged.append(f"{file}, line {number}: no description of an episode: {lfs_hint(file) or error}")
    return rows, damaged


def _episodes_3(folder: Path) -> Rows:
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise ConfigError(f"{folder}: no list of episodes: there is no parquet file in a folder of it")
    rows: list[tuple[str, Any]] = []
    damaged: list[str] = []
    for file in files:
        try:
            with _named(file, "list of episodes"):
                columns = [n for n in parquet.read_schema(file).names if not n.startswith("stats/")]
                found = parquet.read_table(file, columns=columns).to_pylist()
            rows += [(f"{file}, row {number}", row) for number, row in enumerate(found)]
        except ConfigError as error:
            damaged.append(str(error))
    return rows, damaged


@contextmanager
def _named(file: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: no {what}: {lfs_hint(file) or error}") from error
