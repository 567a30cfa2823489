"""What is wrong with a bag, in one line, for commands that go on with the rest of it."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm


def print_problem(path: Path, where: str, text: str, seconds: float | None) -> None:
    """Print it without breaking a progress bar; for `Bag`'s argument `on_problem`.

    Args:
        path: the bag, as it was given.
        where: a topic or a file of it, or nothing.
        seconds: [s] since the bag's begin; None: all of it.
    """
    place = " ".join(part for part in (str(path), where) if part)
    tqdm.write(f"{place}: {'' if seconds is None else f'at {seconds:.3f} s: '}{text}", file=sys.stderr)
