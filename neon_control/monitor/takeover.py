"""Taking over from the page: the part of the panel, the hands of the robot that are dragged in its picture, and what is told the executor.

The topics are joined when somebody arms the hand and left when he puts it away: a page that only looks is no second publisher for a leader
arm, and costs nothing. A thread of its own tells the executor, so that neither pictures nor curves hold it up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import viser
from viser.transforms import SO3

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.monitor.hand_talk import HandTalk
from neon_control.monitor.link import Link
from neon_control.monitor.origin import Place
from neon_control.monitor.scene import MOUNT
from neon_control.monitor.streams import Streams
from neon_control.teleop.browser import SILENCE, BrowserHand
from neon_control.teleop.gamepad import Gamepad, GamepadFile
from neon_control.teleop.hand import Hand

PERIOD = 0.02  # [s] between two messages of the button; the executor lets go after 0.08 s
SCALE = 0.18  # [m] of what is dragged
PATH = "/hand"


class Takeover:
    """See the module's text. `places` is for the server, and `build` for the panel.

    Args:
        gamepad: what the axes and buttons of a gamepad do.
        light: as the page's.
        silence: [s] after which a page that says nothing has let go.
    """

    def __init__(
        self, link: Link, robot: Robot, streams: Streams, gamepad: GamepadFile, *, light: bool = False, silence: float = SILENCE
    ) -> None:
        self._link, self._robot, self._streams, self._gamepad, self._light = link, robot, streams, gamepad, light
        Gamepad(robot, (), gamepad)  # refuses a map of another robot's joints now
        self._hand = BrowserHand(robot, Kinematics(robot.urdf_path), silence)
        self._topics: Hand | None = None
        self._armed, self._running = threading.Event(), True
        talk = HandTalk(self._hand, robot, self._leads, self._limbs, self._arm)
        self.places = {PATH: Place(Path(__file__).with_name("hand.html").read_text(), talk.talk)}
        self._thread = threading.Thread(target=self._work, name="hand", daemon=True)

    def build(self, server: viser.ViserServer) -> Takeover:
        """Where the panel has got to."""
        anchor = server.gui.add_html("")
        self._gizmos: dict[str, viser.TransformControlsHandle] = {}
        for hand in self._hand.hands.hands:
            gizmo = server.scene.add_transform_controls(f"{MOUNT}/take/{hand}", SCALE, depth_test=False, visible=False)
            gizmo.on_update(self._dragged(hand))
            self._gizmos[hand] = gizmo

        @server.on_client_connect
        def _(client: viser.ClientHandle) -> None:  # each has its own, so that the two connections of a page are known to be one page's
            address = f"{PATH}?client={client.client_id}" + ("&light" if self._light else "")
            frame = f'<iframe src="{address}" class="nc-hand" style="width:100%;height:34px;border:0" allow="gamepad"></iframe>'
            client.gui.add_html(frame, order=anchor.order)

        self._thread.start()
        return self

    def _dragged(self, hand: str) -> Callable[[viser.TransformControlsEvent], Coroutine[Any, Any, None]]:
        async def on_update(event: viser.TransformControlsEvent) -> None:  # a coroutine is called in the order of the messages
            place, turn = np.array(event.target.position), np.array(event.target.wxyz)
            if np.isfinite([*place, *turn]).all() and np.linalg.norm(turn) > 0.5 and getattr(event, "phase", "") != "end":
                self._hand.drag(str(event.client_id), hand, place, SO3(turn).normalize().as_matrix(), time.monotonic())

        return on_update

    def _arm(self) -> None:
        names = [joint for limb in self._limbs() for joint in self._robot.groups[limb]]
        self._hand.gamepad = Gamepad(self._robot, names, self._gamepad)
        self._armed.set()

    def _leads(self) -> str:
        return self._topics.commander if self._topics is not None else ""

    def _limbs(self) -> list[str]:
        """The groups that the executor commands; all of them while it says nothing."""
        commanded = self._streams.commanded.keys()
        return [name for name, joints in self._robot.groups.items() if commanded & set(joints)] or list(self._robot.groups)

    def _work(self) -> None:
        while self._running:
            self._armed.wait()
            self._armed.clear()
            if self._hand.page and self._running:
                self._topics = Hand(self._link.node, self._robot)
                try:
                    self._lead(self._topics)
                finally:
                    self._topics.close()
                    self._topics, self._hand.measured = None, {}

    def _lead(self, topics: Hand) -> None:
        """While a page has the hand."""
        due, pause = time.monotonic(), threading.Event()
        while self._hand.page and self._running:
            due = max(due + PERIOD, time.monotonic())
            topics.look()
            self._hand.measured = topics.measured
            now = time.monotonic()
            topics.tell(self._hand.wish(now), now)
            pause.wait(max(0.0, due - time.monotonic()))

    def update(self, now: float) -> None:
        """See `Part`: what is dragged stays with the robot's hands, while nobody drags it."""
        measured = dict(self._hand.measured)
        for hand, gizmo in self._gizmos.items():
            shown = bool(self._hand.page) and measured.keys() >= set(self._hand.hands.hands[hand])
            if gizmo.visible != shown:
                gizmo.visible = shown
            if shown and hand not in self._hand.hands.dragged:
                place, facing = self._hand.hands.pose(hand, measured)
                gizmo.position, gizmo.wxyz = place, SO3.from_matrix(facing).wxyz

    def close(self) -> None:
        """Let go, and leave the topics."""
        self._running = False
        self._armed.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
