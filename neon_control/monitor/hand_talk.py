"""The conversation with a page that may take the robot: what it may move, what is held there, and who leads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot import BASE_AXES, Joint, Robot
from neon_control.teleop.browser import BrowserHand
from neon_control.teleop.browser_message import read

PERIOD, IDLE_PERIOD = 0.02, 0.25  # [s] between two messages to a page that has the hand, and to one that has not
MEASURED_PERIOD = 0.1  # [s] at which it is told where the joints are


class HandTalk:
    """Of all pages; each is called by the number that viser gave it.

    Args:
        leads: who leads the robot, as the executor says.
        limbs: the groups of joints that somebody may move.
        on_arm: called when a page has taken the hand.
    """

    def __init__(
        self, hand: BrowserHand, robot: Robot, leads: Callable[[], str], limbs: Callable[[], list[str]], on_arm: Callable[[], None]
    ) -> None:
        self._hand, self._robot, self._leads, self._limbs, self._on_arm = hand, robot, leads, limbs, on_arm

    async def talk(self, connection: Any) -> None:
        """With one page, until it is gone: that puts the hand away."""
        page = parse_qs(urlsplit(connection.request.path).query).get("client", ["?"])[0]
        telling = asyncio.create_task(self._tell(connection, page))
        try:
            async for text in connection:
                self._hear(page, text)
        except ObservationError as error:
            await connection.close(1008, str(error)[:100])
        except ConnectionClosed:
            pass
        finally:
            self._hand.disarm(page)
            telling.cancel()

    def _hear(self, page: str, text: str | bytes) -> None:
        if text == '{"arm":true}':
            if self._hand.arm(page):
                self._on_arm()
        elif text == '{"arm":false}':
            self._hand.disarm(page)
        else:
            self._hand.hear(page, read(text, self._robot))

    async def _tell(self, connection: Any, page: str) -> None:
        """State, and the time that the page's next message is to name."""
        due, had = 0.0, False
        with contextlib.suppress(ConnectionClosed):
            while True:
                hand, now = self._hand, time.monotonic()
                armed = "this page" if hand.page == page else "another page" if hand.page else ""
                told: dict[str, Any] = {"t": now, "armed": armed, "commander": self._leads()}
                if hand.page == page:
                    told |= {} if had else self._about()
                    told |= {
                        "held": hand.held,
                        "lost": hand.has_lost,
                        "say": hand.hands.complaint,
                        "joint": self._chosen(),
                        "gave": hand.gave,
                    }
                    if now >= due:
                        due = now + MEASURED_PERIOD
                        told["measured"] = {name: round(position, 4) for name, position in hand.measured.items()}
                had = hand.page == page
                await connection.send(json.dumps(told))
                await asyncio.sleep(PERIOD if hand.page == page else IDLE_PERIOD)

    def _chosen(self) -> str:
        """The joint that a gamepad's cross moves."""
        return self._hand.gamepad.chosen if self._hand.gamepad is not None else ""

    def _about(self) -> dict[str, Any]:
        """What the page may move."""
        limbs = {name: [_range(self._robot.joints[joint]) for joint in self._robot.groups[name]] for name in self._limbs()}
        return {"limbs": limbs, "base": list(BASE_AXES) if self._robot.base else []}


def _range(joint: Joint) -> tuple[str, float, float]:
    """A joint's name, and the ends of its slider [rad] or [m]."""
    lower, upper = (joint.safe_lower, joint.safe_upper) if joint.turn is None else joint.span
    return joint.name, lower, upper
