"""The executor's buttons, and an entry for each node and topic: alive, or silent for how long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import viser

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.html import element, escape
from neon_control.monitor import html
from neon_control.monitor.controls import ExecutorControls
from neon_control.monitor.link import EXECUTOR, INFERENCE, Link
from neon_control.monitor.overlay import NODE_SILENT
from neon_control.monitor.streams import SILENT, Streams

NOTICE_KEPT = 6.0  # [s]
NODES = (EXECUTOR, INFERENCE)


class Buttons:
    """What the executor answers stands below them for a while."""

    def __init__(self, server: viser.ViserServer, controls: ExecutorControls) -> None:
        gui = server.gui
        self._notice_until = 0.0
        estop = gui.add_button("E-STOP", color="red")  # no hints here: they would cover this button
        # viser runs callbacks in a pool of threads: an e-stop does not wait for another button's answer.
        estop.on_click(lambda _: self._do("e-stop", controls.estop))
        actions = {"release": controls.release, "reset": controls.reset, "enable": controls.enable, "disable": controls.disable}
        buttons = gui.add_button_group("executor", tuple(actions))
        buttons.on_click(lambda event: self._do(event.target.value, actions[event.target.value]))
        self._notice = gui.add_html("", visible=False)

    def _do(self, name: str, action: Callable[[], str]) -> None:
        self._say(f"{name} ...", html.GREY)
        try:
            self._say(f"{name}: {action()}", html.GREEN)
        except NeonControlError as error:
            self._say(str(error), html.RED)

    def _say(self, text: str, colour: str) -> None:
        self._notice.content = element("div", html.dot(colour) + escape(text), style=html.STYLE)
        self._notice.visible = True
        self._notice_until = time.monotonic() + NOTICE_KEPT

    def update(self, now: float) -> None:
        """See `Part`."""
        if self._notice.visible and now > self._notice_until:
            self._notice.visible = False


class Told:
    """What the policy is told in words, and whether it reads or hears it; nothing where nothing is told."""

    def __init__(self, server: viser.ViserServer, link: Link) -> None:
        self._link = link
        self._content = server.gui.add_html("", visible=False)

    def update(self, now: float) -> None:
        """See `Part`."""
        words, use = (self._link.value(INFERENCE, key) for key in ("instruction", "instruction_use"))
        self._content.content = told(words, use)
        self._content.visible = bool(self._content.content)


def told(words: str, use: str) -> str:
    """HTML of what the inference node says that it is told; empty where it is nothing."""
    if words in ("", "none"):
        return ""
    colour = html.AMBER if use.startswith("ignored") else html.GREEN
    return element("div", f"{html.dot(colour)}told: &ldquo;{escape(words)}&rdquo; ({escape(use)})", style=html.STYLE)


class Alive:
    """Nodes and topics, one after the other; what a node says where it has something to complain of."""

    def __init__(self, server: viser.ViserServer, link: Link, streams: Streams) -> None:
        self._link, self._streams = link, streams
        self._content = server.gui.add_html("")

    def update(self, now: float) -> None:
        """See `Part`."""
        self._content.content = html.flow([*(self._node(name, now) for name in NODES), *self._topics(now)])

    def _node(self, name: str, now: float) -> tuple[str, bool]:
        status = self._link.statuses.get(name)
        age = math.inf if status is None else now - status.received
        if status is None or age > NODE_SILENT:
            return f"{html.dot(html.GREY)}{name}: {html.silence(age)}", True
        text = f": {escape(status.message)}" if status.level and name != EXECUTOR else ""  # the executor's is in the banner
        return html.dot(html.LEVEL_COLOURS[min(status.level, 3)]) + name + text, False

    def _topics(self, now: float) -> list[tuple[str, bool]]:
        entries = []
        for name, age in self._streams.ages(now).items():
            silent = age > SILENT
            problem = self._streams.problems.get(name, "")
            colour = html.GREY if silent else html.RED if problem else html.GREEN
            text = html.silence(age) if silent else escape(problem)
            entries.append((html.dot(colour) + name + (f": {text}" if text else ""), silent))
        return entries
