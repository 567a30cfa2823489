"""Tables of text: aligned on the terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int]) -> str:
    """Aligned text: the numeric columns to the right, the rest to the left."""
    lines = [columns, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    text = [
        "  ".join(c.rjust(w) if i in numeric else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))) for line in lines
    ]
    rule = "  ".join("-" * w for w in widths)
    return "\n".join(line.rstrip() for line in (text[0], rule, *text[1:]))


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same as Markdown reads it."""
    lines = [f"| {' | '.join(map(str, line))} |" for line in (columns, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]])
