"""The browser page that shows a running system, and stops it.

Everything comes from topics and services; the page is one more node, which may come and go, as every other may. Its parts stand in
files of their own: the robot in space, the executor's panel, what is seen and heard, curves, faults. A page that nobody
looks at only listens to /diagnostics.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import viser

from neon_control.core.robot import Robot
from neon_control.tools.monitor.controls import ExecutorControls
from neon_control.tools.monitor.fault_list import FaultList
from neon_control.tools.monitor.faults import FaultLog
from neon_control.tools.monitor.link import Link
from neon_control.tools.monitor.origin import refuse_foreign_pages
from neon_control.tools.monitor.panel import NODE_SILENT, Panel
from neon_control.tools.monitor.plots import Plots
from neon_control.tools.monitor.scene import SceneView
from neon_control.tools.monitor.senses import Senses
from neon_control.tools.monitor.streams import Streams

SCENE_PERIOD, PANEL_PERIOD, IDLE_PERIOD = 0.1, 0.25, 0.5  # [s]
PLOTS_WIDTH, PANEL_WIDTH = 370, 380  # [pixels]
BUTTON_LIMIT = 3.0  # [s] for the answer to a button


class Part(Protocol):
    """Something on the page."""

    def update(self, now: float) -> None:
        """Show the newest values; `now` [s] monotonic."""


class MonitorPage:
    """Serves the page and keeps it up to date until it is told to stop.

    Attributes:
        server: to add something to the page.
        scene_parts, panel_parts: updated at 10 Hz and 4 Hz while somebody looks.
        url: where the page is.

    Args:
        host, port: where to serve; a taken port is followed by the next free one.
        mount: see `SceneView`.
        light: bright colours instead of dark ones.
        follow: whether the picture follows the robot, until somebody unchecks it.
        above: builds what stands above the executor's state.
    """

    def __init__(
        self,
        link: Link,
        robot: Robot,
        streams: Streams,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        mount: np.ndarray | None = None,
        light: bool = False,
        follow: bool = True,
        above: Callable[[viser.ViserServer], Part] | None = None,
    ) -> None:
        self._link, self._streams = link, streams
        self._log = FaultLog()
        link.listeners.append(self._log.add)
        with refuse_foreign_pages(host):
            self.server = viser.ViserServer(host=host, port=port, label=f"neon_control: {robot.name}", verbose=False)
        self.url = f"http://{host}:{self.server.get_port()}"
        gui = self.server.gui
        gui.configure_theme(dark_mode=not light, show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(PANEL_WIDTH)
        self.panel_parts: list[Part] = [] if above is None else [above(self.server)]
        panel = Panel(self.server, link, streams, ExecutorControls(link, BUTTON_LIMIT), follow)
        self.panel_parts += [panel, Senses(self.server, streams)]
        scene = SceneView(self.server, robot, streams, panel.follow, mount, light)
        self.scene_parts: list[Part] = [scene]
        side = gui.add_panel()
        with side.add_tab("curves"):
            self._plots = Plots(self.server, robot, link, streams, "#444" if light else "#bbb")
        with side.add_tab("faults"):
            self.panel_parts += [self._plots, FaultList(self.server, self._log)]
        side.dock_left()
        side.set_width(PLOTS_WIDTH)
        self.problem = scene.problem

    def run(self, check: Callable[[], None] = lambda: None) -> None:
        """Serve until `check`, which is called again and again, raises (a process died, Ctrl-C)."""
        panel_due = 0.0
        pause = threading.Event()
        while True:
            check()
            begin = time.monotonic()
            self._note_silence(begin)
            if not self.server.get_clients():
                self._streams.release()
                pause.wait(IDLE_PERIOD)
                continue
            self._streams.look_for_topics()
            self._streams.update_motion()
            self._plots.sample(begin)
            with self.server.atomic():
                for part in self.scene_parts:
                    part.update(begin)
            if begin >= panel_due:
                panel_due = begin + PANEL_PERIOD
                self._streams.update_senses()
                for part in self.panel_parts:
                    part.update(begin)
            pause.wait(max(0.0, begin + SCENE_PERIOD - time.monotonic()))

    def _note_silence(self, now: float) -> None:
        for status in list(self._link.statuses.values()):
            if now - status.received > NODE_SILENT:
                self._log.note_silence(status.node, now - status.received)

    def close(self) -> None:
        """Stop serving."""
        self.server.stop()
