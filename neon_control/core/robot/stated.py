"""A value of a drafted robot file, with what a person has to know or decide of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stated:
    """A value as it is written, and what a person has to decide of it, in words; empty: nothing."""

    value: Any
    decide: str = ""
    note: str = ""  # to know, not to decide
