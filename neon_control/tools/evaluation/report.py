"""The report: one HTML file with its pictures inside, to open, to mail, to keep."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neon_control import __version__
from neon_control.tools.evaluation import plots
from neon_control.tools.evaluation.measures import ChunkErrors, MethodFigures, input_figures, mean_abs, percentile, sync_skew
from neon_control.tools.evaluation.offline import Run
from neon_control.tools.evaluation.recording import Recording

DPI = 110
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}img{max-width:100%}
table{border-collapse:collapse;font-size:.85em}td,th{padding:.15em .7em;text-align:right;border-bottom:1px solid #eee}
td:first-child,th:first-child{text-align:left}.verdict{background:#f3f6f8;border-left:4px solid #0b6fa4;padding:.6em 1em}
.note{color:#666;font-size:.85em}.bad{color:#b2182b}"""


@dataclass(frozen=True)
class Judged:
    """A run with its figures."""

    run: Run
    errors: ChunkErrors
    figures: dict[str, MethodFigures]


def verdict(judged: Judged, recording: Recording) -> str:
    """One line: how far off, where most, how smooth, and what went wrong with the inputs."""
    run, errors, space = judged.run, judged.errors, judged.run.policy.file.space
    what = "the recorded commands" if recording.has_commands(space) else "the measured motion"
    if not run.chunks:
        why = f"; {run.refusals[0][2]}" if run.refusals else ""
        return f"{run.name}: no chunk in {recording.seconds:.1f} s{why}"
    joints = errors.error[..., : space.num_joints]
    by_joint = mean_abs(joints, axis=(0, 1))
    if not np.isfinite(by_joint).any():
        return f"{run.name}: {len(run.chunks)} chunks in {recording.seconds:.1f} s, none while anything was recorded to compare with"
    worst = int(np.nanargmax(by_joint))
    configured = run.settings.executor.joints.method
    chosen, plain = judged.figures[configured], judged.figures["latest"]
    smoothest = min(judged.figures, key=lambda m: judged.figures[m].jump if np.isfinite(judged.figures[m].jump) else np.inf)
    gaps = sum(len(input_figures(recording.streams[t]).gaps) for t in recording.inputs.values())
    seam = f"seams {plain.jump:.3f} rad (latest), {judged.figures[smoothest].jump:.3f} ({smoothest})"
    return (
        f"{run.name}: {len(run.chunks)} chunks in {recording.seconds:.1f} s, {float(mean_abs(joints)):.3f} rad from {what} "
        f"(95 %: {percentile(joints, 95):.3f}; most at {space.joint_names[worst]}, {by_joint[worst]:.3f}); {seam}; "
        f"followed {100.0 * chosen.following:.0f} % of the time (stops: {chosen.stops}); limits bit {int(chosen.limited.sum())} times; "
        f"{len(run.refusals)} refusals, {gaps} gaps in the inputs"
    )


def comparison(judged: Sequence[Judged]) -> str:
    """One line that says which of two policies is nearer to what was done."""
    first, second = (float(mean_abs(j.errors.error[..., : j.run.policy.file.space.num_joints])) for j in judged)
    names = [j.run.name for j in judged]
    if not (np.isfinite(first) and np.isfinite(second)):
        return f"{names[0]} and {names[1]} cannot be compared: one of them has no chunk beside recorded actions"
    if first == second:
        return f"{names[0]} and {names[1]} are equally far from what was done, {first:.4f} rad"
    near, far = (0, 1) if first < second else (1, 0)
    low, high = min(first, second), max(first, second)
    return f"{names[near]} is nearer to what was done than {names[far]}: {low:.4f} against {high:.4f} rad, {100.0 * (1.0 - low / high):.0f} % less"


def write(file: Path, judged: Sequence[Judged], recording: Recording, lines: Sequence[str], notes: Sequence[str]) -> None:
    """Write the report.

    Args:
        lines: the verdict, as it is printed.
        notes: what a reader has to know about how this was made.
    """
    runs, errors = [j.run for j in judged], [j.errors for j in judged]
    parts = [f"<h1>{html.escape(' against '.join(r.name for r in runs))} on {html.escape(recording.path.name)}</h1>"]
    parts.append('<p class="verdict">' + "<br>".join(html.escape(line) for line in lines) + "</p>")
    parts.append('<p class="note">' + "<br>".join(html.escape(note) for note in notes) + "</p>")
    for i, (run, error) in enumerate(zip(runs, errors, strict=True)):
        parts.append(_section(f"{run.name}: predicted chunks over recorded actions", _picture(plots.chunks_over_actions(run, error, recording, plots.POLICY_COLOURS[i]))))
    parts.append(_section("Error by joint and by step", _picture(plots.errors_by_joint_and_step(runs, errors))))
    for entry in judged:
        parts.append(_section(f"{entry.run.name}: seams between chunks", _picture(plots.seams(entry.run, recording)) + _methods(entry)))
    for run in runs:
        method = run.settings.executor.joints.method
        parts.append(_section(f"{run.name}: what the executor would have sent ({method})", _picture(plots.executor_over_time(run, recording))))
    parts.append(_section("Limits that bit", _picture(plots.limit_hits(runs))))
    parts.append(_section("Inputs", _picture(plots.inputs_over_time(recording, runs)) + _inputs(recording) + _refusals(runs)))
    latency = plots.latency_over_time(recording)
    text = _picture(latency) if latency is not None else "<p>The recording holds neither chunks nor diagnostics, so it does not tell.</p>"
    parts.append(_section("Latency on the day", text))
    body = "\n".join(parts)
    title = html.escape(recording.path.name)
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style><body>\n{body}\n'
    file.write_text(page + f'<p class="note">neon_control {__version__}</p></body></html>\n')


def _section(title: str, content: str) -> str:
    return f"<h2>{html.escape(title)}</h2>\n{content}"


def _picture(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _methods(entry: Judged) -> str:
    configured = entry.run.settings.executor.joints.method
    rows = [
        (
            f"{name} (configured)" if name == configured else name,
            *(f"{v:.4f}" for v in (f.error, f.jump, f.worst_jump)),
            f"{f.acceleration:.1f}",
            f"{100.0 * f.following:.0f} %",
            int(f.limited.sum()),
            f.stops,
        )
        for name, f in entry.figures.items()
    ]
    columns = ("method", "error of the target [rad]", "mean jump [rad]", "worst [rad]", "acceleration, rms [rad/s²]", "followed", "limits", "stops")
    return _table(columns, rows)


def _inputs(recording: Recording) -> str:
    rows = []
    for topic, stream in sorted(recording.streams.items()):
        f = input_figures(stream)
        rate = f"{1.0 / f.period:.1f}" if f.period > 0.0 else "-"
        delays = [f"{1e3 * v:.1f}" if np.isfinite(v) else "-" for v in (f.delay, f.delay_p99)]
        rows.append((topic, f.messages, rate, f"{1e3 * f.longest:.0f}" if np.isfinite(f.longest) else "-", len(f.gaps), *delays))
    skew = {k: v[np.isfinite(v)] for k, v in sync_skew(recording).items()}
    words = "; ".join(
        f"image to {k}: {1e3 * np.median(np.abs(v)):.1f} ms, at most {1e3 * np.abs(v).max():.1f} ms" for k, v in skew.items() if len(v)
    )
    columns = ("topic", "messages", "rate [Hz]", "longest interval [ms]", "gaps", "stamp to reception [ms]", "p99")
    return _table(columns, rows) + f"<p>{html.escape(words)}</p>"


def _refusals(runs: Sequence[Run]) -> str:
    parts = []
    for run in runs:
        if run.refusals:
            first = "; ".join(dict.fromkeys(text for _, _, text in run.refusals[:5]))
            parts.append(f'<p class="bad">{html.escape(run.name)}: {len(run.refusals)} refusals, the first: {html.escape(first)}</p>')
    return "".join(parts)
