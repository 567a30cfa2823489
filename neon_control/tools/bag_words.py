"""What is wrong with a bag, in one line, for commands that go on with the rest of it."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm


def say_odd(path: Path, where: str, text: str, time: int | None) -> None:
    """Print it without breaking a progress bar; for `Bag`'s argument `odd`.

    Args:
        path: the bag, as it was given.
        where: a topic or a file of it, or nothing.
        time: [ns] when in the bag, in its own time; None: all of it.
    """
    place = " ".join(part for part in (str(path), where) if part)
    tqdm.write(f"{place}: {'' if time is None else f'at {time * 1e-9:.3f} s: '}{text}", file=sys.stderr)
