"""What a delay does to the seams between chunks: how far the joints' target jumps where a new chunk takes over.

A seam is looked at where it is commanded: at the first instant that a chunk can still change when it arrives. With prefixes a chunk goes on
from what is committed up to there; they are of the executor that is configured, and all methods get the same chunks. Those of a run with
prefixes that had none, such as its first ones, count in neither row. `blend` never jumps: its chunks fade in, and are followed late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from neon_control.core.common.text_table import table
from neon_control.evaluation.judging import Judged
from neon_control.evaluation.offline import Run


@dataclass(frozen=True)
class SeamFigures:
    """One method of ensembling, with or without prefixes."""

    method: str
    prefix: bool  # whether chunks went on from what is under way
    seams: int
    p50_rad: float
    p95_rad: float
    max_rad: float
    prefixed: float  # share of all chunks of its run that did


COLUMNS = tuple(field.name for field in fields(SeamFigures))


def seam_figures(judged: Judged) -> list[SeamFigures]:
    """For each method, without prefixes first; with prefixes only of a policy that takes them."""
    runs = [(judged.run, False)] if judged.free is None else [(judged.free, False), (judged.run, True)]
    return [_figures(method, run, prefix) for run, prefix in runs for method in run.methods]


def _figures(method: str, run: Run, prefix: bool) -> SeamFigures:
    seams = np.array([jump for jump, prefixed in run.methods[method].seams if prefixed == prefix])
    p50, p95, most = np.percentile(seams, (50, 95, 100)).tolist() if len(seams) else (np.nan,) * 3
    share = run.counts["prefixes"] / len(run.chunks) if prefix and run.chunks else 0.0
    return SeamFigures(method, prefix, len(seams), p50, p95, most, share)


def delay_table(figures: Sequence[SeamFigures]) -> str:
    """As text, in mrad."""
    rows = [
        (
            f"{f.method}, prefix" if f.prefix else f.method,
            str(f.seams),
            *(f"{1e3 * v:.1f}" for v in (f.p50_rad, f.p95_rad, f.max_rad)),
            f"{100.0 * f.prefixed:.0f} %" if f.prefix else "",
        )
        for f in figures
    ]
    return table(("Seams", "Number", "p50 [mrad]", "p95 [mrad]", "max [mrad]", "With a prefix"), rows, numeric=range(1, 6))


def delay_text(judged: Judged, latency: float) -> str:
    """All of it, below a line that tells policy, recording's latency [s] and why chunks had no prefix."""
    why = why_free(judged.run)
    head = f"{judged.run.name}, {1e3 * latency:.1f} ms from observation to chunk{f'; without a prefix: {why}' if why else ''}"
    return f"{head}\n{delay_table(seam_figures(judged))}"


def why_free(run: Run) -> str:
    """Of the chunks that had no prefix, why; empty where all had one, or the policy takes none."""
    reasons = {name.removeprefix("no_prefix_"): count for name, count in sorted(run.counts.items()) if name.startswith("no_prefix_")}
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def rows_of(figures: Sequence[SeamFigures]) -> list[tuple[object, ...]]:
    """For a table of `COLUMNS`."""
    return [astuple(f) for f in figures]
