"""An attempt at a task, as the one who watched it said how it went: what `neon_control record --episodes` writes, and its reading.

It stands twice in a bag: in the metadata, which comes with the bag's end, and in messages on `episode/state`, which stay where the recorder
is killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

from neon_control.core.robot.topic_names import EPISODE_STATE
from neon_control.recordings.bag.bag_file import OUTCOME_KEY, Bag, BagError
from neon_control.recordings.bag.messages import TEXT

OUTCOME, OUTCOME_TYPE = "success", "std_msgs/msg/Bool"  # last word of a simulation's topic that says how an episode ended, and its type
IDLE, RECORDING = "idle", "recording"
SUCCESS, FAILURE, DISCARDED = "success", "failure", "discarded"
NOTE_KEY, TASK_KEY, EPISODE_KEY = "note", "task", "neon_control/episode"  # of the metadata, beside OUTCOME_KEY; the last one has all of it


@dataclass(frozen=True)
class Episode:
    """What a message on `episode/state` says, as JSON."""

    state: str = IDLE
    number: int = 0  # of the newest episode; 0: there was none
    outcome: str = ""  # one of the three above; empty: nobody has said one
    task: str = ""  # what was to be done, in words
    note: str = ""  # of who said the outcome; before that, what goes with the next one
    policy: str = ""  # that drove
    robot: str = ""
    kept: bool = False  # whether it was begun after the fact: `begin` is as far as the recorder remembered
    begin: int = 0  # [ns] of the episode
    end: int = 0  # [ns] when its outcome was said; 0 before
    stamp: int = 0  # [ns] of this message

    def to_json(self) -> str:
        """As a message holds it."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def metadata(self) -> dict[str, str]:
        """As a bag's metadata holds it."""
        return {OUTCOME_KEY: self.outcome, NOTE_KEY: self.note, TASK_KEY: self.task, EPISODE_KEY: self.to_json()}


def read_episode(text: str) -> Episode | None:
    """Of a message; None where it is something else. What is not known here is passed over."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, Mapping) or not isinstance(given.get("state"), str):
        return None
    known: dict[str, Any] = {f.name: given[f.name] for f in fields(Episode) if type(given.get(f.name)) is type(f.default)}
    return Episode(**known)


def is_state(topic: str, kind: str) -> bool:
    """Whether a topic, in whatever namespace, tells of episodes."""
    return kind == TEXT and f"/{topic}".endswith(f"/{EPISODE_STATE}")


def succeeded(said: bool | str) -> bool | None:
    """What a message says of the end of an episode, the content of a Bool or of a state; None where it says nothing about that."""
    if isinstance(said, bool):
        return said
    episode = read_episode(said)
    return None if episode is None or episode.outcome not in (SUCCESS, FAILURE) else episode.outcome == SUCCESS


def is_outcome(topic: str, kind: str) -> bool:
    """Whether a simulation says on a topic how an episode ended."""
    return kind == OUTCOME_TYPE and topic.split("/")[-1] == OUTCOME


def episode_of(bag: Bag) -> Episode | None:
    """What a bag says of itself: its metadata, or else the last message; None where it was not recorded as an episode."""
    if (found := read_episode(bag.custom.get(EPISODE_KEY, ""))) is not None:
        return found
    for message in bag.messages([t.name for t in bag.topics.values() if is_state(t.name, t.type)]):
        try:
            found = read_episode(bag.decode(message).data) or found
        except BagError:
            continue  # a damaged one
    return found


def outcome_of(bag: Bag) -> str:
    """How a bag ended: by its metadata, by what a person said meanwhile, or by a simulation's topic `.../success`; the last word counts."""
    episode = episode_of(bag)
    outcome = bag.custom.get(OUTCOME_KEY, "") or (episode.outcome if episode else "")
    if not outcome:
        for message in bag.messages([t.name for t in bag.topics.values() if is_outcome(t.name, t.type)]):
            with suppress(BagError):
                outcome = SUCCESS if bag.decode(message).data else FAILURE
    return outcome
