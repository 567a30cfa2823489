"""Everything of an evaluation as tables: CSV always, Parquet too where pyarrow is installed. The same run writes the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.evaluation.measures import ChunkErrors, MethodFigures, input_figures, mean_abs, percentile, sync_skew
from neon_control.evaluation.offline import Run
from neon_control.evaluation.recorded_day import RecordedDay


@dataclass(frozen=True)
class Table:
    """A name, columns and rows."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def write(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write each table; returns the files."""
    files = []
    for table in tables:
        file = folder / f"{table.name}.csv"
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows([_text(v) for v in row] for row in table.rows)
        files.append(file)
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return files
    for table in tables:
        file = folder / f"{table.name}.parquet"
        columns = {c: [row[i] for row in table.rows] for i, c in enumerate(table.columns)}
        pyarrow.parquet.write_table(pyarrow.table(columns), file)
        files.append(file)
    return files


def run_tables(run: Run, errors: ChunkErrors, figures: dict[str, MethodFigures]) -> list[Table]:
    """What a policy did; the policy's name begins each table's name."""
    names = run.policy.file.space.names
    method_rows = [
        (name, f.error, f.jump, f.worst_jump, f.acceleration, f.following, int(f.limited.sum()), f.stops, f.waits)
        for name, f in figures.items()
    ]
    columns = ("method", "error_rad", "jump_rad", "worst_jump_rad", "acceleration_rad_s2", "following", "limited", "stops", "waits")
    tables = [
        Table(
            "chunks",
            ("chunk", "stamp_ns", "arrived_ns", "step", "time_ns", "dimension", "predicted", "recorded"),
            list(_chunks(run, errors)),
        ),
        Table("dimensions", ("dimension", "mean_abs", "rms", "p95", "max", "chunk_steps"), list(_dimensions(names, errors))),
        Table("horizon", ("step", "time_s", *names), list(_horizon(run, errors))),
        Table("methods", columns, method_rows),
        Table(
            "commands",
            ("method", "time_ns", "state", "cause", *(f"{n}/{w}" for w in ("target", "command") for n in names)),
            list(_commands(run)),
        ),
        Table("seams", ("method", "time_ns", *names), [(m, t, *j) for m, r in run.methods.items() for t, j in r.jumps]),
        Table("limits", ("method", "limit", *names), list(_limits(run))),
        Table("refusals", ("time_ns", "inputs", "text"), run.refusals),
    ]
    return [Table(f"{run.name}_{t.name}", t.columns, [[_plain(v) for v in row] for row in t.rows]) for t in tables]


def recording_tables(recording: RecordedDay) -> list[Table]:
    """What the bag itself says."""
    inputs, gaps = [], []
    for topic, stream in sorted(recording.streams.items()):
        f = input_figures(stream)
        inputs.append((topic, f.messages, f.period, f.longest, len(f.gaps), f.delay, f.delay_p99))
        gaps += [(topic, begin, length) for begin, length in f.gaps]
    skew = sync_skew(recording)
    camera = recording.streams[recording.inputs["camera"]].received
    diagnostics = [
        (name, time, key, value)
        for name, entries in sorted(recording.diagnostics.items())
        for time, values in entries
        for key, value in sorted(values.items())
    ]
    tables = [
        Table("inputs", ("topic", "messages", "period_s", "longest_s", "gaps", "delay_s", "delay_p99_s"), inputs),
        Table("gaps", ("topic", "begin_ns", "length_s"), gaps),
        Table("skew", ("image_received_ns", *(f"{k}_s" for k in skew)), list(zip(camera, *skew.values(), strict=True))),
        Table("chunk_delays", ("received_ns", "delay_s"), [(t, d * 1e-9) for t, d in recording.chunk_delays]),
        Table("diagnostics", ("node", "time_ns", "key", "value"), diagnostics),
    ]
    return [Table(f"recording_{t.name}", t.columns, [[_plain(v) for v in row] for row in t.rows]) for t in tables]


def _chunks(run: Run, errors: ChunkErrors) -> Iterator[tuple[Any, ...]]:
    names = run.policy.file.space.names
    for k, (arrived, chunk) in enumerate(run.chunks):
        for h in range(chunk.num_steps):
            for n, name in enumerate(names):
                yield k, chunk.stamp, arrived, h, errors.times[k, h], name, errors.predicted[k, h, n], errors.recorded[k, h, n]


def _dimensions(names: Sequence[str], errors: ChunkErrors) -> Iterator[tuple[Any, ...]]:
    for n, name in enumerate(names):
        error = errors.error[..., n]
        known = error[np.isfinite(error)]
        rms = float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")
        yield name, mean_abs(error), rms, percentile(error, 95), percentile(error, 100), len(known)


def _horizon(run: Run, errors: ChunkErrors) -> Iterator[tuple[Any, ...]]:
    for h, row in enumerate(mean_abs(errors.error, axis=0)):
        yield h, h * run.policy.file.dt, *row


def _commands(run: Run) -> Iterator[tuple[Any, ...]]:
    for name, method in run.methods.items():
        ticks = zip(method.times, method.states, method.causes, method.targets, method.commands, strict=True)
        for time, state, cause, target, command in ticks:
            yield name, time, state, cause, *target, *command


def _limits(run: Run) -> Iterator[tuple[Any, ...]]:
    for name, method in run.methods.items():
        for limit, counts in method.executor.limiter.counts.items():
            yield name, limit, *counts


def _plain(value: Any) -> Any:
    """numpy's numbers as Python's."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def _text(value: Any) -> Any:
    """Nine digits: more than any sensor has. NaN is an empty field."""
    if not isinstance(value, float):
        return value
    return "" if np.isnan(value) else f"{value:.9g}"
