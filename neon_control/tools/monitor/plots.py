"""Curves of the last half minute: one joint as measured and commanded, the base, ages and latencies, lateness, votes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import viser
from viser import uplot

from neon_control.core.robot import Robot
from neon_control.tools.monitor import html
from neon_control.tools.monitor.link import EXECUTOR, INFERENCE, Link, Status
from neon_control.tools.monitor.streams import Streams

SPAN = 30.0  # [s]
MOTION_RATE, STATUS_RATE = 10.0, 1.0  # [Hz]
OLD_CHUNK = 1000.0  # [ms] an older chunk is not drawn: it would flatten all else
HEIGHT = 116  # [pixels]
COLOURS = ("#3aa0ff", "#ff9f1c", "#2ec27e", "#c061cb", "#e5484d", "#8d99ae")
BASE_LABELS = ("vx", "vy", "yaw")


class History:
    """The last `SPAN` seconds of some numbers, as rows of a ring.

    Args:
        rate: [Hz] how often a row is added.
        columns: numbers in a row.
    """

    def __init__(self, rate: float, columns: int) -> None:
        self._rows = np.full((round(SPAN * rate) + 2, 1 + columns), np.nan)

    def add(self, now: float, values: Sequence[float | None]) -> None:
        """Add a row at `now` [s] monotonic; None where there is no number."""
        self._rows[:-1] = self._rows[1:]
        self._rows[-1] = (now, *(np.nan if v is None else v for v in values))

    def curves(self, now: float, columns: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Times relative to `now` [s], then one array for each of the columns."""
        rows = self._rows[self._rows[:, 0] >= now - SPAN]
        values = rows[:, [1 + c for c in columns]]
        known = values[np.isfinite(values)]
        if len(known):  # uPlot's vertical range begins with the first value: a chart that begins with NaN stays empty
            values[0, np.isnan(values[0])] = known[0]
        return (rows[:, 0] - now, *values.T.copy())


class Plot:
    """One chart of curves over the last `SPAN` seconds.

    Args:
        dashed: which of `labels`.
        span: the vertical axis from -span to span; None follows the curves.
    """

    def __init__(
        self, gui: viser.GuiApi, ink: str, title: str, labels: Sequence[str], dashed: Sequence[str] = (), span: float | None = None
    ) -> None:
        series: list[uplot.Series] = [uplot.Series(label="s")]
        for label, colour in zip(labels, COLOURS, strict=False):
            series.append(uplot.Series(label=label, stroke=colour, width=1.5, spanGaps=False, points=uplot.Series_Points(show=False)))
            if label in dashed:
                series[-1]["dash"] = [5, 4]
        grid = uplot.Axis_Grid(stroke="rgba(128,128,128,0.25)", width=1)
        axes = (
            uplot.Axis(stroke=ink, grid=grid, size=24, font="11px sans-serif"),
            uplot.Axis(stroke=ink, grid=grid, size=48, font="11px sans-serif"),
        )
        empty = tuple(np.zeros(0) for _ in series)
        scales = {"x": uplot.Scale(time=False, auto=False, min=-SPAN, max=0.0)}
        if span is not None:
            scales["y"] = uplot.Scale(auto=False, min=-span, max=span)
        gui.add_html(html.legend(title, tuple(zip(labels, COLOURS, strict=False))))
        legend = uplot.Legend(show=False)
        self._handle = gui.add_uplot(empty, tuple(series), scales=scales, axes=axes, legend=legend, height=HEIGHT, padding=(8, 10, 0, 0))

    def draw(self, curves: tuple[np.ndarray, ...]) -> None:
        """Show other curves."""
        self._handle.data = curves


class Plots:
    """All charts, in a panel of their own at the left edge."""

    def __init__(self, server: viser.ViserServer, robot: Robot, link: Link, streams: Streams, ink: str) -> None:
        self._streams = streams
        self._names = tuple(robot.joints)
        count = len(self._names)
        self._motion = History(MOTION_RATE, 2 * count + 6)  # measured, commanded, base measured, base commanded
        self._executor, self._inference = History(STATUS_RATE, 7), History(STATUS_RATE, 2)
        gui = server.gui
        first = robot.parts["arms"][0]
        self._joint = gui.add_dropdown("joint", self._names, initial_value=first)
        self._joint_plot = Plot(gui, ink, "[rad]", ("measured", "commanded"), ("commanded",))
        self._base_plot: Plot | None = None
        if robot.base is not None:
            self._base_plot = Plot(gui, ink, "base, commanded [m/s, rad/s]", BASE_LABELS, span=float(robot.base.max_velocity.max()))
        self._age_plot = Plot(gui, ink, "observation to command [ms]", ("p50", "p99", "chunk age"))
        self._inference_plot = Plot(gui, ink, "inference [ms]", ("p50", "p99"))
        self._lateness_plot = Plot(gui, ink, "lateness of the control loop [ms]", ("p99", "max"))
        self._votes_plot = Plot(gui, ink, "chunks that vote", ("joints", "base"), ("base",))
        link.listeners.append(self._on_status)

    def _on_status(self, status: Status) -> None:
        now = time.monotonic()
        if status.node == EXECUTOR:
            keys = ("observation_to_command_ms/p50", "observation_to_command_ms/p99", "newest_chunk_age_ms")
            keys += ("lateness_ms/p99", "lateness_ms/max", "votes/joints", "votes/base")
            values = [_finite(status.number(key)) for key in keys]
            values[2] = None if values[2] is None or values[2] > OLD_CHUNK else values[2]
            self._executor.add(now, values)
        elif status.node == INFERENCE:
            self._inference.add(now, [_finite(status.number(key)) for key in ("inference_ms_p50", "inference_ms_p99")])

    def sample(self, now: float) -> None:
        """Remember the newest positions and velocities; what is silent becomes a gap."""
        streams = self._streams
        measured = streams.measured if streams.fresh("joint states", now) else {}
        commanding = streams.fresh("commands", now)
        commanded = streams.commanded if commanding else {}
        nothing = (None, None, None)
        base = streams.base_measured if streams.base_measured is not None else nothing
        command = streams.base_commanded if streams.base_commanded is not None and commanding else nothing
        self._motion.add(now, [*map(measured.get, self._names), *map(commanded.get, self._names), *base, *command])

    def update(self, now: float) -> None:
        """Draw; `now` [s] monotonic."""
        count, joint = len(self._names), self._names.index(self._joint.value)
        self._joint_plot.draw(self._motion.curves(now, (joint, count + joint)))
        if self._base_plot is not None:
            self._base_plot.draw(self._motion.curves(now, tuple(range(2 * count + 3, 2 * count + 6))))
        self._age_plot.draw(self._executor.curves(now, (0, 1, 2)))
        self._lateness_plot.draw(self._executor.curves(now, (3, 4)))
        self._votes_plot.draw(self._executor.curves(now, (5, 6)))
        self._inference_plot.draw(self._inference.curves(now, (0, 1)))


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
