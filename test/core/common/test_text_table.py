"""Tables of text."""

from __future__ import annotations

from neon_control.core.common.text_table import markdown_table, table


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    assert table(("name", "ms"), [("a", "1.25"), ("longer", "10")], numeric=[1]).splitlines() == [
        "name      ms",
        "------  ----",
        "a       1.25",
        "longer    10",
    ]


def test_markdown_has_a_rule_below_the_headings() -> None:
    assert markdown_table(("name", "count"), [("a", 1), ("b", 2)]).splitlines() == [
        "| name | count |",
        "|---|---|",
        "| a | 1 |",
        "| b | 2 |",
    ]
