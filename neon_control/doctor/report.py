"""The report on recordings: one HTML file with its pictures inside. What is drawn of an episode waits on the disk until the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from neon_control import __version__
from neon_control.core.common import html
from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor import plots
from neon_control.doctor.document import summary
from neon_control.doctor.examination import Examined
from neon_control.doctor.figures import EpisodeFigures
from neon_control.doctor.range_use import RangeUse
from neon_control.doctor.verdict import GOOD, VERDICTS, Judged
from neon_control.evaluation.page import STYLE, picture, section

PICTURED_GOOD, PICTURED = 40, 300  # episodes with pictures, some 60 kB each: so many good ones, and so many altogether
DPI = 105
SHOWN = 12  # episodes that a row of reasons names
MORE_STYLE = """
.badge{display:inline-block;min-width:5em;text-align:center;border-radius:.3em;color:#fff;padding:0 .5em;font-size:.85em;font-weight:600}
.good{background:#3b9e5f}.doubtful{background:#c98a1b}.badge.bad{background:#b2182b;color:#fff}
.left td,.left th{text-align:left}.scroll{overflow-x:auto}.wide{width:100%}.wide td,.wide th{padding:.15em .5em}
.wide td:last-child,.wide th:last-child{text-align:left;min-width:20em}.wide td:first-child{overflow-wrap:anywhere;min-width:8em}
.strip{display:flex;gap:3px;overflow-x:auto;margin:.3em 0}.strip img{height:72px;flex:none;border-radius:2px}
.episode{margin:1.6em 0;border-top:1px solid #ddd;padding-top:.6em}.episode h3{font-size:1em;margin:.2em 0;overflow-wrap:anywhere}
.counts{display:flex;height:1.6em;border-radius:.3em;overflow:hidden;margin:.6em 0}
.counts div{color:#fff;text-align:center;font-size:.85em;line-height:1.9em;white-space:nowrap;overflow:hidden}
.small{font-size:.8em;color:#555;margin:.1em 0}ul.reasons{margin:.2em 0 .4em 1.2em;padding:0}a{color:#0b6fa4}
details{margin:.3em 0}summary{cursor:pointer;color:#555;font-size:.85em}"""
EPISODE_COLUMNS = (
    "Episode", "Verdict", "Seconds", "Samples", "Images [Hz]", "Jitter [ms]", "Skew [ms]", "Lag [ms]", "Gain", "Idle [%]", "Jerk [rad/s³]",
    "Unseen [%]", "Reasons",
)  # fmt: skip


class ReportWriter:
    """Collects a report. Use as a context manager, which removes what it keeps meanwhile."""

    def __init__(self, space: ActionSpace) -> None:
        self._space, self._pictured = space, {True: 0, False: 0}
        self._ranges = RangeUse(space)
        self._parts = tempfile.TemporaryFile()  # noqa: SIM115 closed by __exit__
        self._places: list[tuple[int, int]] = []  # [bytes] where each episode's part begins and ends

    def __enter__(self) -> ReportWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._parts.close()

    def add(self, episode: Examined) -> None:
        """Take an episode; what is drawn of it is drawn now."""
        start = self._parts.tell()
        if episode.data is not None and episode.figures is not None:
            self._ranges.add(episode.data.states, episode.data.step)
            good = episode.judged.verdict == GOOD
            limit = PICTURED_GOOD if good else PICTURED - PICTURED_GOOD
            if self._pictured[good] < limit:
                self._pictured[good] += 1
                strips = "".join(_strip(name, look.strip) for name, look in episode.data.cameras.items() if look.strip)
                figure = plots.episode_over_time(episode.data, episode.figures, self._space)
                self._parts.write((strips + picture(figure, DPI)).encode())
            self._parts.write(_tables(episode.figures, self._space).encode())
        self._places.append((start, self._parts.tell()))

    def write(self, file: Path, title: str, judged: Sequence[Judged], reasons: str, problems: str, notes: Sequence[str]) -> None:
        """Write the page.

        Args:
            judged: the episodes as they came, with their final verdicts.
            reasons, problems: tables, as HTML.
            notes: what a reader has to know about how this was made.
        """
        with file.open("w", encoding="utf-8") as stream:
            body = "@body@"
            head, _, foot = html.page(title, STYLE + MORE_STYLE, body).partition(body)
            stream.write(head)
            for part in self._body(title, judged, reasons, problems, notes):
                stream.write(part + "\n")
            stream.write(foot)

    def _body(self, title: str, judged: Sequence[Judged], reasons: str, problems: str, notes: Sequence[str]) -> Iterator[str]:
        yield html.element("h1", html.escape(title))
        yield html.paragraph([sentence(judged)], class_="verdict") + _counts(judged)
        yield html.paragraph(notes, class_="note")
        if reasons:
            yield section("What is wrong", reasons)
        yield section("The whole set", plots.whole_set(judged, self._ranges, self._space))
        yield section("Episodes", html.element("div", _overview(judged), class_="scroll"))
        if problems:
            yield section("What the readers reported", problems)
        yield html.element("h2", "Each episode")
        order = sorted(range(len(judged)), key=lambda i: -VERDICTS.index(judged[i].verdict))  # the worst first
        for number in order:
            episode = judged[number]
            start, end = self._places[number]
            self._parts.seek(start)
            kept = self._parts.read(end - start).decode()
            heading = html.element("h3", f"{badge(episode.verdict)} {html.escape(episode.name)}")
            why = "".join(html.element("li", html.escape(r.text)) for r in episode.reasons)
            listed = html.element("ul", why, class_="reasons") if why else ""
            yield html.element("div", heading + listed + kept, class_="episode", id=_anchor(number))
        yield html.paragraph([f"neon_control {__version__}"], class_="note")


def badge(verdict: str) -> str:
    """A verdict in its colour."""
    return html.element("span", verdict, class_=f"badge {verdict}")


def sentence(judged: Sequence[Judged]) -> str:
    """The set in one line."""
    found = summary(judged)
    counts = ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])
    length = f"{found['seconds'] / 60.0:.1f} min" if found["seconds"] >= 120.0 else f"{found['seconds']:.1f} s"
    return f"{found['episodes']} episodes: {counts}; {length}, {found['samples']} samples"


def reasons_table(rows: Sequence[tuple[str, int, str, Sequence[int]]], judged: Sequence[Judged]) -> str:
    """Verdict, episodes, reason, and which ones, as links to them."""
    lines = []
    for verdict, count, text, numbers in rows:
        links = ", ".join(f'<a href="#{_anchor(n)}">{html.escape(judged[n].name)}</a>' for n in numbers[:SHOWN])
        more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
        cells = (badge(verdict), str(count), html.escape(text), links + more)
        lines.append(html.element("tr", "".join(html.element("td", c) for c in cells)))
    head = html.element("tr", "".join(html.element("th", h) for h in ("Verdict", "Episodes", "Reason", "Which")))
    return html.element("table", head + "".join(lines), class_="left")


def _counts(judged: Sequence[Judged]) -> str:
    """A bar in the colours of the verdicts."""
    found = summary(judged)
    parts = [
        html.element("div", f"{found[v]} {v}", class_=v, style=f"flex:{found[v]};background:{plots.COLOURS[v]}")
        for v in VERDICTS
        if found[v]
    ]
    return html.element("div", "".join(parts), class_="counts")


def _overview(judged: Sequence[Judged]) -> str:
    lines = [html.element("tr", "".join(html.element("th", html.escape(c)) for c in EPISODE_COLUMNS))]
    for number, e in enumerate(judged):
        numbers = (
            _number(e.seconds, 1), str(e.samples), _number(e.images_hz, 1), _number(1e3 * e.jitter_s, 1), _number(1e3 * e.skew_s, 1),
            _number(1e3 * e.lag_s, 0), _number(e.gain, 2), _number(100.0 * e.idle, 0), _number(e.jerk, 1), _number(100.0 * e.unseen, 0),
        )  # fmt: skip
        link = f'<a href="#{_anchor(number)}">{html.escape(e.name)}</a>'
        cells = (link, badge(e.verdict), *numbers, html.escape("; ".join(r.text for r in e.reasons)))
        lines.append(html.element("tr", "".join(html.element("td", c) for c in cells)))
    return html.element("table", "".join(lines), class_="wide")


def _strip(name: str, images: Sequence[bytes]) -> str:
    pictures = "".join(f'<img alt="" src="{html.data_uri("image/jpeg", data)}">' for data in images)
    return html.element("p", html.escape(name), class_="small") + html.element("div", pictures, class_="strip")


def _tables(figures: EpisodeFigures, space: ActionSpace) -> str:
    """All numbers of an episode, folded away."""
    streams = [
        (
            name,
            figures.roles[name],
            s.messages,
            _number(s.rate_hz, 1),
            _number(1e3 * s.jitter_s, 1),
            _number(1e3 * s.longest_s, 0),
            len(s.gaps),
            f"{100.0 * s.lost:.0f}",
        )
        for name, s in figures.streams.items()
    ]
    parts = [html.table(("stream", "is", "messages", "rate [Hz]", "jitter [ms]", "longest [ms]", "gaps", "lost [%]"), streams)]
    if figures.skews:
        skews = [(pair, _number(1e3 * s.median_s, 1), _number(1e3 * s.worst_s, 1)) for pair, s in figures.skews.items()]
        parts.append(html.table(("apart in time", "median [ms]", "nine of ten below [ms]"), skews))
    if figures.pictures:
        seen = [
            (name, f"{p.size[0]} x {p.size[1]}", p.images, p.looked_at, *(_number(100.0 * v, 0) for v in (p.blank, p.repeated, p.frozen)))
            for name, p in figures.pictures.items()
        ]
        parts.append(html.table(("camera", "size", "images", "looked at", "blank [%]", "repeated [%]", "frozen [%]"), seen))
    if figures.motion is not None:
        motion, errors = figures.motion, figures.labels.joint_errors if figures.labels else np.full(space.num_joints, np.nan)
        joints = [
            (name, *(_number(100.0 * v, 0) for v in (*motion.used[j], motion.outside[j], motion.at_limit[j], errors[j])))
            for j, name in enumerate(space.joint_names)
        ]
        columns = ("joint", "range used from [%]", "to [%]", "outside [% of the time]", "at an end [%]", "not told by the actions [%]")
        parts.append(html.table(columns, joints))
    return html.element("details", html.element("summary", "all numbers") + "".join(parts))


def _anchor(number: int) -> str:
    return f"episode-{number}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
