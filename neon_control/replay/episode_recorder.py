"""One bag an episode: a person says when one begins and how it went.

What was said is in the bag, and out of reach of a kill, before it is answered. A latched message that holds while a bag begins is its first
message, with the time of the beginning: every bag tells what the policy was told, and who led. With `keep_last`, what happens between
episodes goes into a ring on disk, so that an episode may begin before anybody said so.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from rclpy.node import Node

from neon_control.core.common.errors import NeonControlError
from neon_control.core.robot.topic_names import EPISODE_NOTE, EPISODE_STATE, INSTRUCTION
from neon_control.nodes.chunk_messages import LATCHED
from neon_control.recordings.bag.bag_file import POLICY_KEY, BagError
from neon_control.recordings.bag.making import text
from neon_control.recordings.bag.message_types import find_definition
from neon_control.recordings.bag.messages import TEXT, deserialise, types
from neon_control.recordings.episode import DISCARDED, IDLE, RECORDING, Episode
from neon_control.replay.episode_bag import EpisodeBag, Part
from neon_control.replay.listening import Heard, Listener, offered_qos
from neon_control.replay.open_bag import Kind, OpenBag
from neon_control.replay.ring import Ring, leftovers, rescue

FLUSH_PERIOD = 0.5  # [s] of what a kill may cost
NAME = re.compile(r"episode_(\d{5,})")
OWN = ".recorder"  # folder of the ring, and of the lock by which two recorders do not share a folder


class EpisodeError(NeonControlError):
    """What was asked for is not possible now; the message says why."""


class EpisodeRecorder(Listener):
    """Records topics into `out`/episode_00001 and so on; see the module's text.

    Attributes:
        path: the folder of all.
        bytes: written so far into episodes, before compression.
        episode: how things stand.
        rescued: folder of a bag that was made of a killed recorder's ring; None: there was none.

    Args:
        told: topics with what is to be done, in words; the newest message counts.
        robot: its name.
        publish: takes `episode` as JSON, when it has changed.
        keep_last: [s] that the ring holds; 0: there is none.

    Raises:
        BagError: the folder cannot be used, or another recorder uses it; later, a file cannot be written.
    """

    def __init__(
        self,
        node: Node,
        out: Path,
        topics: Collection[str],
        told: Collection[str],
        robot: str,
        publish: Callable[[str], None],
        compress: bool = False,
        keep_last: float = 0.0,
    ) -> None:
        super().__init__(node, topics)
        self.path, self.bytes, self.rescued = out, 0, None
        self._own, self._compress, self._publish = out / OWN, compress, publish
        self._told = {node.resolve_topic_name(t) for t in (*told, INSTRUCTION)}
        self._state_topic, self._note_topic = node.resolve_topic_name(EPISODE_STATE), node.resolve_topic_name(EPISODE_NOTE)
        self._state_kind = Kind(TEXT, *find_definition(TEXT), [offered_qos(LATCHED)])
        self._holding: dict[str, Heard] = {}  # topic -> the newest message, of those that hold until the next one
        self._notes: dict[str, str] = {}  # of every bag
        self._bag: EpisodeBag | None = None
        self._flushed = 0.0  # [s, monotonic]
        self._enter()
        self._ring = Ring(self._own, keep_last, compress) if keep_last else None
        self.episode = Episode(number=max((int(m[1]) for f in out.iterdir() if (m := NAME.fullmatch(f.name))), default=0), robot=robot)
        if left := leftovers(self._own):
            folder = self._next_folder()
            self.rescued = folder if rescue(left, folder) else None
        self._say()

    def _enter(self) -> None:
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            self._lock = (self._own / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BagError("another recorder writes episodes into it", self.path) from error
        except OSError as error:
            raise BagError(f"cannot record episodes there: {error}", self.path) from error
        for scratch in self._own.iterdir():
            if scratch.is_dir():
                shutil.rmtree(scratch, ignore_errors=True)  # of a killed recorder, without messages

    def poll(self) -> None:
        """Write what has arrived."""
        for message in self.heard():
            if message.channel.latched or message.topic in self._told:
                self._holding[message.topic] = message
                if message.topic in self._told:
                    self._change(task=words_of(message.data))
            self._write(message.topic, message.channel.kind, message.moment, message.data)
        bag, now = self._written(), time.monotonic()
        if bag is not None and now - self._flushed >= FLUSH_PERIOD:
            self._flushed = now
            bag.flush()

    def note(self, key: str, words: str) -> None:
        """Put something into the metadata of the bags that end from now on."""
        self._notes[key] = words
        if key == POLICY_KEY:
            identity = json.loads(words)
            self._change(policy=str(identity.get("name", identity.get("policy", ""))))

    def hear_note(self, words: str) -> None:
        """A text that goes with the next outcome."""
        kind = self._state_kind._replace(offered=())
        self._write(self._note_topic, kind, self.now(), text(words))
        self._change(note=words)

    def begin(self, kept: bool = False) -> str:
        """An episode begins, or, if `kept`, it has begun when the ring did; returns its name.

        Raises:
            EpisodeError: one is being recorded, there is no ring, or simulated time has not begun.
        """
        if self._bag is not None:
            raise EpisodeError(f"episode {self.episode.number} is being recorded; say how it went first")
        if kept and self._ring is None:
            raise EpisodeError("nothing was kept: start the recorder with --keep-last SECONDS")
        now = self.now()
        if now <= 0:
            raise EpisodeError("simulated time has not begun")
        parts = [] if self._ring is None else self._ring.take()
        folder = self._next_folder()
        self._bag = EpisodeBag(folder, self._own, parts if kept else (), self._compress)
        if not kept:
            _delete(parts)
        begin = parts[0].information["starting_time"]["nanoseconds_since_epoch"] if kept and parts else now
        note = self.episode.note if not self.episode.outcome else ""
        self.episode = replace(self.episode, state=RECORDING, outcome="", note=note, kept=kept, begin=begin, end=0)
        self._open_with(self._bag, replace(self.episode, stamp=now))
        self._say()
        return folder.name

    def end(self, outcome: str) -> str:
        """Close the episode that is being recorded; returns its name. One that is `DISCARDED` is deleted.

        Raises:
            EpisodeError: there is none.
        """
        bag = self._bag
        if bag is None:
            raise EpisodeError("no episode is being recorded; begin one first")
        now = max(self.now(), 1)
        self.episode = replace(self.episode, outcome=outcome, end=now if outcome else 0)
        self._write(self._state_topic, self._state_kind, now, text(replace(self.episode, state=IDLE, stamp=now).to_json()))
        bag.flush(to_disk=True)
        self._bag = None
        if outcome == DISCARDED:
            bag.discard()
        else:
            for key, words in {**self._notes, **self.episode.metadata}.items():
                bag.note(key, words)
            bag.close()
        self.episode = replace(self.episode, state=IDLE)
        self._say()
        return bag.folder.name

    def close(self) -> None:
        """An episode that is being recorded ends without an outcome; what the ring holds is deleted."""
        if self._bag is not None:
            self.end("")
        if self._ring is not None:
            self._ring.clear()
        self._lock.close()
        shutil.rmtree(self._own, ignore_errors=True)

    def _next_folder(self) -> Path:
        self.episode = replace(self.episode, number=self.episode.number + 1)
        return self.path / f"episode_{self.episode.number:05d}"

    def _change(self, **fields: str) -> None:
        """Say something new of the episode; what comes after an outcome is of the next one."""
        if "note" in fields and self.episode.outcome:
            self.episode = replace(self.episode, outcome="", begin=0, end=0)
        changed = replace(self.episode, **fields)  # type: ignore[arg-type]
        if changed != self.episode:
            self.episode = changed
            self._say()

    def _say(self) -> None:
        """Publish the state, and write it into the episode that is being recorded."""
        now = self.now()
        said = replace(self.episode, stamp=now).to_json()
        self._publish(said)
        if self._bag is not None:
            self._write(self._state_topic, self._state_kind, now, text(said))

    def _written(self) -> OpenBag | None:
        """The bag that is being written: the episode's, or the ring's newest."""
        if self._bag is not None or self._ring is None:
            return self._bag
        bag, new = self._ring.bag(time.monotonic())
        if new:
            self._open_with(bag, Episode(task=self.episode.task, policy=self.episode.policy, robot=self.episode.robot))
        return bag

    def _write(self, topic: str, kind: Kind, moment: int, data: bytes) -> None:
        bag = self._written()
        if bag is not None and moment > 0:
            bag.write(topic, kind, moment, data)
        if self._bag is not None:
            self.bytes += len(data)

    def _open_with(self, bag: OpenBag, episode: Episode) -> None:
        """The first messages of a bag: how things stand."""
        now = self.now()
        if now > 0:
            bag.write(self._state_topic, self._state_kind, now, text(replace(episode, stamp=now).to_json()))
            for topic, held in self._holding.items():
                bag.write(topic, held.channel.kind, now, held.data)
        bag.flush()


def _delete(parts: Collection[Part]) -> None:
    for part in parts:
        part.path.unlink(missing_ok=True)


def words_of(data: bytes) -> str:
    """Of a message of the type String; nothing of another one, or a damaged one."""
    try:
        return str(deserialise(types(), TEXT, data).data)
    except Exception:  # another type, or damaged
        return ""
