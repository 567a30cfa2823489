"""One recorded attempt at a task: how it went, who drove, how long it took, who took over and what stopped the robot.

Whoever recorded it said how it went (`record --episodes`), or a simulation did (a topic `.../success`). Takeovers are those of the
recorded `commander`, stops what the executor's counters say between its first and its last diagnostics of the recording.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.executor import TAKEOVER
from neon_control.core.robot.topic_names import COMMANDER, DIAGNOSTICS
from neon_control.recordings.bag.bag_file import POLICY_KEY, Bag, BagError
from neon_control.recordings.bag.messages import IMAGE_TYPES, TEXT
from neon_control.recordings.episode import DISCARDED, FAILURE, SUCCESS, Episode, episode_of, outcome_of
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.decoding.thumbnail import thumbnail

ROBOT_KEY = "neon_control/robot"  # of a bag's metadata: the robot file
NAME = re.compile(r"^name:\s*(\S+)", re.MULTILINE)
STOPS = "stops/"  # begin of the executor's counters, each followed by a cause
UNKNOWN = "unknown"
THUMBNAIL_HEIGHT = 96  # [pixels]
LAST_S = 2.0  # [s] of a recording in which its last image is looked for


@dataclass(frozen=True)
class Trial:
    """What a recording tells."""

    path: Path
    policy: str
    version: str  # hash of the policy's description; empty: not known
    robot: str
    start: int  # [ns]
    seconds: float  # of the attempt
    outcome: str = ""  # success, failure, discarded, or nothing
    note: str = ""
    task: str = ""
    timed: bool = True  # whether `seconds` began with the attempt
    takeovers: int = 0
    led: float = 0.0  # [s] by a person
    stops: Counter[str] = field(default_factory=Counter)  # cause -> how often
    pictures: tuple[bytes, ...] = ()  # the first and the last image, small JPEGs

    @property
    def day(self) -> str:
        """Of its begin, on this computer's clock."""
        return time.strftime("%Y-%m-%d", time.localtime(self.start / NANOSECONDS))

    @property
    def counts(self) -> bool:
        """Whether it says how it went."""
        return self.outcome in (SUCCESS, FAILURE)

    @property
    def succeeded(self) -> bool:
        """Whether it went well, with a person's help or without."""
        return self.outcome == SUCCESS

    @property
    def alone(self) -> bool:
        """Whether it went well and nobody took over."""
        return self.succeeded and not self.takeovers


def read_trial(path: Path, pictures: bool = False) -> Trial:
    """Read a bag once; with `pictures`, its images as well.

    Raises:
        BagError: nothing of it can be read.
    """
    with Bag(path, lambda *_: None) as bag:
        if not bag.topics:
            raise BagError("no messages", path)
        episode = episode_of(bag) or Episode(outcome=outcome_of(bag))
        end = episode.end or bag.end
        begin = episode.begin or bag.start
        policy, version = _policy(bag, episode)
        takeovers, led = _takeovers(bag, end)
        return Trial(
            path,
            policy,
            version,
            episode.robot or _robot(bag),
            begin,
            max(0, end - begin) / NANOSECONDS,
            episode.outcome,
            episode.note,
            episode.task,
            not episode.kept,
            takeovers,
            led,
            _stops(bag),
            tuple(_pictures(bag)) if pictures else (),
        )


def _named(bag: Bag, last: str, kind: str) -> list[str]:
    """Topics of a type by the last word of their name, in whatever namespace."""
    return [t.name for t in bag.topics.values() if t.type == kind and t.name.split("/")[-1] == last]


def _contents(bag: Bag, topics: list[str]) -> Iterator[tuple[int, object]]:
    for message in bag.messages(topics):
        with suppress(BagError):  # a damaged one is as one that was lost
            yield message.time, bag.decode(message)


def _policy(bag: Bag, episode: Episode) -> tuple[str, str]:
    """Name, and hash of the description, of the policy that drove."""
    identity: object = None
    with suppress(ValueError):
        identity = json.loads(bag.custom.get(POLICY_KEY, "null"))
    if not isinstance(identity, dict):
        return episode.policy or UNKNOWN, ""
    files = identity.get("files")
    version = files.get("policy.yaml", "") if isinstance(files, dict) else ""
    return str(identity.get("name") or identity.get("policy") or episode.policy or UNKNOWN), str(version)


def _robot(bag: Bag) -> str:
    found = NAME.search(bag.custom.get(ROBOT_KEY, ""))
    return found[1] if found else UNKNOWN


def _takeovers(bag: Bag, end: int) -> tuple[int, float]:
    """How often a person took over, and for how long [s] until `end` [ns]."""
    count, led, since = 0, 0, 0
    for moment, message in _contents(bag, _named(bag, COMMANDER, TEXT)):
        leads = getattr(message, "data", "") == TAKEOVER
        if leads and not since:
            count, since = count + 1, moment
        elif not leads and since:
            led, since = led + moment - since, 0
    return count, (led + (max(0, end - since) if since else 0)) / NANOSECONDS


def _stops(bag: Bag) -> Counter[str]:
    """Cause -> how often the robot stopped, by counters that begin anew with each executor."""
    stops: Counter[str] = Counter()
    before: dict[tuple[str, str], int] = {}
    heard: set[str] = set()
    for _, message in _contents(bag, [DIAGNOSTICS] if DIAGNOSTICS in bag.topics else []):
        for status in getattr(message, "status", ()):
            found = {v.key.removeprefix(STOPS): int(v.value) for v in status.values if v.key.startswith(STOPS) and v.value.isdecimal()}
            for cause, count in found.items():
                known = before.get((status.name, cause), 0 if status.name in heard else count)
                stops[cause] += count - known if count >= known else count
                before[status.name, cause] = count
            heard.add(status.name)
    return +stops


def _pictures(bag: Bag) -> Iterator[bytes]:
    """The first and the last image of the first camera by name."""
    cameras = sorted(t.name for t in bag.topics.values() if t.type in IMAGE_TYPES)
    if not cameras:
        return
    first = next(iter(bag.messages([cameras[0]])), None)
    bag.cut(max(0.0, (bag.end - bag.start) / NANOSECONDS - LAST_S), LAST_S + 1.0)
    last = deque(bag.messages([cameras[0]]), maxlen=1)
    for message in (*([first] if first else []), *last):
        with suppress(BagError, ObservationError):
            image = image_of(bag.decode(message))
            yield thumbnail(image() if callable(image) else image, THUMBNAIL_HEIGHT)


def counted(trials: list[Trial]) -> list[Trial]:
    """Without what was discarded, and with policies told apart that have one name and other contents, in order of time."""
    versions: dict[str, set[str]] = {}
    for trial in trials:
        versions.setdefault(trial.policy, set()).add(trial.version)
    told = [
        trial if len(versions[trial.policy]) == 1 else replace(trial, policy=f"{trial.policy}@{trial.version[:6] or UNKNOWN}")
        for trial in trials
        if trial.outcome != DISCARDED
    ]
    return sorted(told, key=lambda trial: trial.start)
