"""The pictures of a report, each a matplotlib figure. Seconds count from the begin of the recording."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neon_control.core.control.limits import COUNTERS
from neon_control.core.control.supervisor import State
from neon_control.evaluation.measures import ChunkErrors, input_figures, mean_abs, percentile, sync_skew
from neon_control.evaluation.offline import Run
from neon_control.evaluation.recorded_day import RecordedDay

WIDTH = 12.0  # [in]
POLICY_COLOURS = ("#0b6fa4", "#d1662b")
METHOD_COLOURS = {"latest": "#555555", "act": "#0b6fa4", "age": "#3b9e5f", "blend": "#d1662b"}
LIMIT_COLOURS = dict(zip(COUNTERS, ("#7b3294", "#b2182b", "#ef8a62", "#fddbc7"), strict=True))
LIMIT_TEXT = {"non_finite": "not finite", "range": "position range", "rate": "velocity", "change": "acceleration"}
STATE_COLOURS: dict[str, str] = dict(
    zip(State, ("#cccccc", "#fdae61", "#a6d96a", "#3b9e5f", "#f46d43", "#d7191c", "#888888"), strict=True)  # waiting first, see the table
)
MAX_CHUNKS = 80  # drawn in one picture
LEAST_SPAN = 0.2  # [rad] of a joint's axis, so that noise does not look like motion


def chunks_over_actions(run: Run, errors: ChunkErrors, recording: RecordedDay, colour: str) -> Figure:
    """Every dimension: what was done, and the chunks over it."""
    names = run.policy.file.space.names
    rows = -(-len(names) // 4)
    figure = Figure(figsize=(WIDTH, 1.7 * rows + 0.4), layout="tight")
    shown = slice(None, None, max(1, -(-len(run.chunks) // MAX_CHUNKS)))
    lines = np.pad(_seconds(errors.times[shown], recording), ((0, 0), (0, 1))).ravel()
    grid = np.arange(recording.start, recording.end, 10_000_000)
    done, worst = recording.actions(run.policy.file.space, grid, run.policy.file.dt), mean_abs(errors.error, axis=(0, 1))
    measured = recording.measured(run.policy.file.space, grid)
    for n, name in enumerate(names):
        axes = figure.add_subplot(rows, 4, n + 1)
        if n < run.policy.file.space.num_joints:
            axes.plot(_seconds(grid, recording), measured[:, n], color="#bbbbbb", lw=2.5, label="measured")
        axes.plot(_seconds(grid, recording), done[:, n], color="black", lw=1.2, label="recorded action")
        chunks = errors.predicted[shown, :, n]  # (k, H); NaN after each chunk ends its line
        axes.plot(lines, np.pad(chunks, ((0, 0), (0, 1)), constant_values=np.nan).ravel(), color=colour, lw=0.8, alpha=0.7, label="chunks")
        low, high = axes.get_ylim()
        padding = max(0.0, LEAST_SPAN - (high - low)) / 2.0
        axes.set_ylim(low - padding, high + padding)
        marked = np.isfinite(worst[n]) and worst[n] == np.nanmax(worst)
        axes.set_title(f"{name}  |error| {worst[n]:.3f}", fontsize=8, color="#b2182b" if marked else "black")
        axes.tick_params(labelsize=7)
        if n >= len(names) - 4:
            axes.set_xlabel("time [s]", fontsize=7)
        if n == 0:
            axes.legend(fontsize=6, loc="best")
    return figure


def errors_by_joint_and_step(runs: Sequence[Run], errors: Sequence[ChunkErrors]) -> Figure:
    """Where the error is: in which dimension, and how far ahead."""
    figure = Figure(figsize=(WIDTH, 4.2), layout="tight")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    names, width = runs[0].policy.file.space.names, 0.8 / len(runs)
    for i, (run, error) in enumerate(zip(runs, errors, strict=True)):
        place = np.arange(len(names)) + (i - (len(runs) - 1) / 2.0) * width
        mean = mean_abs(error.error, axis=(0, 1))
        tops = [percentile(error.error[..., n], 95) for n in range(len(names))]
        left.bar(place, mean, width, color=POLICY_COLOURS[i], label=f"{run.name}: mean")
        left.plot(place, tops, "_", color="black", ms=9, label="95 % lie below" if i == 0 else None)
        joints = run.policy.file.space.num_joints
        steps = 1e3 * run.policy.file.dt * np.arange(run.policy.file.num_steps)
        per_step = mean_abs(error.error[..., :joints], axis=(0, 2))
        right.plot(steps, per_step, "o-", ms=3, color=POLICY_COLOURS[i], label=f"{run.name}: mean of the joints")
        worst = int(np.nanargmax(mean[:joints])) if np.isfinite(mean[:joints]).any() else 0
        right.plot(steps, mean_abs(error.error[..., worst], axis=0), "--", lw=1, color=POLICY_COLOURS[i], label=names[worst])
    left.set_xticks(np.arange(len(names)), [_short(n) for n in names], rotation=60, ha="right", fontsize=7)
    left.set(ylabel="|error| [rad; m/s, rad/s]", title="by dimension")
    right.set(xlabel="into the chunk [ms]", ylabel="|error| [rad]", title="by step of the chunk", ylim=(0.0, None))
    for axes in (left, right):
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    return figure


def seams(run: Run, recording: RecordedDay) -> Figure:
    """What each method makes of a new chunk: all jumps, and the worst one of `latest` from near."""
    figure = Figure(figsize=(WIDTH, 4.2), layout="tight")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    space = run.policy.file.space
    joints = slice(0, space.num_joints)
    for name, method in run.methods.items():
        if method.jumps:
            times = _seconds(np.array([t for t, _ in method.jumps]), recording)
            sizes = method.jump_sizes(joints)
            left.plot(times, sizes, ".-", lw=0.6, ms=4, color=METHOD_COLOURS[name], label=f"{name}: mean {np.mean(sizes):.3f}")
            left.legend(fontsize=7)
    left.set(xlabel="time [s]", ylabel="largest jump of any joint [rad]", title="jump of the target when a chunk arrives", ylim=(0.0, None))
    latest = run.methods["latest"]
    if latest.jumps:
        time, jump = latest.jumps[latest.jump_sizes(joints).argmax()]
        joint = int(np.abs(jump[joints]).argmax())
        for name, method in run.methods.items():
            times = np.array(method.times)
            near = np.abs(times - time) < 400_000_000
            targets = np.array(method.targets)[near, joint]
            right.plot(_seconds(times[near], recording), targets, color=METHOD_COLOURS[name], lw=1.5, label=name)
        grid = np.arange(time - 400_000_000, time + 400_000_000, 5_000_000)
        done = recording.actions(space, grid, run.policy.file.dt)
        right.plot(_seconds(grid, recording), done[:, joint], color="black", lw=1, ls=":", label="recorded")
        right.axvline(_seconds(np.array(time), recording), color="#b2182b", lw=0.8)
        right.set(xlabel="time [s]", ylabel="target [rad]", title=f"the worst seam: {_short(space.joint_names[joint])}")
        right.legend(fontsize=7)
    return figure


def executor_over_time(run: Run, recording: RecordedDay) -> Figure:
    """What would have been sent to the three joints that differ most from the recording, and the executor's state: now, and on the day."""
    space, method = run.policy.file.space, run.configured
    times, commands = np.array(method.times), np.array(method.commands)
    done, measured = recording.actions(space, times, run.policy.file.dt), recording.measured(space, times)
    differences = np.nan_to_num(mean_abs(commands - done, axis=0))[: space.num_joints]
    chosen = np.argsort(-differences, kind="stable")[:3]
    states = ([(t, v["state"]) for t, v in entries if "state" in v] for _, entries in sorted(recording.diagnostics.items()))
    day = next(filter(None, states), [])  # time [ns], state
    bands = 2 if day else 1
    figure = Figure(figsize=(WIDTH, 1.9 * len(chosen) + 0.5 + 0.4 * bands), layout="tight")
    axes = figure.subplots(len(chosen) + bands, 1, sharex=True, height_ratios=[4] * len(chosen) + [1] * bands)
    seconds = _seconds(times, recording)
    for plot, joint in zip(axes, chosen, strict=False):
        name = space.joint_names[joint]
        plot.plot(seconds, measured[:, joint], color="#bbbbbb", lw=2.5, label="measured")
        plot.plot(seconds, done[:, joint], color="black", lw=1.2, label="recorded action")
        plot.plot(seconds, np.array(method.targets)[:, joint], color="#d1662b", lw=0.7, label="target of the ensemble")
        plot.plot(seconds, commands[:, joint], color="#0b6fa4", lw=1.5, label="command after limits")
        plot.set_title(name, fontsize=8)
        plot.set_ylabel("[rad]", fontsize=8)
    axes[0].legend(fontsize=6, loc="best", ncols=4)
    _state_band(axes[len(chosen)], seconds, method.states, "now")
    if day:
        moments = np.array([time for time, _ in day])
        _state_band(axes[-1], _seconds(moments, recording), [state for _, state in day], "on the day")
    axes[-1].set_xlabel("time [s]")
    return figure


def _state_band(axes: Axes, seconds: np.ndarray, states: list[str], label: str) -> None:
    """A band in the colours of the executor's states."""
    edges = [0, *(i for i in range(1, len(states)) if states[i] != states[i - 1]), len(states)]
    for begin, end in itertools.pairwise(edges):
        state = states[begin]
        last = seconds[min(end, len(seconds) - 1)]
        first = state not in states[:begin]
        axes.axvspan(seconds[begin], last, color=STATE_COLOURS[state], lw=0, label=state if first else None)
        if last - seconds[begin] > 0.06 * (seconds[-1] - seconds[0]):
            axes.text((seconds[begin] + last) / 2.0, 0.5, state, ha="center", va="center", fontsize=7)
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)  # for those too short to be written in
    axes.set(yticks=[], ylim=(0.0, 1.0))
    axes.set_ylabel(label, fontsize=7, rotation=0, ha="right", va="center")


def limit_hits(runs: Sequence[Run]) -> Figure:
    """How often each limit changed a command, for each dimension."""
    names = runs[0].policy.file.space.names
    figure = Figure(figsize=(WIDTH, 3.4), layout="tight")
    width = 0.8 / len(runs)
    axes = figure.subplots()
    for i, run in enumerate(runs):
        place = np.arange(len(names)) + (i - (len(runs) - 1) / 2.0) * width
        bottom = np.zeros(len(names))
        ticks = max(1, len(run.configured.times))
        for limit, counts in run.configured.executor.limiter.counts.items():
            share = 100.0 * counts / ticks
            label = LIMIT_TEXT[limit] if i == 0 else None
            axes.bar(place, share, width, bottom, color=LIMIT_COLOURS[limit], edgecolor=POLICY_COLOURS[i], lw=0.8, label=label)
            bottom += share
    axes.set_xticks(np.arange(len(names)), [_short(n) for n in names], rotation=60, ha="right", fontsize=7)
    axes.set(ylabel="% of the control periods")
    axes.legend(fontsize=7, ncols=4)
    axes.grid(alpha=0.3, axis="y")
    return figure


def inputs_over_time(recording: RecordedDay, runs: Sequence[Run]) -> Figure:
    """When each topic came, where it had gaps, when a policy was refused its observation, and how well images and states fit."""
    topics = sorted(recording.streams, key=lambda t: (t not in recording.inputs.values(), t))
    figure = Figure(figsize=(WIDTH, 0.22 * len(topics) + 3.4), layout="tight")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(0.22 * len(topics) + 0.6, 2.2))
    for row, topic in enumerate(topics):
        times = _seconds(np.array(recording.streams[topic].received), recording)
        colour = "#0b6fa4" if topic in recording.inputs.values() else "#999999"
        upper.plot(times, np.full(len(times), -row), "|", color=colour, ms=6, mew=0.5)
        for begin, length in input_figures(recording.streams[topic]).gaps:
            start = float(_seconds(np.array(begin), recording))
            upper.plot([start, start + length], [-row, -row], color="#d7191c", lw=3, solid_capstyle="butt")
    for i, run in enumerate(runs):
        if run.refusals:
            times = _seconds(np.array([t for t, _, _ in run.refusals]), recording)
            label = f"{run.name}: no observation or no chunk"
            upper.plot(times, np.full(len(times), 0.8 - 0.4 * i), "x", color=POLICY_COLOURS[i], ms=5, label=label)
            upper.legend(fontsize=7, loc="upper right")
    upper.set_yticks(-np.arange(len(topics)), topics, fontsize=7)
    upper.set_ylim(-len(topics) + 0.4, 1.2 if any(run.refusals for run in runs) else 0.6)
    upper.set_title("messages; red: gaps", fontsize=9)
    camera = recording.streams[recording.inputs["camera"]]
    images = _seconds(np.array(camera.received), recording)
    labels = {"joint_states": "image minus nearest joint state", "audio": "image minus newest sound"}
    for role, values in sync_skew(recording).items():
        lower.plot(images, 1e3 * values, ".-", lw=0.6, ms=3, label=labels[role])
    lower.plot(images, 1e3 * camera.delays, ".-", lw=0.6, ms=3, label="image: stamp to reception")
    lower.set(xlabel="time [s]", ylabel="[ms]")
    lower.set_title("how well the inputs fit in time", fontsize=9)
    lower.legend(fontsize=7)
    lower.grid(alpha=0.3)
    return figure


def latency_over_time(recording: RecordedDay, chunk_timeout: float) -> Figure | None:
    """How late chunks and commands were on the day; None where the recording does not tell."""
    series: list[tuple[str, np.ndarray, np.ndarray, str]] = []
    if recording.chunk_delays:
        times, delays = np.array(recording.chunk_delays).T
        series.append(("observation to chunk, each", times, 1e-6 * delays, "."))
    for name, entries in sorted(recording.diagnostics.items()):
        keys = sorted({k for _, values in entries for k in values if k.startswith("observation_to_command_ms")})
        for key in keys:
            points = [(t, _number(values.get(key))) for t, values in entries]
            series.append((f"{name.split(':')[0]}: {key}", *np.array(points).T, "-"))
    if not series:
        return None
    figure = Figure(figsize=(WIDTH, 3.0), layout="tight")
    axes = figure.subplots()
    for label, times, values, style in series:
        axes.plot(_seconds(times, recording), values, style, lw=1.2, ms=4, label=label)
    axes.axhline(1e3 * chunk_timeout, color="#b2182b", lw=0.8, ls="--", label="chunk_timeout: an older observation is not followed")
    axes.set(xlabel="time [s]", ylabel="[ms]", ylim=(0.0, None))
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return figure


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else float("nan")
    except ValueError:
        return float("nan")


def _seconds(times: np.ndarray, recording: RecordedDay) -> np.ndarray:
    return np.asarray((times - recording.start) * 1e-9)


def _short(name: str) -> str:
    return name.removesuffix("_joint").replace("_", " ")
