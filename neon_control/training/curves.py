"""What a run measures as it goes: a row for each step, a row for each validation; kept in checkpoints, shown by TensorBoard."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import torch
from torch import Tensor


class Curves:
    """A table of each kind, column -> values: `step`, then for training `loss`, a loss for each group, `gradient_norm`, `learning_rate`,
    for validation the losses again, `joint_error` [rad] and, with a base, `base_error` [m/s, rad/s].

    Args:
        groups: names of the action's groups.
        folder: of the run; None: nothing is written.
        step: where the run is taken up again: what TensorBoard already has from there on is replaced.
    """

    def __init__(self, groups: tuple[str, ...], folder: Path | None = None, step: int = 0) -> None:
        columns = {
            "training": ("step", "loss", *groups, "gradient_norm", "learning_rate"),
            "validation": ("step", "loss", *groups, "joint_error", *(["base_error"] if "base" in groups else [])),
        }
        self.tables: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in names} for kind, names in columns.items()}
        self._start = time.monotonic()
        self._folder = folder
        self._writer = None
        if folder is not None:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def add(self, kind: str, *values: float) -> None:
        """A row of "training" or "validation"; the first value is the number of the step."""
        for (name, column), value in zip(self.tables[kind].items(), values, strict=True):
            column.append(float(value))
            if self._writer is not None and name != "step":
                self._writer.add_scalar(f"{kind}/{name}", value, int(values[0]))

    @property
    def seconds(self) -> float:
        """How long the run has taken, all its parts together."""
        return time.monotonic() - self._start

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint: every row so far, and the time."""
        state = {"curves.seconds": torch.tensor(self.seconds)}
        for kind, table in self.tables.items():
            state[f"curves.{kind}"] = torch.tensor(list(table.values()), dtype=torch.float64).T
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self._start = time.monotonic() - float(state["curves.seconds"])
        for kind, table in self.tables.items():
            table.update(zip(table, state[f"curves.{kind}"].T.tolist(), strict=True))

    def close(self) -> None:
        """Write `training.csv` and `validation.csv`, and let go of TensorBoard's file."""
        if self._folder is None or self._writer is None:
            return
        self._writer.close()
        for kind, table in self.tables.items():
            with (self._folder / f"{kind}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([table, *zip(*table.values(), strict=True)])
