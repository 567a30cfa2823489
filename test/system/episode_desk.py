"""Plays a recorder of episodes: the services and topics that `neon_control record --episodes` has, without a bag."""

from __future__ import annotations

import json
from functools import partial

from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from neon_control.core.robot.topic_names import EPISODE_NOTE, EPISODE_STATE
from neon_control.nodes.chunk_messages import LATCHED

OUTCOMES = {"success": "success", "failure": "failure", "discard": "discarded"}


class Desk:
    """On `node`, which somebody spins.

    Attributes:
        told: (service, note that was known then), in order.
    """

    def __init__(self, node: Node, task: str = "") -> None:
        self.told: list[tuple[str, str]] = []
        self._node, self._state = node, {"state": "idle", "number": 0, "outcome": "", "task": task, "note": ""}
        self._publisher = node.create_publisher(String, EPISODE_STATE, LATCHED)
        self._services = [node.create_service(Trigger, f"episode/{name}", partial(self._serve, name)) for name in ("begin", *OUTCOMES)]
        self._notes = node.create_subscription(String, EPISODE_NOTE, lambda m: self._change(note=m.data), QoSProfile(depth=10))
        self._change()

    def say(self, text: str) -> None:
        """Publish any text as a state."""
        self._publisher.publish(String(data=text))

    def _change(self, **values: object) -> None:
        self._state |= values
        self.say(json.dumps(self._state))

    def _serve(self, name: str, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = (name == "begin") == (self._state["state"] == "idle")
        response.message = "episode_1" if response.success else f"not while {self._state['state']}"
        if response.success:
            self.told.append((name, str(self._state["note"])))
            if name == "begin":
                self._change(state="recording", number=int(str(self._state["number"])) + 1, outcome="", note="")
            else:
                self._change(state="idle", outcome=OUTCOMES[name])
        return response

    def close(self) -> None:
        """Leave the node."""
        for service in self._services:
            self._node.destroy_service(service)
        self._node.destroy_publisher(self._publisher)
        self._node.destroy_subscription(self._notes)
