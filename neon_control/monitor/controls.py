"""The buttons of the executor, as calls: e-stop, release, reset, enable, disable."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from std_srvs.srv import SetBool, Trigger

from neon_control.monitor.link import EXECUTOR, SERVICE_LIMIT, Link, LinkError


class ExecutorControls:
    """Calls that return the executor's answer, or raise a `LinkError`; each waits `limit` [s] for the service, and for its answer."""

    def __init__(self, link: Link, limit: float = SERVICE_LIMIT) -> None:
        self._link, self._limit = link, limit
        self._estop: Client[Any, Any] = link.node.create_client(SetBool, f"{EXECUTOR}/estop")
        self._reset: Client[Any, Any] = link.node.create_client(Trigger, f"{EXECUTOR}/reset")
        self._change_state: Client[Any, Any] = link.node.create_client(ChangeState, f"{EXECUTOR}/change_state")

    def estop(self) -> str:
        """Stop and latch."""
        return self._call("e-stop", self._estop, SetBool.Request(data=True))

    def release(self) -> str:
        """Release the button, whoever pressed it; the robot stays stopped until `reset`."""
        return self._call("release", self._estop, SetBool.Request(data=False))

    def reset(self) -> str:
        """Go on after a released e-stop."""
        return self._call("reset", self._reset, Trigger.Request())

    def enable(self) -> str:
        """Activate the node: it takes the robot from where it stands."""
        return self._transition(Transition.TRANSITION_ACTIVATE, "activate")

    def disable(self) -> str:
        """Deactivate the node: it comes to a stated stop and commands nothing more."""
        return self._transition(Transition.TRANSITION_DEACTIVATE, "deactivate")

    def _call(self, name: str, client: Client[Any, Any], request: Any) -> str:
        response = self._link.call(client, request, self._limit)
        if not response.success:
            raise LinkError(f"{EXECUTOR} refused {name}: {response.message}")
        return str(response.message)

    def _transition(self, number: int, name: str) -> str:
        request = ChangeState.Request(transition=Transition(id=number))
        if not self._link.call(self._change_state, request, self._limit).success:
            raise LinkError(f"{EXECUTOR} refused to {name}; see its log")
        return f"{name}d"
