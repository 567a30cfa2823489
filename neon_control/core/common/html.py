"""HTML, element by element. What came from a network or a file goes through `escape`: nobody may put a script into a page of ours."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence


def escape(text: object) -> str:
    """Text as HTML."""
    return html.escape(str(text))


def element(tag: str, content: str, **attributes: str) -> str:
    """`<tag attribute="...">content</tag>` of HTML; `class_` and `data_x` give the attributes `class` and `data-x`."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<{tag}{given}>{content}</{tag}>"


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table of text, with a line of headings."""
    lines = [("th", columns), *(("td", row) for row in rows)]
    return element("table", "".join(element("tr", "".join(element(tag, escape(cell)) for cell in cells)) for tag, cells in lines))


def paragraph(lines: Iterable[object], **attributes: str) -> str:
    """Lines of text."""
    return element("p", "<br>".join(map(escape, lines)), **attributes)


def data_uri(kind: str, data: bytes) -> str:
    """The address of something that lies within the page itself, for example of the kind `image/png`."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def page(title: str, style: str, body: str) -> str:
    """A file that needs no other."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8">{element("title", escape(title))}{element("style", style)}'
    return f"{head}<body>\n{body}</body></html>\n"
