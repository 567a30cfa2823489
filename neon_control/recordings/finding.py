"""Recordings to training samples: rosbag2 and LeRobot datasets, one way to read them.

`find_recordings` says what there is below some folders, `Recording.samples` reads one. A bag is played to the buffers of the live node
(`bag_recording.py`), so that training sees what the robot will see.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.recordings.bag.below import bag_of, files_below
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.lerobot.episodes import lerobot_episodes
from neon_control.recordings.lerobot.on_disk import INFO, on_disk
from neon_control.recordings.reading import Problem, Recording, Report, Sample

__all__ = ["Problem", "Recording", "Report", "Sample", "find_recordings"]


def find_recordings(roots: str | Path | Iterable[str | Path], config: RecordingConfig | None = None) -> list[Recording]:
    """The bags and the episodes of LeRobot datasets in and below some folders, in order of their paths.

    Args:
        roots: folders, single files of a bag, or datasets on the Hugging Face hub: `owner/name`, where there is no such folder.
        config: topics and names, `Robot.recording`; today's topics where none is given.

    Raises:
        ConfigError: a root is missing or cannot be had from the hub, or there is no recording.
    """
    folders = [on_disk(Path(r)) for r in ([roots] if isinstance(roots, (str, Path)) else roots)]
    missing = [str(f.absolute()) for f in folders if not f.exists()]
    if missing:
        raise ConfigError(f"no such file or folder: {', '.join(missing)}")
    found: dict[Path, list[Recording]] = {}
    seen: set[str] = set()
    for root in folders:
        for file in files_below(root, seen):
            if (bag := bag_of(file)) is not None:
                found[bag] = [BagRecording(bag, config)]
            elif file.name == INFO.name and file.parent.name == INFO.parent.name:
                found[file.parent.parent] = list(lerobot_episodes(file.parent.parent, config))
    if not found:
        where = ", ".join(str(f.absolute()) for f in folders)
        raise ConfigError(f"no recordings in {where}; `neon_control collect --out {folders[0] if folders else 'FOLDER'}` makes some")
    return [recording for path in sorted(found) for recording in found[path]]
