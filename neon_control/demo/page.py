"""The demo's browser page: the monitor's, and on top of it what only a simulation knows: what was said, how trials end, cubes."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
import viser
from scipy.io import wavfile

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.html import data_uri, element
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.demo.link import DemoLink
from neon_control.monitor import html
from neon_control.monitor.link import LinkClosed
from neon_control.monitor.page import SCENE_PERIOD, MonitorPage
from neon_control.monitor.scene import WORLD
from neon_control.monitor.streams import Streams
from neon_control.sim.description import load_description
from neon_control.sim.episode import FINISHED, WORDS, Outcome, in_words
from neon_control.sim.world import COLOURS, build_model

PAUSE = 2.0  # [s] to look at a finished trial
CAMERA, LOOK_AT = (0.95, -0.95, 1.45), (-0.05, 0.0, 0.82)  # [m]
SENSES = {"as they are": (False, False), "mute": (True, False), "blind": (False, True), "mute and blind": (True, True)}
GROUNDS = {Outcome.WAITING: html.GREY, Outcome.RUNNING: html.AMBER, Outcome.SUCCESS: html.GREEN}  # others are red


class DemoPage(MonitorPage):
    """Also conducts the trials, until it is told to stop."""

    def __init__(self, link: DemoLink, robot: Robot, host: str, port: int, names: Sequence[str] = ()) -> None:
        description, streams = load_description(robot), Streams(link.node, robot)
        self._trials = Trials(link, streams)
        mount = np.array(description.mount)
        super().__init__(link, robot, streams, host, port, names, mount=mount, follow=False, extra=self._trials.build)
        self.parts[SCENE_PERIOD].append(Furniture(self.server, build_model(robot, description), link))
        self.server.initial_camera.position, self.server.initial_camera.look_at = CAMERA, LOOK_AT

    def run(self, check: Callable[[], None] = lambda: None) -> None:
        """See `MonitorPage.run`."""
        threading.Thread(target=self._trials.work, name="demo_requests", daemon=True).start()

        def conduct() -> None:
            check()
            self._trials.conduct(time.monotonic())

        super().run(conduct)


class Furniture:
    """The table, the tray if there is one, and the cubes where the simulation says they are."""

    def __init__(self, server: viser.ViserServer, model: mujoco.MjModel, link: DemoLink) -> None:
        self._link = link
        scene = server.scene
        for i in range(model.ngeom):
            geom = model.geom(i)
            if geom.name.startswith(("table", "tray")):
                place = tuple(model.body(geom.bodyid[0]).pos + geom.pos)
                scene.add_box(f"{WORLD}/{geom.name}", _rgb(geom.rgba), tuple(2 * geom.size), position=place)
        geoms = {colour: model.geom(f"{colour}_cube") for colour in COLOURS}
        self._cubes = {colour: scene.add_box(f"{WORLD}/{colour}_cube", _rgb(g.rgba), tuple(2 * g.size)) for colour, g in geoms.items()}

    def update(self, now: float) -> None:
        """See `Part`."""
        truth = self._link.truth
        if truth:
            for colour, cube in self._cubes.items():
                cube.position, cube.wxyz = tuple(truth["cubes"][colour]), tuple(truth["cube_rotations"][colour])


class Trials:
    """What is said and what comes of it; counts finished trials and begins the next."""

    def __init__(self, link: DemoLink, streams: Streams) -> None:
        self._link, self._streams = link, streams
        self._requests: queue.Queue[Callable[[], object]] = queue.Queue()
        self._trials = self._successes = 0
        self._counted: tuple[object, ...] = ()
        self._finished_at: float | None = None
        self._offered: tuple[object, ...] = ()  # the command that the sound player holds

    def build(self, server: viser.ViserServer) -> Trials:
        """Add what was said, the buttons and the sound player to the panel."""
        gui = server.gui
        self._title = gui.add_html("")
        actions = {"new episode": self._link.reset} | {f"say {c}": lambda c=c: self._say(c) for c in COLOURS}
        buttons = gui.add_button_group("command", tuple(actions))
        buttons.on_click(lambda event: self._requests.put(actions[event.target.value]))
        senses = gui.add_dropdown("senses", tuple(SENSES), hint="mute: nobody speaks; blind: black images")
        senses.on_update(lambda event: self._requests.put(lambda: self._disturb(*SENSES[event.target.value])))
        self._notice = gui.add_html("", visible=False)
        self._player = gui.add_html("")
        return self

    def _say(self, colour: str) -> None:
        self._link.set_parameter("colour", colour)
        self._link.set_parameter("colour", "")  # later episodes draw their own again

    def _disturb(self, mute: bool, blind: bool) -> None:
        self._link.set_parameter("mute", mute)
        self._link.set_parameter("blind", blind)

    def work(self) -> None:
        """Requests wait for the nodes' answers; the picture must not. Runs until the link is closed."""
        while True:
            request = self._requests.get()
            try:
                request()
                self._notice.visible = False
            except LinkClosed:
                return
            except NeonControlError as error:
                self._notice.content, self._notice.visible = html.heading(str(error)), True

    def conduct(self, now: float) -> None:
        """Count finished trials, and begin the next one a moment later."""
        truth = self._link.truth
        if not truth or truth["outcome"] not in FINISHED:
            self._finished_at = None
            return
        trial = (truth["seed"], truth["index"], truth["target"], truth["elapsed"])
        if trial != self._counted:
            self._counted = trial
            self._trials += 1
            self._successes += truth["outcome"] == Outcome.SUCCESS
            self._finished_at = now
        elif self._finished_at is not None and now - self._finished_at > PAUSE:
            self._finished_at = None
            self._requests.put(self._link.reset)

    def update(self, now: float) -> None:
        """See `Part`."""
        truth = self._link.truth
        if not truth:
            return
        self._offer_sound(truth)
        said = f"“{truth['text']}”" if truth["text"] else "(silence)"
        outcome, task = Outcome(truth["outcome"]), truth["task"]
        distances = ", ".join(f"{c} {100 * d:.0f} cm" for c, d in truth["distances"].items())
        counted = f"{WORDS[task][1]} {self._successes} of {self._trials}"
        text = f"{in_words(outcome, task)}, {truth['elapsed']:.1f} s; {counted}; {distances}"
        self._title.content = html.card(said, text, GROUNDS.get(outcome, html.RED))

    def _offer_sound(self, truth: dict[str, Any]) -> None:
        """A player with the last two seconds, made anew for each command once they hold nothing else."""
        key = (truth["index"], truth["text"])
        if key != self._offered and truth["elapsed"] >= AUDIO_WINDOW_S:
            self._offered = key
            sound = data_uri("audio/wav", wav(self._streams.sound))
            style = "width:calc(100% - 20px);margin:0 10px;height:32px"
            self._player.content = element("audio", "", controls="", style=style, src=sound)


def wav(sound: np.ndarray) -> bytes:
    """A WAV file of mono samples, float32 in [-1, 1] at 16 kHz."""
    stream = io.BytesIO()
    wavfile.write(stream, SAMPLE_RATE, (np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16))
    return stream.getvalue()


def _rgb(rgba: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(v)) for v in rgba[:3])
    return red, green, blue
