"""The name that was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A question that ends an error message, or nothing where no name is near."""
    near = get_close_matches(given, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
