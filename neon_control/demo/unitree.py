"""The demo with a simulated G1 behind Unitree's own interface: the arms are handed over before a trial, and back after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client

from neon_control.demo.link import DemoLink
from neon_control.monitor.link import SERVICE_LIMIT, LinkError

DRIVER = "unitree_node"
ENGAGED = 0.999  # weight from which the driver has the arms
HANDED_OVER = 4.0  # [s] from the begin of an episode to the spoken command: the driver takes the arms first, about 3 s


class UnitreeDemoLink(DemoLink):
    """A link that also knows the driver."""

    sim = "unitree_sim_node"

    def __init__(self, command_topic: str | None = None) -> None:
        super().__init__(command_topic)
        self._driver: Client[Any, Any] = self.node.create_client(ChangeState, f"{DRIVER}/change_state")

    @property
    def _robot(self) -> dict[str, Any]:
        """What the stand-in says of its arms; empty before."""
        robot: dict[str, Any] = self.truth.get("unitree", {})
        return robot

    def missing(self) -> list[str]:
        """See `DemoLink.missing`."""
        engaged = self._robot.get("weight", 0.0) >= ENGAGED
        return [*super().missing(), *([] if engaged else [f"{DRIVER}: {self._message(DRIVER)}"])]

    def more_figures(self) -> dict[str, Any]:
        """See `DemoLink.more_figures`."""
        return {"unitree": self._robot}

    def _give_arms_back(self) -> None:
        self._change(Transition.TRANSITION_DEACTIVATE)
        self._await(lambda weight: weight == 0.0, "give the arms back")

    def _take_arms(self) -> None:
        self._change(Transition.TRANSITION_ACTIVATE)
        self._await(lambda weight: weight >= ENGAGED, "take the arms")

    def _change(self, transition: int) -> None:
        if not self.call(self._driver, ChangeState.Request(transition=Transition(id=transition))).success:
            raise LinkError(f"{DRIVER} refused to {TRANSITIONS[transition]}; see its log")

    def _await(self, reached: Callable[[float], bool], what: str) -> None:
        if not self.wait(lambda: reached(self._robot.get("weight", 0.0)), SERVICE_LIMIT):
            raise LinkError(f"{DRIVER} did not {what} within {SERVICE_LIMIT:.0f} s; the robot says {self._robot}")


TRANSITIONS = {Transition.TRANSITION_DEACTIVATE: "deactivate", Transition.TRANSITION_ACTIVATE: "activate"}
