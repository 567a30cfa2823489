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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import lfs_hint, read_whole

INFO = Path("meta/info.json")
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

    def data_file(self, episode: Episode) -> Path:
        """The parquet file with an episode's rows."""
        return self._file(self.data_path, episode, "data")

    def video_file(self, episode: Episode, feature: str) -> Path:
        """The mp4 file with an episode's images."""
        return self._file(self.video_path, episode, f"videos/{feature}", video_key=feature)

    def video_start(self, episode: Episode, feature: str) -> float:
        """[s] where the episode begins in its video."""
        return float(episode.row[f"videos/{feature}/from_timestamp"]) if self.version >= 3 else 0.0

    def _file(self, pattern: str, episode: Episode, where: str, **more: str) -> Path:
        if self.version >= 3:
            places = {"chunk_index": int(episode.row[f"{where}/chunk_index"]), "file_index": int(episode.row[f"{where}/file_index"])}
        else:
            places = {"episode_chunk": episode.index // self.chunk_size, "episode_index": episode.index}
        file = (self.root / pattern.format(**places, **more)).resolve()
        if not file.is_relative_to(self.root.resolve()):
            raise ConfigError(f"{self.root / INFO}: '{pattern}' leads out of the dataset, to {file}")
        return file

    def image_feature(self, wanted: str) -> str:
        """The feature with the images: `wanted`, or the only one there is; a ConfigError where there is no such one."""
        found = [k for k, f in self.features.items() if f.get("dtype") in ("video", "image")]
        if wanted in found:
            return wanted
        if wanted or len(found) != 1:
            raise ConfigError(
                f"{self.root / INFO}: needs the images of {wanted or 'one camera'}, has {found}; recording.lerobot.image names one"
            )
        return found[0]

    def names(self, feature: str) -> list[str]:
        """Names of a feature's dimensions, in order; [] where there is no such feature or it names none.

        They are a list, or lists in a list, or lists by kind (`{"motors": [...]}`), or numbers by name (`{"waist": 0, ...}`).
        """
        names = self.features.get(feature, {}).get("names") or []
        if isinstance(names, dict) and all(isinstance(v, int) for v in names.values()):
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
        version = int(str(info["codebase_version"]).lstrip("v").split(".")[0])
        if version not in (2, 3):
            raise ConfigError(f"{file}: codebase_version is {info['codebase_version']}, known are v2.0, v2.1 and v3.0")
        fps = float(info["fps"])
        if not fps > 0.0:
            raise ConfigError(f"{file}: fps is {fps}, must be > 0")
        rows = _episodes_3(root / "meta/episodes") if version == 3 else _episodes_2(root / "meta/episodes.jsonl")
        episodes = tuple(Episode(int(r["episode_index"]), int(r["length"]), r) for r in rows)
        size, videos = int(info.get("chunks_size", 1000)), str(info.get("video_path") or "")
        return Layout(root, version, fps, size, dict(info["features"]), str(info["data_path"]), videos, episodes)
    except (OSError, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:  # pyarrow's, json's: ValueErrors
        raise ConfigError(f"{file}: no readable LeRobot dataset: {type(error).__name__}: {error}") from error


def _episodes_2(file: Path) -> list[dict[str, Any]]:
    with _named(file, "list of episodes"):
        return [json.loads(line) for line in read_whole(file, MAX_BYTES).splitlines() if line.strip()]


def _episodes_3(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise ConfigError(f"{folder}: no list of episodes: there is no parquet file in a folder of it")
    rows: list[dict[str, Any]] = []
    for file in files:
        with _named(file, "list of episodes"):
            columns = [n for n in parquet.read_schema(file).names if not n.startswith("stats/")]
            rows += parquet.read_table(file, columns=columns).to_pylist()
    return rows


@contextmanager
def _named(file: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: no {what}: {lfs_hint(file) or error}") from error
