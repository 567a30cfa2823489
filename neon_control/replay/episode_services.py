"""How a person tells an `EpisodeRecorder` what to do: services, a topic with notes, keys of the terminal (a pedal is a key, too)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.printable import printable
from neon_control.core.robot.topic_names import EPISODE_NOTE, EPISODE_SERVICES
from neon_control.nodes.polling import PolledSubscription
from neon_control.recordings.episode import DISCARDED, FAILURE, SUCCESS
from neon_control.replay.episode_recorder import EpisodeRecorder, words_of

NOTE = "note"  # a key that begins a text, which Enter ends
KEYS = dict(zip((*EPISODE_SERVICES, NOTE), "bsfdkn", strict=True))
OUTCOMES = {"success": SUCCESS, "failure": FAILURE, "discard": DISCARDED}  # service -> what it says
LONGEST_NOTE = 2000  # [characters] that are kept of one
ENTER, BACKSPACE, ESCAPE = "\r\n", "\x7f\b", "\x1b"


class EpisodeServices:
    """Serves `episode/begin` and the others on `node`, which has to be spun; `poll` has to be called meanwhile.

    Args:
        tell: takes a line about what was done, or why not.
        keys: of the terminal: service, or `note` -> its key.
    """

    def __init__(self, node: Node, recorder: EpisodeRecorder, tell: Callable[[str], None], keys: Mapping[str, str]) -> None:
        self._recorder, self._tell = recorder, tell
        self._names = {key: name for name, key in keys.items()}
        self._typing: str | None = None  # a note that is being typed
        self._said = PolledSubscription(node, String, EPISODE_NOTE, QoSProfile(depth=10), most=10)
        self._services = [node.create_service(Trigger, f"episode/{name}", partial(self._serve, name)) for name in EPISODE_SERVICES]

    def poll(self, typed: str) -> None:
        """Take the notes that have arrived, and what was typed on the keyboard."""
        for data in self._said.take():
            self._note(words_of(data))
        for key in typed:
            if self._typing is not None:
                self._type(key)
            elif self._names.get(key) == NOTE:
                self._typing = ""
                self._tell("note, Enter ends it:")
            elif key in self._names:
                self.act(self._names[key])

    def act(self, name: str) -> tuple[bool, str]:
        """Do what a service asks for; whether it was done, and the episode's name or why not."""
        recorder = self._recorder
        try:
            recorder.poll()  # what happened before this was said comes before it
            self.poll("")
            bag = recorder.end(OUTCOMES[name]) if name in OUTCOMES else recorder.begin(kept=name == "keep")
        except NeonControlError as error:
            self._tell(f"{name}: {error}")
            return False, str(error)
        note = recorder.episode.note
        self._tell(f"{bag}: {recorder.episode.outcome or recorder.episode.state}" + (f" ({note})" if note else ""))
        return True, bag

    def _serve(self, name: str, request: Any, response: Any) -> Any:
        response.success, response.message = self.act(name)
        return response

    def _note(self, words: str) -> None:
        self._recorder.hear_note(printable(words.strip())[:LONGEST_NOTE])

    def _type(self, key: str) -> None:
        typed = self._typing or ""
        if key in ENTER:
            self._typing = None
            self._note(typed)
            self._tell(f"note: {typed}")
        elif key in ESCAPE:
            self._typing = None
        else:
            self._typing = typed[:-1] if key in BACKSPACE else typed + key
