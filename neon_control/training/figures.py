"""The figures of a training report, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from neon_control.core.robot.action_space import ActionSpace
from neon_control.training.curves import Curves

DPI = 110
SMOOTHING = 0.02  # share of a curve over which it is averaged
COLOURS = matplotlib.color_sequences["tab10"]


def draw_losses(path: Path, curves: Curves, groups: Sequence[str]) -> None:
    """A panel for the weighted sum and one for each group: training as it went, smoothed, and validation."""
    training, validation = curves.tables["training"], curves.tables["validation"]
    names = ["loss", *groups]
    figure = Figure(figsize=(4.2 * len(names), 3.4), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        steps, values = np.asarray(training["step"]), np.asarray(training[name])
        axes.plot(steps, values, color=COLOURS[0], alpha=0.25, linewidth=0.8)
        axes.plot(steps, _smooth(values), color=COLOURS[0], label="training (with dropout), smoothed")
        axes.plot(validation["step"], validation[name], color=COLOURS[1], marker="o", markersize=3, label="validation, averaged weights")
        axes.set(title="weighted sum" if name == "loss" else name, xlabel="step", yscale="log")
        axes.grid(alpha=0.3, which="both")
    figure.axes[0].set_ylabel("loss of normalised actions")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=DPI)


def draw_errors(path: Path, error: np.ndarray, mean: np.ndarray, holding: np.ndarray, space: ActionSpace, dt: float) -> None:
    """Mean absolute error (H, N) over the horizon, for each group, and for each dimension its mean (N,), beside that of not moving (N,)."""
    figure = Figure(figsize=(13.0, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(2, 3, 1))
    time = 1e3 * dt * np.arange(len(error))
    colours: list[Any] = []  # of each dimension
    for colour, (group, part) in zip(COLOURS, space.groups.items(), strict=False):
        unit = "m/s, rad/s" if group == "base" else "rad"
        left.plot(time, error[:, part].mean(1), marker=".", color=colour, label=f"{group} [{unit}]")
        colours += [colour] * (part.stop - part.start)
    left.set(title="error over the horizon", xlabel="time ahead [ms]", ylabel="mean absolute error", ylim=(0.0, None))
    left.legend()
    left.grid(alpha=0.3)
    count = space.num_joints
    for axes, part, title in ((middle, slice(0, count), "joints [rad]"), (right, slice(count, None), "base [m/s, rad/s]")):
        names = [name.removesuffix("_joint") for name in space.names[part]]
        axes.bar(range(len(names)), mean[part], color=colours[part])
        axes.plot(range(len(names)), holding[part], "_", color="black", markersize=9, label="error of not moving")
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8 if len(names) < 20 else 6)
        axes.set_title(title)
        axes.grid(alpha=0.3, axis="y")
    middle.legend(fontsize=8)
    figure.savefig(path, dpi=DPI)


def draw_calibration(path: Path, ranges: np.ndarray, clipped: np.ndarray, states: np.ndarray, space: ActionSpace) -> None:
    """How much of [-1, 1] the data uses.

    Args:
        ranges: (N, 3) 1st percentile, median and 99th percentile of the normalised actions.
        clipped: (N,) share of the action values at the ends of the range.
        states: (J, 3) the percentiles of the normalised joint positions.
    """
    figure = Figure(figsize=(max(7.0, 0.42 * space.dim + 2.0), 4.2), layout="constrained")
    axes = figure.subplots()
    index = np.arange(space.dim)
    axes.vlines(index - 0.12, ranges[:, 0], ranges[:, 2], color=COLOURS[0], linewidth=5, label="actions, 1st to 99th percentile")
    axes.plot(index - 0.12, ranges[:, 1], "_", color="black", markersize=8, label="their median")
    axes.vlines(index[: len(states)] + 0.18, states[:, 0], states[:, 2], color=COLOURS[2], linewidth=3, label="joint positions")
    for i in np.flatnonzero(clipped > 0.0005).tolist():
        axes.text(i, 1.03, f"{100 * clipped[i]:.1f}%", ha="center", fontsize=7, color=COLOURS[3])
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.axhline(-1.0, color="grey", linewidth=0.8)
    names = [name.removesuffix("_joint") for name in space.names]
    axes.set_xticks(index, names, rotation=60, ha="right", fontsize=8)
    axes.set(ylim=(-1.15, 1.2), ylabel="normalised value", title="use of the range; in red, the share of actions at its ends")
    axes.legend(fontsize=8, loc="lower right")
    axes.grid(alpha=0.3, axis="y")
    figure.savefig(path, dpi=DPI)


def draw_chunks(path: Path, predicted: np.ndarray, target: np.ndarray, mask: np.ndarray, space: ActionSpace, dt: float) -> None:
    """Example chunks (examples, H, N) over what was recorded, in physical units: the dimensions that move most in these examples."""
    movement = np.abs(target - target[:, :1]).max((0, 1)) / (space.upper - space.lower)
    shown = [part.start + int(i) for part in space.groups.values() for i in np.argsort(-movement[part])[:2]]
    figure = Figure(figsize=(3.1 * len(predicted), 1.9 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), len(predicted), sharex=True, squeeze=False)
    time = 1e3 * dt * np.arange(predicted.shape[1])
    for row, dimension in zip(panels, shown, strict=True):
        for axes, guess, truth, recorded in zip(row, predicted[..., dimension], target[..., dimension], mask > 0, strict=True):
            axes.plot(time[recorded], truth[recorded], color="black", linewidth=2, marker=".", markersize=4, label="recorded")
            axes.plot(time, guess, color=COLOURS[1], marker=".", markersize=4, label="predicted")
            axes.grid(alpha=0.3)
        values = np.concatenate([predicted[..., dimension].ravel(), target[..., dimension].ravel()])
        margin = max(0.05 * np.ptp(values), 0.005)
        for axes in row:
            axes.set_ylim(values.min() - margin, values.max() + margin)
        row[0].set_ylabel(f"{space.names[dimension].removesuffix('_joint')}\n[{_unit(space, dimension)}]", fontsize=8)
    for i, axes in enumerate(panels[0]):
        axes.set_title(f"example {i + 1}", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("time ahead [ms]")
    panels[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=DPI)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Exponential mean, unbiased at the start."""
    keep = 1.0 - 1.0 / max(1.0, SMOOTHING * len(values))
    smoothed, total, weight = np.empty_like(values), 0.0, 0.0
    for i, value in enumerate(values):
        total, weight = keep * total + value, keep * weight + 1.0
        smoothed[i] = total / weight
    return smoothed


def _unit(space: ActionSpace, dimension: int) -> str:
    return "rad" if dimension < space.num_joints else "rad/s" if space.names[dimension].endswith("yaw_rate") else "m/s"
