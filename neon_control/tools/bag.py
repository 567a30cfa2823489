"""The bag of a command line, and what is wrong with it, for commands that go on with the rest."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from neon_control.recordings.bag.bag_file import Bag
from neon_control.tools.arguments import not_negative, positive


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """The options from which `open_bag` opens it, and where the nodes' parameters come from."""
    parser.add_argument("bag", type=Path, metavar="PATH", help="the bag: its folder, or a single file of it")
    parser.add_argument("--start", type=not_negative, default=0.0, metavar="S", help="begin this long after the bag's begin (default: 0)")
    text = "end after this long in bag time (default: at the bag's end)"
    parser.add_argument("--duration", type=positive, default=math.inf, metavar="S", help=text)
    text = "take the nodes' parameters from the bag instead of the parameter file"
    parser.add_argument("--recorded-parameters", action="store_true", help=text)


@contextmanager
def open_bag(args: argparse.Namespace) -> Iterator[Bag]:
    """As much of the bag as was asked for; its problems are printed without breaking a progress bar."""

    def print_problem(where: str, text: str, seconds: float | None) -> None:
        place = " ".join(part for part in (str(args.bag), where) if part)
        tqdm.write(f"{place}: {'' if seconds is None else f'at {seconds:.3f} s: '}{text}", file=sys.stderr)

    with Bag(args.bag, print_problem) as bag:
        bag.cut(args.start, args.duration)
        yield bag
