"""The pictures of a report on recordings, each a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor.examiner import EpisodeData
from neon_control.doctor.figures import EpisodeFigures
from neon_control.doctor.motion import IDLE_SPEED, speeds
from neon_control.doctor.range_use import RangeUse
from neon_control.doctor.verdict import BAD, DOUBTFUL, GOOD, VERDICTS, Judged

WIDTH, EPISODE_WIDTH = 11.0, 9.0  # [in]
COLOURS = {GOOD: "#3b9e5f", DOUBTFUL: "#e0a030", BAD: "#b2182b"}
LINES = ("#0b6fa4", "#d1662b", "#3b9e5f", "#7b3294", "#8c6d31", "#c2478f")
JOINTS_SHOWN = len(LINES)
POINTS = 1500  # of a line, at most


def episode_over_time(data: EpisodeData, figures: EpisodeFigures, space: ActionSpace) -> Figure:
    """The joints that move most, states and actions in their ranges, where nothing moves, and when each stream's messages came."""
    streams = sorted(data.streams, key=lambda n: ("camera", "joints", "commands", "sound").index(data.streams[n][0]))
    height = 0.19 * len(streams) + 0.35
    figure = Figure(figsize=(EPISODE_WIDTH, 2.0 + height), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.8, height))
    if len(data.times):
        _motion(upper, data, space)
    else:
        upper.text(0.5, 0.5, "no joint states", transform=upper.transAxes, ha="center", va="center", color="#888888")
    upper.set_ylabel("place in the range [%]", fontsize=7)
    for row, name in enumerate(streams):
        times = _seconds(data.streams[name][1], data)
        lower.plot(_thinned(times), np.full(len(_thinned(times)), -row), "|", color="#0b6fa4", ms=5, mew=0.5)
        for begin, length in figures.streams[name].gaps:
            lower.plot([begin, begin + length], [-row, -row], color="#d7191c", lw=3, solid_capstyle="butt")
    lower.set_yticks(-np.arange(len(streams)), streams, fontsize=7)
    lower.set_ylim(-len(streams) + 0.4, 0.6)
    lower.set_xlabel("time [s]; red: gaps", fontsize=7)
    for axes in (upper, lower):
        axes.tick_params(labelsize=7)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure


def _motion(axes: Axes, data: EpisodeData, space: ActionSpace) -> None:
    count = space.num_joints
    lower, width = space.lower[:count], (space.upper - space.lower)[:count]
    every = max(1, len(data.times) // POINTS)
    seconds = _seconds(data.times, data)
    states, actions = 100.0 * (data.states - lower) / width, 100.0 * (data.actions[:, :count] - lower) / width
    still = ~(np.abs(speeds(states / 100.0, data.step)) > IDLE_SPEED).any(axis=1)
    axes.fill_between(seconds, 0, 1, where=still, transform=axes.get_xaxis_transform(), color="#eeeeee", lw=0, label="nothing moves")
    order = np.argsort(-np.ptp(states, axis=0), kind="stable")[:JOINTS_SHOWN]
    for colour, joint in zip(LINES, order, strict=False):
        axes.plot(seconds[::every], states[::every, joint], color=colour, lw=1.4, label=_short(space.joint_names[joint]))
        if data.commanded:
            axes.plot(seconds[::every], actions[::every, joint], color=colour, lw=0.8, ls="--")
    axes.legend(
        fontsize=6,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        title="dashed: commanded" * data.commanded,
        title_fontsize=6,
    )


def whole_set(judged: Sequence[Judged], ranges: RangeUse, space: ActionSpace) -> Figure:
    """How long the episodes are, how much of them is idle, how late the robot follows, and which parts of the ranges are visited."""
    rows = max(2.6, 0.17 * space.num_joints + 0.8)
    figure = Figure(figsize=(WIDTH, 2.5 + rows), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(2.5, rows))
    plots = parts[0].subplots(1, 4)
    for axes, (label, values) in zip(
        plots,
        (
            ("length [s]", [e.seconds for e in judged]),
            ("nothing moves [% of the time]", [100.0 * e.idle for e in judged]),
            ("states after actions [ms]", [1e3 * e.lag_s for e in judged]),
            ("jerk [rad/s³]", [e.jerk for e in judged]),
        ),
        strict=True,
    ):
        _histogram(axes, np.array(values, np.float64), judged)
        axes.set_xlabel(label, fontsize=8)
    plots[0].set_ylabel("episodes", fontsize=8)
    plots[0].legend(fontsize=7)
    axes = parts[1].subplots()
    axes.imshow(np.sqrt(ranges.share), aspect="auto", cmap="Blues", extent=(0, 100, space.num_joints - 0.5, -0.5), vmin=0.0)
    axes.set_yticks(np.arange(space.num_joints), [_short(n) for n in space.joint_names], fontsize=7)
    axes.set_xlabel("place in the joint's range [%]; the darker, the more often", fontsize=8)
    axes.tick_params(labelsize=7)
    return figure


def _histogram(axes: Axes, values: np.ndarray, judged: Sequence[Judged]) -> None:
    known = np.isfinite(values)
    axes.tick_params(labelsize=7)
    if not known.any():
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", va="center", color="#888888", fontsize=8)
        return
    verdicts = np.array([e.verdict for e in judged])
    low, high = float(values[known].min()), float(values[known].max())
    edges = np.linspace(low - 1e-9, high + 1e-9, 13) if high - low > 1e-6 * max(1.0, abs(high)) else np.array([low - 0.5, low + 0.5])
    parts = [values[known & (verdicts == verdict)] for verdict in VERDICTS]
    axes.hist(parts, edges.tolist(), stacked=True, color=[COLOURS[v] for v in VERDICTS], label=VERDICTS)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _seconds(times: np.ndarray, data: EpisodeData) -> np.ndarray:
    return np.asarray((times - data.begin) / NANOSECONDS)


def _thinned(times: np.ndarray) -> np.ndarray:
    return times[:: max(1, len(times) // POINTS)]


def _short(name: str) -> str:
    return name.removesuffix("_joint").replace("_", " ")
