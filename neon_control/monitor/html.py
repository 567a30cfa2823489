"""Small pieces of HTML. Whatever came over the network is escaped: nobody who can publish may put a script into the page."""

from __future__ import annotations

import html
from collections.abc import Iterable

GREEN, AMBER, RED, GREY = "#2b9348", "#d98e04", "#d62828", "#7a828c"
LEVEL_COLOURS = (GREEN, AMBER, RED, GREY)  # by the level of a DiagnosticStatus
STYLE = "font-size:13px;line-height:1.35;padding:0 10px"


def escape(text: object) -> str:
    """Text as HTML."""
    return html.escape(str(text))


def dot(colour: str) -> str:
    """A round mark."""
    return f'<span style="display:inline-block;width:9px;height:9px;border-radius:5px;margin-right:6px;background:{colour}"></span>'


def card(title: str, text: str, colour: str) -> str:
    """A statement on a coloured ground."""
    return (
        f'<div style="margin:6px 10px;padding:6px 12px;border-radius:6px;background:{colour};color:white">'
        f'<div style="font-size:20px;font-weight:700;letter-spacing:0.02em">{escape(title)}</div>'
        f'<div style="font-size:13px">{escape(text)}</div></div>'
    )


def table(rows: Iterable[tuple[str, str, bool]]) -> str:
    """Rows of (HTML, HTML, greyed)."""
    cells = "".join(
        f'<tr style="opacity:{0.45 if greyed else 1.0}"><td style="padding:1px 10px 1px 0;white-space:nowrap">{left}</td>'
        f'<td style="padding:1px 0">{right}</td></tr>'
        for left, right, greyed in rows
    )
    return f'<div style="{STYLE}"><table style="border-spacing:0;width:100%">{cells}</table></div>'


def flow(entries: Iterable[tuple[str, bool]]) -> str:
    """(HTML, greyed) one after the other, in as few lines as they need."""
    spans = "".join(f'<span style="opacity:{0.45 if greyed else 1.0}">{e}</span>' for e, greyed in entries)
    return f'<div style="{STYLE};display:flex;flex-wrap:wrap;column-gap:14px">{spans}</div>'


def heading(text: str) -> str:
    """A small heading."""
    return f'<div style="{STYLE};padding-top:6px;font-weight:600;opacity:0.75">{escape(text)}</div>'


def legend(title: str, curves: Iterable[tuple[str, str]]) -> str:
    """The heading of a chart: what it shows, and (name, colour) of each curve."""
    names = "".join(f' &nbsp;<span style="color:{colour}">{escape(name)}</span>' for name, colour in curves)
    return f'<div style="{STYLE};padding-top:4px;font-weight:600"><span style="opacity:0.75">{escape(title)}</span>{names}</div>'


def silence(age: float | None) -> str:
    """How long nothing came."""
    return "no data yet" if age is None else f"no data for {age:.0f} s"
