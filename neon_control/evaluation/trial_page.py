"""The report of `neon_control trials`: one file, with the tables and a card for each attempt that opens to the command of its replay."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from matplotlib.figure import Figure

from neon_control import __version__
from neon_control.core.common import html
from neon_control.evaluation.page import STYLE, section
from neon_control.evaluation.trial import Trial
from neon_control.evaluation.trial_table import COLUMNS, Comparison, Group
from neon_control.recordings.episode import FAILURE, SUCCESS

COLOURS = {SUCCESS: "#2b9348", FAILURE: "#d62828", "": "#7a828c"}
CARDS = f"""{STYLE}.cards{{display:flex;flex-wrap:wrap;gap:.6em}}.card{{width:17em;border:1px solid #ddd;border-top:4px solid #7a828c;
padding:.4em;font-size:.85em}}.card.success{{border-top-color:{COLOURS[SUCCESS]}}}.card.failure{{border-top-color:{COLOURS[FAILURE]}}}
.card summary{{list-style:none;cursor:pointer}}.card img{{height:72px;max-width:49%;object-fit:cover;margin-right:2px}}
.card code{{display:block;overflow-wrap:anywhere;background:#f3f6f8;padding:.3em;margin-top:.3em;user-select:all}}
.card b.success{{color:{COLOURS[SUCCESS]}}}
.card b.failure{{color:{COLOURS[FAILURE]}}}"""


def trial_page(
    trials: Sequence[Trial], by_policy: Sequence[Group], by_all: Sequence[Group], keys: Sequence[str], pair: Comparison | None
) -> str:
    """The file's text.

    Args:
        trials: in order of time.
        by_policy, by_all: the same in groups; `keys` name those of the second.
    """
    title = f"{len(trials)} trials of {len(by_policy)} {'policy' if len(by_policy) == 1 else 'policies'}"
    parts = [html.element("h1", html.escape(title))]
    if pair is not None:
        parts.append(html.paragraph(pair.lines, class_="verdict"))
    parts.append(section("Success", intervals(by_policy), html.table(("Policy", *COLUMNS), [g.cells for g in by_policy])))
    if len(by_all) > len(by_policy):
        parts.append(section("By " + ", ".join(keys), html.table((*(k.capitalize() for k in keys), *COLUMNS), [g.cells for g in by_all])))
    for group in by_policy:
        cards = [card(t) for t in trials if t.policy == group.names[0]]
        parts.append(section(group.names[0], html.element("div", "".join(cards), class_="cards")))
    note = (
        "95 %: Wilson's interval. Alone: successes in which nobody took over. Time: of the successes. Led: share of the time in which a "
        "person led. A click on a picture shows the command that replays it."
    )
    parts.append(html.paragraph([note, f"neon_control {__version__}"], class_="note"))
    return html.page(title, CARDS, "\n".join(parts))


def card(trial: Trial) -> str:
    """One attempt: its pictures, and below them, when they are clicked, how to see it again."""
    pictures = "".join(f'<img alt="" src="{html.data_uri("image/jpeg", data)}">' for data in trial.pictures)
    words = html.element("b", html.escape(trial.outcome or "no outcome"), class_=trial.outcome or "silent")
    figures = [f"{trial.seconds:.1f} s"]
    if trial.takeovers:
        figures.append(f"{trial.takeovers} {'takeover' if trial.takeovers == 1 else 'takeovers'}")
    figures += [f"{cause} {count}" for cause, count in trial.stops.most_common()]
    head = html.element("summary", f"{pictures}<br>{words} {html.escape(trial.path.name)}<br>{html.escape(', '.join(figures))}")
    command = html.element("code", html.escape(f"neon_control replay {shlex.quote(str(trial.path.absolute()))}"))
    more = html.paragraph(filter(None, (f"{trial.day}, {trial.robot}", trial.task)))
    note = html.paragraph([f"“{trial.note}”"]) if trial.note else ""
    return html.element("div", html.element("details", head + more + command) + note, class_=f"card {trial.outcome or 'silent'}")


def intervals(groups: Sequence[Group]) -> Figure:
    """Each policy's share of successes, with its interval."""
    figure = Figure(figsize=(8.0, 0.7 + 0.4 * len(groups)), layout="constrained")
    axes = figure.subplots()
    for row, group in enumerate(groups):
        if group.trials:
            low, high = group.interval
            axes.plot([low, high], [row, row], color="#0b6fa4", linewidth=6, alpha=0.35, solid_capstyle="butt")
            axes.plot(group.successes / group.trials, row, "o", color="#0b6fa4")
    axes.set_yticks(range(len(groups)), [group.names[0] for group in groups])
    axes.set(xlim=(0.0, 1.0), ylim=(len(groups) - 0.5, -0.5), xlabel="share of successes, 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    return figure
