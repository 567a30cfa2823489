"""What a recorder of episodes is told from the page, and what it says: an attempt begins, and how it went.

A recorder may come and go, as every other program: what is not there is not offered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from rclpy.client import Client
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.topic_names import EPISODE_NOTE, EPISODE_SERVICES, EPISODE_STATE
from neon_control.monitor.link import Link, LinkError
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.chunk_messages import LATCHED

IDLE, RECORDING = "idle", "recording"
OFFERED = {IDLE: ("begin", "keep"), RECORDING: ("success", "failure", "discard")}  # by the state in which they can be done
NOTE_LIMIT = 2.0  # [s] for the recorder to say that it has a note
ANSWER_LIMIT = 20.0  # [s] for the end of a bag


class Episodes:
    """Calls to the recorder, and its newest state.

    Attributes:
        state: what the recorder said last, with `state` in it; empty: nothing.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.state: Mapping[str, Any] = {}
        self._heard = 0.0  # [s]
        self._clients: dict[str, Client[Any, Any]] = {
            name: link.node.create_client(Trigger, f"episode/{name}") for name in EPISODE_SERVICES
        }
        self._note = link.node.create_publisher(String, EPISODE_NOTE, QoSProfile(depth=10))
        link.node.create_subscription(String, EPISODE_STATE, self._receive, LATCHED, raw=True)

    def _receive(self, data: bytes) -> None:
        try:
            said = json.loads(read_message(data, String).data)
        except (ObservationError, ValueError, RecursionError) as error:
            self._link.node.get_logger().warning(f"{EPISODE_STATE}: {error}", throttle_duration_sec=5.0)
            return
        if isinstance(said, dict) and said.get("state") in OFFERED:
            with self._link.changed:
                self.state, self._heard = said, time.monotonic()
                self._link.changed.notify_all()

    @property
    def offered(self) -> tuple[str, ...]:
        """What the recorder can be told now; nothing where there is none."""
        return tuple(name for name in OFFERED.get(str(self.state.get("state", "")), ()) if self._clients[name].service_is_ready())

    def tell(self, name: str, note: str = "") -> str:
        """Tell it, with a note that goes with an outcome; returns its answer, or raises a `LinkError` and nothing was marked.

        The note goes by a topic, which a service may overtake: so it is waited for.
        """
        if note:
            begin = time.monotonic()
            self._note.publish(String(data=note))
            if not self._link.wait(lambda: self._heard > begin and self.state.get("note"), NOTE_LIMIT):
                raise LinkError(f"the recorder did not say that it has the note: {name} was not told either")
        answer = self._link.call(self._clients[name], Trigger.Request(), ANSWER_LIMIT)
        if not answer.success:
            raise LinkError(f"the recorder refused {name}: {answer.message}")
        return str(answer.message)


def in_words(state: Mapping[str, Any]) -> str:
    """What a recorder's state says; texts are the recorder's, and not safe as HTML."""
    task = f": {state['task']}" if state.get("task") else ""
    if state.get("state") == RECORDING:
        return f"recording episode {state.get('number', '?')}{task}"
    if not state.get("outcome"):
        return f"no episode is being recorded{task}"
    note = f" ({state['note']})" if state.get("note") else ""
    return f"episode {state.get('number', '?')}: {state['outcome']}{note}"
