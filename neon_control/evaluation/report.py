"""The report: one HTML file with its pictures inside, to open, to mail, to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neon_control import __version__
from neon_control.core.common import html
from neon_control.evaluation import plots
from neon_control.evaluation.judging import Judged
from neon_control.evaluation.measures import input_figures, sync_skew
from neon_control.evaluation.offline import Run
from neon_control.evaluation.page import STYLE, section
from neon_control.evaluation.recorded_day import RecordedDay


def write(file: Path, judged: Sequence[Judged], recording: RecordedDay, lines: Sequence[str], notes: Sequence[str]) -> None:
    """Write the report.

    Args:
        lines: the verdict, as it is printed.
        notes: what a reader has to know about how this was made.
    """
    runs, errors = [j.run for j in judged], [j.errors for j in judged]
    title = f"{' against '.join(r.name for r in runs)} on {recording.name}"
    parts = [html.element("h1", html.escape(title)), html.paragraph(lines, class_="verdict"), html.paragraph(notes, class_="note")]
    for run, error, colour in zip(runs, errors, plots.POLICY_COLOURS, strict=False):
        heading = f"{run.name}: predicted chunks over recorded actions (rad; base in m/s and rad/s; over seconds)"
        parts.append(section(heading, plots.chunks_over_actions(run, error, recording, colour)))
    parts.append(section("Error by joint and by step", plots.errors_by_joint_and_step(runs, errors)))
    for entry in judged:
        parts.append(section(f"{entry.run.name}: seams between chunks", plots.seams(entry.run, recording), _methods(entry)))
    for run in runs:
        heading = f"{run.name}: what the executor would have sent ({run.settings.executor.joints.method})"
        parts.append(section(heading, plots.executor_over_time(run, recording)))
    parts.append(section("Limits that bit", plots.limit_hits(runs)))
    parts.append(section("Inputs", plots.inputs_over_time(recording, runs), _inputs(recording), _refusals(runs)))
    latency = plots.latency_over_time(recording, runs[0].settings.executor.chunk_timeout)
    unknown = html.paragraph(["The recording holds neither chunks nor diagnostics, so it does not say."])
    parts.append(section("Latency on the day", latency or unknown))
    parts.append(html.paragraph([f"neon_control {__version__}"], class_="note"))
    file.write_text(html.page(recording.name, STYLE, "\n".join(parts)))


def _methods(entry: Judged) -> str:
    configured = entry.run.settings.executor.joints.method
    rows = [
        (
            f"{name} (configured)" if name == configured else name,
            *(_number(v, 4) for v in (f.error, f.jump, f.worst_jump)),
            _number(f.acceleration, 1),
            f"{100.0 * f.following:.0f} %",
            f.limited,
            f.stops,
            f.waits,
        )
        for name, f in entry.figures.items()
    ]
    columns = (
        "method",
        "error of the target [rad]",
        "mean jump [rad]",
        "worst [rad]",
        "acceleration, rms [rad/s²]",
        "followed",
        "limits",
        "stops",
        "not followed",
    )
    return html.table(columns, rows)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _inputs(recording: RecordedDay) -> str:
    rows = []
    for topic, stream in sorted(recording.streams.items()):
        f = input_figures(stream)
        rate = _number(1.0 / f.period, 1) if f.period else "-"
        delays = (_number(1e3 * delay, 1) for delay in (f.delay, f.delay_p99))
        rows.append((topic, f.messages, rate, _number(1e3 * f.longest, 0), len(f.gaps), *delays))
    skew = {k: v[np.isfinite(v)] for k, v in sync_skew(recording).items()}
    words = "; ".join(
        f"image to {k}: {1e3 * np.median(np.abs(v)):.1f} ms, at most {1e3 * np.abs(v).max():.1f} ms" for k, v in skew.items() if len(v)
    )
    columns = ("topic", "messages", "rate [Hz]", "longest interval [ms]", "gaps", "stamp to reception [ms]", "p99")
    return html.table(columns, rows) + html.paragraph([words])


def _refusals(runs: Sequence[Run]) -> str:
    parts = []
    for run in runs:
        if run.refusals:
            first = "; ".join(dict.fromkeys(text for _, _, text in run.refusals[:5]))
            parts.append(html.paragraph([f"{run.name}: {len(run.refusals)} refusals, the first: {first}"], class_="bad"))
    return "".join(parts)
