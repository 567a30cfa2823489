"""What reports look like, whatever they are of: one style, sections with pictures inside the file."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from neon_control.core.common import html

DPI = 110
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}img{max-width:100%}
table{border-collapse:collapse;font-size:.85em}td,th{padding:.15em .7em;text-align:right;border-bottom:1px solid #eee}
td:first-child,th:first-child{text-align:left}.verdict{background:#f3f6f8;border-left:4px solid #0b6fa4;padding:.6em 1em}
.note{color:#666;font-size:.85em}.bad{color:#b2182b}"""


def section(title: str, *parts: Figure | str) -> str:
    """A heading, and below it pictures and HTML."""
    content = "".join(picture(part) if isinstance(part, Figure) else part for part in parts)
    return f"{html.element('h2', html.escape(title))}\n{content}"


def picture(figure: Figure, dpi: int = DPI) -> str:
    """A figure as an image that lies within the page."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return f'<img alt="" src="{html.data_uri("image/png", stream.getvalue())}">'
