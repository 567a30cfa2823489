"""What a run measures as it goes: a row for each step, a row for each validation; kept in checkpoints, shown by TensorBoard."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import torch
from torch import Tensor


class Curves:
    """Columns: `step`, then for training `loss`, a loss for each group, `gradient_norm`, `learning_rate`; for validation the losses again,
    `joint_error` [rad] and, with a base, `base_error` [m/s, rad/s].

    Args:
        groups: names of the action's groups.
        folder: of the run; None: nothing is written.
        step: where the run is taken up again: what TensorBoard already has from there on is replaced.
    """

    def __init__(self, groups: tuple[str, ...], folder: Path | None = None, step: int = 0) -> None:
        self.columns = {
            "training": ("step", "loss", *groups, "gradient_norm", "learning_rate"),
            "validation": ("step", "loss", *groups, "joint_error", *(["base_error"] if "base" in groups else [])),
        }
        self.rows: dict[str, list[list[float]]] = {"training": [], "validation": []}
        self._start = time.monotonic()
        self._folder = folder
        self._writer = None
        if folder is not None:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def add(self, kind: str, *values: float) -> None:
        """A row of "training" or "validation"; the first value is the number of the step."""
        self.rows[kind].append([float(v) for v in values])
        if self._writer is not None:
            for name, value in zip(self.columns[kind][1:], values[1:], strict=True):
                self._writer.add_scalar(f"{kind}/{name}", value, int(values[0]))

    def table(self, kind: str) -> dict[str, list[float]]:
        """Column -> values."""
        return {name: [row[i] for row in self.rows[kind]] for i, name in enumerate(self.columns[kind])}

    @property
    def seconds(self) -> float:
        """How long the run has taken, all its parts together."""
        return time.monotonic() - self._start

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint: every row so far, and the time."""
        state = {"curves.seconds": torch.tensor(self.seconds)}
        for kind, columns in self.columns.items():
            state[f"curves.{kind}"] = torch.tensor(self.rows[kind], dtype=torch.float64).reshape(-1, len(columns))
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self._start = time.monotonic() - float(state["curves.seconds"])
        self.rows = {kind: state[f"curves.{kind}"].tolist() for kind in self.rows}

    def close(self) -> None:
        """Write `training.csv` and `validation.csv`, and let go of TensorBoard's file."""
        if self._folder is None or self._writer is None:
            return
        self._writer.close()
        for kind, rows in self.rows.items():
            with (self._folder / f"{kind}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([self.columns[kind], *rows])
