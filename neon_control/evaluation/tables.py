"""Everything of an evaluation as tables: CSV always, Parquet too where pyarrow is installed. The same run writes the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.evaluation import delay
from neon_control.evaluation.judging import Judged
from neon_control.evaluation.measures import ChunkErrors, input_figures, mean_abs, of_known, percentile, sync_skew
from neon_control.evaluation.offline import Run
from neon_control.evaluation.recorded_day import RecordedDay


@dataclass(frozen=True)
class Table:
    """A name, columns and rows."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


def write(tables: Sequence[Table], folder: Path) -> None:
    """Write each table, with numpy's numbers as Python's."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        pyarrow = None
    for table in tables:
        rows = [[v.item() if isinstance(v, np.generic | np.ndarray) else v for v in row] for row in table.rows]
        with (folder / f"{table.name}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows([_text(v) for v in row] for row in rows)
        if pyarrow is not None:
            columns = {c: [row[i] for row in rows] for i, c in enumerate(table.columns)}
            pyarrow.parquet.write_table(pyarrow.table(columns), folder / f"{table.name}.parquet")


def run_tables(judged: Judged) -> list[Table]:
    """What a policy did; the policy's name begins each table's name."""
    run, errors, names = judged.run, judged.errors, judged.run.policy.file.space.names
    horizon = ((h, h * run.policy.file.dt, *row) for h, row in enumerate(mean_abs(errors.error, axis=0)))
    limits = ((m, limit, *counts) for m, r in run.methods.items() for limit, counts in r.executor.limiter.counts.items())
    methods = ("method", "error_rad", "jump_rad", "worst_jump_rad", "acceleration_rad_s2", "following", "limited", "stops", "waits")
    chunks = ("chunk", "stamp_ns", "arrived_ns", "step", "time_ns", "dimension", "predicted", "recorded")
    commands = ("method", "time_ns", "state", "cause", *(f"{n}/{w}" for w in ("target", "command") for n in names))
    return [
        Table(f"{run.name}_chunks", chunks, _chunks(run, errors)),
        Table(f"{run.name}_dimensions", ("dimension", "mean_abs", "rms", "p95", "max", "chunk_steps"), _dimensions(names, errors)),
        Table(f"{run.name}_horizon", ("step", "time_s", *names), horizon),
        Table(f"{run.name}_methods", methods, ((name, *astuple(figures)) for name, figures in judged.figures.items())),
        Table(f"{run.name}_commands", commands, _commands(run)),
        Table(f"{run.name}_seams", ("method", "time_ns", *names), ((m, t, *j) for m, r in run.methods.items() for t, j in r.jumps)),
        Table(f"{run.name}_delay", delay.COLUMNS, delay.rows_of(delay.seam_figures(judged))),
        Table(f"{run.name}_limits", ("method", "limit", *names), limits),
        Table(f"{run.name}_refusals", ("time_ns", "inputs", "text"), run.refusals),
    ]


def recording_tables(recording: RecordedDay) -> list[Table]:
    """What the bag itself says."""
    figures = {topic: input_figures(stream) for topic, stream in sorted(recording.streams.items())}
    inputs = ((topic, f.messages, f.period, f.longest, len(f.gaps), f.delay, f.delay_p99) for topic, f in figures.items())
    gaps = ((topic, begin, length) for topic, f in figures.items() for begin, length in f.gaps)
    skew = sync_skew(recording)
    images = zip(recording.streams[recording.inputs["camera"]].received, *skew.values(), strict=True)
    diagnostics = (
        (name, time, key, value)
        for name, entries in sorted(recording.diagnostics.items())
        for time, values in entries
        for key, value in sorted(values.items())
    )
    return [
        Table("recording_inputs", ("topic", "messages", "period_s", "longest_s", "gaps", "delay_s", "delay_p99_s"), inputs),
        Table("recording_gaps", ("topic", "begin_ns", "length_s"), gaps),
        Table("recording_skew", ("image_received_ns", *(f"{k}_s" for k in skew)), images),
        Table("recording_chunk_delays", ("received_ns", "delay_s"), ((t, d * 1e-9) for t, d in recording.chunk_delays)),
        Table("recording_diagnostics", ("node", "time_ns", "key", "value"), diagnostics),
    ]


def _chunks(run: Run, errors: ChunkErrors) -> Iterator[tuple[Any, ...]]:
    names = run.policy.file.space.names
    for k, h, n in np.ndindex(errors.predicted.shape):
        arrived, chunk = run.chunks[k]
        yield k, chunk.stamp, arrived, h, errors.times[k, h], names[n], errors.predicted[k, h, n], errors.recorded[k, h, n]


def _dimensions(names: Sequence[str], errors: ChunkErrors) -> Iterator[tuple[Any, ...]]:
    for n, name in enumerate(names):
        error = errors.error[..., n]
        rms = np.sqrt(of_known(np.mean, error**2))
        yield name, mean_abs(error), rms, percentile(error, 95), percentile(error, 100), np.isfinite(error).sum()


def _commands(run: Run) -> Iterator[tuple[Any, ...]]:
    for name, method in run.methods.items():
        ticks = zip(method.times, method.states, method.causes, method.targets, method.commands, strict=True)
        for time, state, cause, target, command in ticks:
            yield name, time, state, cause, *target, *command


def _text(value: Any) -> Any:
    """Nine digits: more than any sensor has. NaN is an empty field."""
    if not isinstance(value, float):
        return value
    return "" if np.isnan(value) else f"{value:.9g}"
