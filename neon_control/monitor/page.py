"""The browser page that shows a running system, and stops it.

Everything comes from topics and services; the page is one more node, which may come and go, as every other may. Its parts stand in
files of their own: the state in large letters, the robot in space, the executor's buttons, what is seen and heard, curves, faults. A page
that nobody looks at only listens to /diagnostics.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import viser

from neon_control.core.robot.robot import Robot
from neon_control.monitor.controls import ExecutorControls
from neon_control.monitor.episode_panel import EpisodePanel
from neon_control.monitor.episodes import Episodes
from neon_control.monitor.faults import FaultList, FaultLog
from neon_control.monitor.link import Link
from neon_control.monitor.origin import PageGuard, guarded_by
from neon_control.monitor.overlay import NODE_SILENT, Overlay
from neon_control.monitor.panel import Alive, Buttons, Told
from neon_control.monitor.plots import COMMANDED, MotionPlots, TimingPlots
from neon_control.monitor.scene import SceneView
from neon_control.monitor.senses import Senses
from neon_control.monitor.streams import Streams
from neon_control.monitor.takeover import Takeover

# [s] how often a part is drawn: the robot, what it plans, sees and says, curves of motion, what is said once a second
SCENE_PERIOD, PANEL_PERIOD, CURVES_PERIOD, STATUS_PERIOD = 0.1, 0.2, 0.5, 1.0
IDLE_PERIOD = 0.5  # [s] between two looks for a browser
PLOTS_WIDTH, PANEL_WIDTH = 380, 390  # [pixels]
ANY_ADDRESS = ("0.0.0.0", "::")  # to listen on, not to go to
BUTTON_LIMIT = 3.0  # [s] for the answer to a button


class Part(Protocol):
    """Something on the page, built where it is constructed."""

    def update(self, now: float) -> None:
        """Show the newest values; `now` [s] monotonic. It is called in the page's own thread."""


class MonitorPage:
    """Serves the page and keeps it up to date until it is told to stop.

    Attributes:
        server: to add something to the page.
        parts: period [s] -> what is updated so often while somebody looks.
        url: where the page is.
        problem, left_out: see `SceneView`.

    Args:
        host, port: where to serve; a taken port is followed by the next free one.
        names: of this computer, by which the page may be asked for.
        mount: see `SceneView`.
        light: bright colours instead of dark ones.
        follow: whether the picture follows the robot, until somebody unchecks it; False offers no choice.
        takeover: lets whoever reaches the page take the robot over.
        extra: builds what stands below the executor's buttons.
    """

    def __init__(
        self,
        link: Link,
        robot: Robot,
        streams: Streams,
        host: str,
        port: int,
        names: Sequence[str] = (),
        *,
        mount: np.ndarray | None = None,
        light: bool = False,
        follow: bool = True,
        takeover: Takeover | None = None,
        extra: Callable[[viser.ViserServer], Part] | None = None,
    ) -> None:
        self._link, self._streams = link, streams
        self._log = FaultLog()
        link.listeners.append(self._log.add)
        guard = PageGuard(host, names)
        with guarded_by(guard, {} if takeover is None else takeover.places):
            self.server = viser.ViserServer(host=host, port=port, label=f"neon_control: {robot.name}", verbose=False)
        shown = next(iter(names), "127.0.0.1" if host in ANY_ADDRESS else f"[{host}]" if ":" in host else host)
        self.url = f"http://{shown}:{self.server.get_port()}" + (f"/?token={guard.token}" if guard.token else "")
        gui = self.server.gui
        gui.configure_theme(dark_mode=not light, show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(PANEL_WIDTH)
        scene = SceneView(self.server, robot, streams, lambda: self._follow is not None and bool(self._follow.value), mount, light)
        self.problem, self.left_out = scene.problem, scene.left_out
        hands = {f"{link}: the newest chunk": f"rgb{colour}" for paths in scene.parts for link, colour in paths.colours.items()}
        overlay = Overlay(self.server, link, streams, {"commanded, where it differs": COMMANDED, **hands})
        buttons = Buttons(self.server, ExecutorControls(link, BUTTON_LIMIT))
        episodes = EpisodePanel(self.server, Episodes(link))
        taking = [] if takeover is None or scene.problem else [takeover.build(self.server)]
        further = [] if extra is None else [extra(self.server)]
        hint = "keep the robot in the middle of the picture while it drives"
        self._follow = gui.add_checkbox("follow robot", True, hint=hint) if follow and robot.base is not None else None
        panel: list[Part] = [*scene.parts, overlay, buttons, episodes, *further, Alive(self.server, link, streams)]
        panel += [Told(self.server, link), Senses(self.server, streams)]
        side = gui.add_panel()
        with side.add_tab("the last 30 s"):
            self._motion = MotionPlots(self.server, robot, streams, light)
            timing = TimingPlots(self.server, robot, link, light)
        with side.add_tab("faults"):
            faults = FaultList(self.server, self._log)
        side.dock_left()
        side.set_width(PLOTS_WIDTH)
        self.parts: dict[float, list[Part]] = {
            SCENE_PERIOD: [scene, *taking],
            PANEL_PERIOD: panel,
            CURVES_PERIOD: [self._motion],
            STATUS_PERIOD: [timing, faults],
        }
        self._due = dict.fromkeys(self.parts, 0.0)

    def run(self, check: Callable[[], None] = lambda: None) -> None:
        """Serve until `check`, which is called again and again, raises (a process died, Ctrl-C)."""
        pause = threading.Event()
        while True:
            check()
            begin = time.monotonic()
            for status in list(self._link.statuses.values()):
                if begin - status.received > NODE_SILENT:
                    self._log.note_silence(status.node, begin - status.received)
            if not self.server.get_clients():
                self._streams.release()
                pause.wait(IDLE_PERIOD)
                continue
            self._draw(begin)
            pause.wait(max(0.0, begin + SCENE_PERIOD - time.monotonic()))

    def _draw(self, now: float) -> None:
        self._streams.look_for_topics()
        self._streams.update_motion()
        self._motion.sample(now)
        due = [period for period, at in self._due.items() if now >= at]
        if PANEL_PERIOD in due:
            self._streams.update_rest()
        with self.server.atomic():  # one message to each browser, and one wake-up of the server's thread
            for period in due:
                self._due[period] = now + period - 0.5 * SCENE_PERIOD
                for part in self.parts[period]:
                    part.update(now)

    def close(self) -> None:
        """Stop serving."""
        self.server.stop()
