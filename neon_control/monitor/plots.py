"""Curves of the last half minute: one joint as measured and commanded, the base, ages and latencies, lateness, votes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import viser
from viser import uplot

from neon_control.core.robot.robot import Robot
from neon_control.monitor import html
from neon_control.monitor.link import EXECUTOR, INFERENCE, Link
from neon_control.monitor.shapes import GHOST_COLOUR
from neon_control.monitor.streams import COMMANDS, JOINT_STATES, ODOMETRY, SILENT, Streams
from neon_control.nodes.status import Status

SPAN = 30.0  # [s]
MOTION_RATE, STATUS_RATE = 10.0, 1.0  # [Hz]
CHUNK_AGE, OLD_CHUNK = (
    "newest_chunk_age_ms",
    7000.0,
)  # [ms] the longest horizon and more; an older one would flatten all else
HEIGHT = 94  # [pixels] six charts in a window of 860
TIMES, TIME_LABELS = (-20.0, -10.0, 0.0), ("-20 s", "-10 s", "now")
LEAST_SPAN = 0.1  # [rad] of the vertical axis: a robot that stands still is not a picture of its encoders' noise
# One meaning, one colour, in all charts; what is commanded has the colour that it has in space.
INK = {False: "#e6e9ed", True: "#30343a"}  # light?; what is measured, as the robot is drawn
COMMANDED = "#{:02x}{:02x}{:02x}".format(*GHOST_COLOUR)
TYPICAL, RARE, WORST, AGE = "#2ec4b6", "#ff9f1c", "#ff5c57", "#b388ff"  # p50, p99, max, age
AXES = {"vx": "#2ec27e", "vy": "#e8c547", "yaw": "#e07be0"}


class History:
    """The last `SPAN` seconds of rows of numbers, one added at each 1 / `rate` [s]."""

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
        curves, dashed: name -> colour; the same name in both is named once.
        span: what the vertical axis covers at least: from -span to span; None: from zero, for what is never negative.
        least: or this length, wherever the curves are.
    """

    def __init__(
        self,
        gui: viser.GuiApi,
        ink: str,
        title: str,
        curves: Mapping[str, str],
        dashed: Mapping[str, str] | None = None,
        span: float | None = None,
        least: float = 0.0,
    ) -> None:
        dashed = dashed or {}
        self._span, self._least = span, least
        no_points, no_ticks = uplot.Series_Points(show=False), uplot.Axis_Ticks(show=False)
        series: list[uplot.Series] = [uplot.Series(label="s")]
        for drawn, dash in ((curves, ()), (dashed, (5, 4))):
            for label, colour in drawn.items():
                series.append(uplot.Series(label=label, stroke=colour, width=1.5, spanGaps=False, points=no_points, dash=dash))
        series.append(uplot.Series(label="", width=0, points=no_points))  # `_reach`
        grid = uplot.Axis_Grid(stroke="rgba(128,128,128,0.25)", width=1)
        axes = (
            uplot.Axis(stroke=ink, grid=grid, ticks=no_ticks, size=18, gap=3, font="10px sans-serif", splits=TIMES, values=TIME_LABELS),
            uplot.Axis(stroke=ink, grid=grid, ticks=no_ticks, size=44, gap=4, font="11px sans-serif", space=18),
        )
        empty = tuple(np.zeros(0) for _ in series)
        scales = {"x": uplot.Scale(time=False, auto=False, min=-SPAN, max=0.0)}
        gui.add_html(html.legend(title, {**curves, **dashed}.items()))
        legend = uplot.Legend(show=False)
        self._handle = gui.add_uplot(empty, tuple(series), scales=scales, axes=axes, legend=legend, height=HEIGHT, padding=(6, 20, 0, 0))

    def draw(self, curves: tuple[np.ndarray, ...]) -> None:
        """Show other curves: times, and one array for each."""
        self._handle.data = (*curves, _reach(curves[1:], self._span, self._least))


def _reach(curves: Sequence[np.ndarray], span: float | None = None, least: float = 0.0) -> np.ndarray:
    """A curve that is not drawn, and makes the axis reach as far as `Plot` says; with fixed bounds uPlot draws no axes at first."""
    values = np.concatenate(curves)
    known = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    low, high = float(known.min()), float(known.max())
    reach = np.full(len(curves[0]), np.nan)
    if least:
        low, high = 0.5 * (low + high - least), 0.5 * (low + high + least)
    else:
        low, high = (0.0, max(1.0, high)) if span is None else (-span, span)
    reach[:1], reach[1:2] = low, high
    return reach


class MotionPlots:
    """A joint and the base, as measured and as commanded."""

    def __init__(self, server: viser.ViserServer, robot: Robot, streams: Streams, light: bool) -> None:
        self._streams = streams
        self._names = tuple(robot.joints)
        count = len(self._names)
        self._history = History(MOTION_RATE, 2 * count + 6)  # measured, commanded, base measured, base commanded
        gui, ink = server.gui, INK[light]
        self._joint = gui.add_dropdown("joint", self._names, initial_value=robot.parts["arms"][0])
        self._joint_plot = Plot(gui, ink, "position [rad]", {"measured": ink}, {"commanded": COMMANDED}, least=LEAST_SPAN)
        self._base_plot: Plot | None = None
        if robot.base is not None:
            span = float(robot.base.max_velocity.max())
            self._base_plot = Plot(gui, ink, "base [m/s, rad/s], dashed: commanded", AXES, AXES, span)

    def sample(self, now: float) -> None:
        """Remember the newest positions and velocities; what is silent becomes a gap."""
        streams = self._streams
        measured = streams.motion.measured if streams.age(JOINT_STATES, now) <= SILENT else {}
        base = streams.motion.base_velocity if streams.age(ODOMETRY, now) <= SILENT else None
        command = streams.base_commanded if streams.age(COMMANDS, now) <= SILENT else None
        joints = (*map(measured.get, self._names), *map(streams.commanded.get, self._names))
        nothing = (None, None, None)
        self._history.add(now, (*joints, *(nothing if base is None else base), *(nothing if command is None else command)))

    def update(self, now: float) -> None:
        """See `Part`."""
        count, joint = len(self._names), self._names.index(self._joint.value)
        self._joint_plot.draw(self._history.curves(now, (joint, count + joint)))
        if self._base_plot is not None:
            self._base_plot.draw(self._history.curves(now, tuple(range(2 * count, 2 * count + 6))))


class TimingPlots:
    """What the nodes say once a second: ages and latencies, lateness, votes."""

    def __init__(self, server: viser.ViserServer, robot: Robot, link: Link, light: bool) -> None:
        gui, ink = server.gui, INK[light]
        usual, base = {"p50": TYPICAL, "p99": RARE}, {} if robot.base is None else {"base": TYPICAL}
        self._charts: list[tuple[str, tuple[str, ...], History, Plot]] = []

        def add(node: str, keys: tuple[str, ...], title: str, curves: Mapping[str, str], dashed: Mapping[str, str] | None = None) -> None:
            self._charts.append((node, keys, History(STATUS_RATE, len(keys)), Plot(gui, ink, title, curves, dashed)))

        ages = ("observation_to_command_ms/p50", "observation_to_command_ms/p99", CHUNK_AGE)
        add(EXECUTOR, ages, "observation to command [ms]", usual | {"chunk age": AGE})
        add(INFERENCE, ("inference_ms/p50", "inference_ms/p99"), "inference [ms]", usual)
        add(EXECUTOR, ("lateness_ms/p99", "lateness_ms/max"), "lateness of the control loop [ms]", {"p99": RARE, "max": WORST})
        add(EXECUTOR, ("votes/joints", *(f"votes/{name}" for name in base)), "chunks that vote", {"joints": ink}, base)
        link.listeners.append(self._on_status)

    def _on_status(self, status: Status) -> None:
        now = time.monotonic()
        for node, keys, history, _ in self._charts:
            if node == status.node:
                values = {key: status.number(key) for key in keys}
                if (values.get(CHUNK_AGE) or 0.0) > OLD_CHUNK:
                    values[CHUNK_AGE] = None
                history.add(now, tuple(values.values()))

    def update(self, now: float) -> None:
        """See `Part`."""
        for _, keys, history, plot in self._charts:
            plot.draw(history.curves(now, range(len(keys))))
