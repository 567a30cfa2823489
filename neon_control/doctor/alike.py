"""Reasons of many episodes that differ in numbers only, as one row each."""

from __future__ import annotations

from collections.abc import Sequence

from neon_control.doctor.verdict import VERDICTS, Judged
from neon_control.recordings.reading import NUMBER

Row = tuple[str, int, str, list[int]]  # verdict, how many episodes, the first one's words, numbers of the episodes


def reason_rows(judged: Sequence[Judged]) -> list[Row]:
    """The rows, bad ones first, and of those the frequent ones."""
    found: dict[tuple[str, str], tuple[str, list[int]]] = {}
    for number, episode in enumerate(judged):
        for reason in episode.reasons:
            same = reason.text.split(" as ")[0] if reason.text.startswith("the same as ") else NUMBER.sub("#", reason.text)
            _, numbers = found.setdefault((reason.verdict, same), (reason.text, []))
            if not numbers or numbers[-1] != number:
                numbers.append(number)
    rows = [(verdict, len(numbers), text, numbers) for (verdict, _), (text, numbers) in found.items()]
    return sorted(rows, key=lambda row: (-VERDICTS.index(row[0]), -row[1]))
