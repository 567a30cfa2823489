"""What keeps the driver from having the arms."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Why the arms are not taken, or given back."""

    cause: str  # short and stable, for diagnostics and docs/g1.md
    text: str  # what was found, and what was needed
    latched: bool = False  # it does not end by itself: somebody has to look, and call ~/engage
    damping: bool = False  # the arms are in something's way: less stiffness
