"""Buttons and keys for episodes, while a recorder is there that takes them."""

from __future__ import annotations

import time
from collections.abc import Callable

import viser

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.html import element, escape
from neon_control.monitor import html
from neon_control.monitor.episodes import IDLE, OFFERED, RECORDING, Episodes, in_words
from neon_control.monitor.panel import NOTICE_KEPT

KEYS = {"begin": "B", "success": "S", "failure": "F", "discard": "D", "keep": "K"}  # with Shift; the recorder's terminal has the same


class EpisodePanel:
    """See the module's text."""

    def __init__(self, server: viser.ViserServer, episodes: Episodes) -> None:
        self._episodes = episodes
        gui = server.gui
        self._content = gui.add_html("", visible=False)
        self._groups = {state: gui.add_button_group("episode", names, visible=False) for state, names in OFFERED.items()}
        self._note = gui.add_text("note", "", visible=False)
        for group in self._groups.values():
            group.on_click(lambda event: self._tell(event.target.value))
        self._commands = {}
        for name, key in KEYS.items():
            command = gui.add_command(f"episode: {name}", hotkey=key, modifier="shift", disabled=True)  # type: ignore[arg-type]
            command.on_trigger(self._on_key(name))
            self._commands[name] = command
        self._notice, self._notice_until = "", 0.0

    def _on_key(self, name: str) -> Callable[[object], None]:
        return lambda _: self._tell(name)

    def _tell(self, name: str) -> None:
        if name not in self._episodes.offered:  # pressed just when the state changed
            return
        note = self._note.value.strip() if name in OFFERED[RECORDING] else ""
        self._say(f"{name} ...", html.GREY)
        try:
            self._say(f"{name}: {self._episodes.tell(name, note)}", html.GREEN)
        except NeonControlError as error:
            self._say(str(error), html.RED)
        else:
            if note:
                self._note.value = ""  # type: ignore[misc] # mypy takes it for read-only

    def _say(self, text: str, colour: str) -> None:
        self._notice, self._notice_until = html.dot(colour) + escape(text), time.monotonic() + NOTICE_KEPT

    def update(self, now: float) -> None:
        """See `Part`."""
        state, offered = self._episodes.state, self._episodes.offered
        recording = state.get("state") == RECORDING
        for name, group in self._groups.items():
            group.visible = bool(offered) and recording == (name == RECORDING)
        self._groups[IDLE].options = tuple(name for name in offered if name in OFFERED[IDLE]) or OFFERED[IDLE]
        self._note.visible = bool(offered) and recording
        for name, command in self._commands.items():
            if command.disabled != (name not in offered):
                command.disabled = name not in offered
        text = html.dot(html.RED if recording else html.GREY) + escape(in_words(state))
        if now < self._notice_until:
            text += element("div", self._notice, style="padding-top:2px")
        self._content.content = element("div", text, style=html.STYLE)
        self._content.visible = bool(offered)
