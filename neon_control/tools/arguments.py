"""Values on the command line: what argparse's `type` may be, so that a wrong one is refused at once, with what it needs to be."""

from __future__ import annotations

import argparse
import contextlib
import math
import operator
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neon_control.core.common.registry import import_plugins

IMAGE_SIZES = (16, 4096)  # [pixels] of a side, that the simulated camera has
_ROS_NAME = re.compile(r"(~?/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?|/?")


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """The option with which a tool that loads policies knows heads and backbones of the user's own."""
    text = "Python modules to import first: heads and backbones of your own"
    parser.add_argument("--plugins", nargs="+", action=_Import, metavar="MODULE", help=text)


def add_page(parser: argparse.ArgumentParser) -> None:
    """The options that say where a browser page is served."""
    text = "address of the page; 0.0.0.0 shows it to the network, to who has the token that is printed (default: %(default)s)"
    parser.add_argument("--host", type=own_address, default="127.0.0.1", help=text)
    parser.add_argument("--port", type=whole(1, 65535), default=8080, help="port of the page, or the next free one (default: %(default)s)")
    text = "names of this computer by which browsers ask for the page; its address needs none"
    parser.add_argument("--name", nargs="+", default=(), metavar="NAME", help=text)


class _Import(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: object, values: Any, option: str | None = None) -> None:
        import_plugins(values)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number from `least` on, up to `most` if given."""
    needed = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"

    def convert(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", text) or int(text) < least or (most is not None and int(text) > most):
            raise argparse.ArgumentTypeError(f"needs {needed}, got {text!r}")
        return int(text)

    return convert


def positive(text: str) -> float:
    """A finite number above 0."""
    return _number(text, "a number above 0", operator.gt)


def not_negative(text: str) -> float:
    """A finite number, 0 or more."""
    return _number(text, "a number, 0 or more", operator.ge)


def _number(text: str, needed: str, compare: Callable[[float, float], bool]) -> float:
    with contextlib.suppress(ValueError):
        value = float(text)
        if math.isfinite(value) and compare(value, 0.0):
            return value
    raise argparse.ArgumentTypeError(f"needs {needed}, got {text!r}")


def ros_name(text: str) -> str:
    """A topic or a namespace; empty is the root."""
    if not _ROS_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"needs letters, digits and _ between slashes, got {text!r}")
    return text


def new_file(text: str) -> Path:
    """A file to write at the end: better refused before the work than after it."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"needs a file in a folder that exists, got {text!r}")
    return path


def own_address(text: str) -> str:
    """An address of this computer, to serve on."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(text, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"needs an address of this computer, got {text!r}: {error.strerror}") from error
    return text
