"""The pieces of HTML that the page is made of, in one style."""

from __future__ import annotations

import math
from collections.abc import Iterable

from neon_control.core.common.html import element, escape

GREEN, AMBER, RED, GREY = "#2b9348", "#d98e04", "#d62828", "#7a828c"
BLUE = "#1d5fa8"  # a person leads
LEVEL_COLOURS = (GREEN, AMBER, RED, GREY)  # by the level of a DiagnosticStatus
STYLE = "font-size:13px;line-height:1.35;padding:0 10px"


def dot(colour: str) -> str:
    """A round mark."""
    return element("span", "", style=f"display:inline-block;width:9px;height:9px;border-radius:5px;margin-right:6px;background:{colour}")


def card(title: str, text: str, colour: str) -> str:
    """A statement on a coloured ground."""
    heading = element("div", escape(title), style="font-size:20px;font-weight:700;letter-spacing:0.02em")
    content = heading + element("div", escape(text), style="font-size:13px")
    return element("div", content, style=f"margin:6px 10px;padding:6px 12px;border-radius:6px;background:{colour};color:white")


def table(rows: Iterable[tuple[str, str, bool]]) -> str:
    """Rows of (HTML, HTML, greyed)."""
    content = ""
    for left, right, greyed in rows:
        cells = element("td", left, style="padding:1px 10px 1px 0;white-space:nowrap") + element("td", right, style="padding:1px 0")
        content += element("tr", cells, style=_opacity(greyed))
    return element("div", element("table", content, style="border-spacing:0;width:100%"), style=STYLE)


def flow(entries: Iterable[tuple[str, bool]]) -> str:
    """(HTML, greyed) one after the other, in as few lines as they need."""
    spans = "".join(element("span", entry, style=_opacity(greyed)) for entry, greyed in entries)
    return element("div", spans, style=f"{STYLE};display:flex;flex-wrap:wrap;column-gap:14px")


def heading(text: str) -> str:
    """A small heading."""
    return element("div", escape(text), style=f"{STYLE};padding-top:6px;font-weight:600;opacity:0.75")


def legend(title: str, curves: Iterable[tuple[str, str]]) -> str:
    """The heading of a chart: what it shows, and (name, colour) of each curve."""
    names = "".join(f" &nbsp;{element('span', escape(name), style=f'color:{colour}')}" for name, colour in curves)
    return element("div", element("span", escape(title), style="opacity:0.75") + names, style=f"{STYLE};padding-top:4px;font-weight:600")


def silence(age: float) -> str:
    """How long [s] nothing came; infinite: ever."""
    return "no data yet" if math.isinf(age) else f"no data for {age:.0f} s"


def _opacity(greyed: bool) -> str:
    return f"opacity:{0.45 if greyed else 1.0}"
