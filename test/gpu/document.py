"""A run's tables into docs/gpu.md: `python test/gpu/document.py OUT/gpu.json`. A dry run is refused: it is no result."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tables import tables

from neon_control.core.common.text_table import markdown_table

BEGIN, END = "<!-- begin: written by test/gpu/document.py -->", "<!-- end -->"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"


def written(result: dict, text: str) -> str:
    """The document's text with the run's tables between the two marks.

    Raises:
        SystemExit: the run was a dry one or found no GPU, or the text has no marks.
    """
    if "GPU:" in result["card"] or "no GPU" in result["card"] or result["card"].startswith("unknown"):
        raise SystemExit(f"the run's card is '{result['card']}', needs a GPU's name: nothing is written")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"the document needs one line '{BEGIN}' and one '{END}'")
    parts = [f"Measured on: {result['card']}."]
    for title, columns, lines in tables(result["rows"]):
        cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        parts.append(f"### {title}\n\n{markdown_table(columns, cells)}")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    document = Path(sys.argv[2]) if len(sys.argv) > 2 else DOCUMENT
    document.write_text(written(json.loads(Path(sys.argv[1]).read_text()), document.read_text()))
