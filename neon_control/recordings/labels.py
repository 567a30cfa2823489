"""What a recording says of itself beside its samples: how it ended, and whether it tells who led the robot."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from neon_control.core.common.errors import NeonControlError
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.episode import FAILURE, SUCCESS, outcome_of
from neon_control.recordings.leaders import leaders_topic
from neon_control.recordings.lerobot.episodes import LeRobotEpisode
from neon_control.recordings.reading import Recording, Report


class Labels(NamedTuple):
    """Of one recording."""

    outcome: str = ""  # success, failure, discarded, or nothing
    led: bool = False  # whether it tells who led


def labels_of(recording: Recording) -> Labels:
    """What is not there, or cannot be read, is not said."""
    with suppress(NeonControlError, OSError, KeyError, ValueError):
        if isinstance(recording, BagRecording):
            with Bag(recording.path, lambda *_: None) as bag:
                return Labels(outcome_of(bag), bool(leaders_topic({t.name: t.type for t in bag.topics.values()})))
        if isinstance(recording, LeRobotEpisode):
            rows = recording.rows([], Report())
            success = rows.outcome()
            return Labels("" if success is None else SUCCESS if success else FAILURE, rows.leaders() is not None)
    return Labels()
