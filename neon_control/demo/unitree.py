"""The demo with a simulated G1 behind Unitree's own interface: the arms are handed over before a trial, and back after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from std_srvs.srv import Trigger

from neon_control.demo.link import DemoLink
from neon_control.monitor.link import LinkError

DRIVER = "unitree_node"
PATIENCE = 30.0  # [s] for what takes 3 s on a computer that is not too busy
ENGAGED = 0.999  # weight from which the driver has the arms
HANDED_OVER = 4.0  # [s] from the begin of an episode to the spoken command: the driver takes the arms first, about 3 s


class UnitreeDemoLink(DemoLink):
    """A link that also knows the driver."""

    sim = "unitree_sim_node"

    def __init__(self, command_topic: str | None = None) -> None:
        super().__init__(command_topic)
        self._release: Client[Any, Any] = self.node.create_client(Trigger, f"{DRIVER}/release")
        self._engage: Client[Any, Any] = self.node.create_client(Trigger, f"{DRIVER}/engage")

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
        return super().more_figures() | {"unitree": self._robot}

    def _give_arms_back(self) -> None:
        self._ask(self._release)
        self._await(lambda weight: weight == 0.0, "give the arms back")

    def _take_arms(self) -> None:
        self._ask(self._engage)
        self._await(lambda weight: weight >= ENGAGED, "take the arms")

    def _ask(self, client: Client[Any, Any]) -> None:
        answer = self.call(client, Trigger.Request())
        if not answer.success:
            raise LinkError(f"{client.srv_name} was refused: {answer.message}")

    def _await(self, reached: Callable[[float], bool], what: str) -> None:
        if not self.wait(lambda: reached(self._robot.get("weight", 0.0)), PATIENCE):
            raise LinkError(f"{DRIVER} did not {what} within {PATIENCE:.0f} s: {self._message(DRIVER)}; the robot says {self._robot}")
