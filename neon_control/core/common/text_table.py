"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int]) -> str:
    """Aligned text: the numeric columns to the right, the rest to the left."""
    lines = [columns, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    text = [
        "  ".join(c.rjust(w) if i in numeric else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))) for line in lines
    ]
    rule = "  ".join("-" * w for w in widths)
    return "\n".join(line.rstrip() for line in (text[0], rule, *text[1:]))
