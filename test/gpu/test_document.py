"""A run's rows become the tables of docs/gpu.md, under the card's name; what failed is in them too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from document import BEGIN, DOCUMENT, END, written

ROWS = [
    {"stage": "learning", "head": "flow", "batch": 512, "p50": 1.0, "p99": 2.0, "samples_per_s": 512000.0},
    {"stage": "backbones", "model": "qwen2_5_vl_7b", "way": "eager", "error": "OutOfMemoryError: 16 GiB | 15 GiB"},
    {"stage": "stages", "name": "tensorrt", "seconds": 120, "code": "124"},
]


def test_tables_stand_between_the_marks_under_the_cards_name() -> None:
    text = written({"card": "Card X", "rows": ROWS}, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text and "Measured on: Card X." in text
    assert "| flow | 512 | 1.000 / 2.000 | 512000 |" in text
    assert "| backbones qwen2_5_vl_7b eager | OutOfMemoryError: 16 GiB \\| 15 GiB |" in text
    assert "| stage tensorrt | cut at its limit |" in text


def test_the_document_has_the_marks() -> None:
    assert BEGIN in written({"card": "Card X", "rows": ROWS}, DOCUMENT.read_text())


@pytest.mark.parametrize("card", ["no GPU: dry run", "torch finds no GPU", "unknown: the inventory did not run"])
def test_a_run_without_a_gpu_is_refused(card: str) -> None:
    with pytest.raises(SystemExit, match="needs a GPU's name"):
        written({"card": card, "rows": ROWS}, f"{BEGIN}\n{END}")
