"""The executor's state and its buttons, and a line for each node and topic: alive, or silent for how long."""

from __future__ import annotations

import time
from collections.abc import Callable

import viser

from neon_control.core.errors import NeonControlError
from neon_control.tools.monitor import html
from neon_control.tools.monitor.controls import ExecutorControls
from neon_control.tools.monitor.link import EXECUTOR, INFERENCE, Link
from neon_control.tools.monitor.streams import Streams

NODE_SILENT = 2.5  # [s] diagnostics come once a second
TOPIC_SILENT = 1.0  # [s]
NOTICE_KEPT = 6.0  # [s]
STATE_COLOURS = {"running": html.GREEN, "ramping": html.GREEN, "holding": html.AMBER, "braking": html.AMBER, "waiting": html.AMBER}
STATE_COLOURS |= {"estopped": html.RED, "stopped": html.GREY}
NODES = (EXECUTOR, INFERENCE)


class Panel:
    """Built where it is constructed; `update` fills it."""

    def __init__(self, server: viser.ViserServer, link: Link, streams: Streams, controls: ExecutorControls, follow: bool) -> None:
        self._link, self._streams = link, streams
        gui = server.gui
        self._banner = gui.add_html("")
        self._notice_until = 0.0
        estop = gui.add_button("E-STOP", color="red")  # no hints here: they would cover this button and the state
        self._bind(estop, controls.estop)
        actions: dict[str, Callable[[], str]] = {
            "release": controls.release,
            "reset": controls.reset,
            "enable": controls.enable,
            "disable": controls.disable,
        }
        buttons = gui.add_button_group("executor", tuple(actions))
        buttons.on_click(lambda event: self._do(event.target.value, actions[event.target.value]))
        self._notice = gui.add_html("", visible=False)
        self._follow = gui.add_checkbox("follow robot", follow, hint="keep the robot in the middle of the picture while it drives")
        self._alive = gui.add_html("")

    def _bind(self, button: viser.GuiButtonHandle, action: Callable[[], str]) -> None:
        # viser runs callbacks in a pool of threads: an e-stop does not wait for another button's answer.
        button.on_click(lambda _: self._do("e-stop", action))

    def _do(self, name: str, action: Callable[[], str]) -> None:
        self._say(f"{name} ...", html.GREY)
        try:
            self._say(f"{name}: {action()}", html.GREEN)
        except NeonControlError as error:
            self._say(str(error), html.RED)

    def _say(self, text: str, colour: str) -> None:
        self._notice.content = f'<div style="{html.STYLE}">{html.dot(colour)}{html.escape(text)}</div>'
        self._notice.visible = True
        self._notice_until = time.monotonic() + NOTICE_KEPT

    def follow(self) -> bool:
        """Whether the picture follows the robot."""
        return bool(self._follow.value)

    def update(self, now: float) -> None:
        """Show what is known at `now` [s] monotonic."""
        self._banner.content = self._state(now)
        if self._notice.visible and now > self._notice_until:
            self._notice.visible = False
        self._alive.content = html.table(self._node(name, now) for name in NODES) + html.flow(self._topics(now))

    def _state(self, now: float) -> str:
        status = self._link.statuses.get(EXECUTOR)
        if status is None:
            return html.banner("NO EXECUTOR", f"{EXECUTOR}: no data yet", html.GREY)
        age = now - status.received
        state = status.values.get("state", "?")
        if age > NODE_SILENT:
            return html.banner(f"NO DATA FOR {age:.0f} s", f"{EXECUTOR} was {state} when it was last heard", html.GREY)
        return html.banner(state.upper(), status.message, STATE_COLOURS.get(state, html.GREY))

    def _node(self, name: str, now: float) -> tuple[str, str, bool]:
        status = self._link.statuses.get(name)
        age = None if status is None else now - status.received
        if status is None or age is None or age > NODE_SILENT:
            return html.dot(html.GREY) + name, html.silence(age), True
        return html.dot(html.LEVEL_COLOURS[min(status.level, 3)]) + name, html.escape(status.message), False

    def _topics(self, now: float) -> list[tuple[str, bool]]:
        entries = []
        for name, age in self._streams.ages(now).items():
            silent = age is None or age > TOPIC_SILENT
            problem = self._streams.problems.get(name)
            colour = html.GREY if silent else html.RED if problem else html.GREEN
            text = html.silence(age) if silent else html.escape(problem or "")
            entries.append((html.dot(colour) + name + (f": {text}" if text else ""), silent))
        return entries
