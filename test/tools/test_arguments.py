"""Values on the command line: what makes no sense is refused before any work, with what was given and what is needed."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neon_control.tools.arguments import new_file, not_negative, own_address, positive, ros_name, whole


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (whole(1), "1", 1),
        (whole(0, 232), "232", 232),
        (positive, "0.5", 0.5),
        (not_negative, "0", 0.0),
        (ros_name, "", ""),
        (ros_name, "/", "/"),
        (ros_name, "/left/arm_1", "/left/arm_1"),
        (ros_name, "~/episode", "~/episode"),
    ],
)
def test_what_makes_sense_is_taken(convert: Callable[[str], Any], text: str, value: object) -> None:
    assert convert(text) == value


@pytest.mark.parametrize(
    ("convert", "text"),
    [
        (whole(1), "0"),
        (whole(1), "1.5"),
        (whole(1), "many"),
        (whole(0, 232), "233"),
        (positive, "0"),
        (positive, "inf"),
        (positive, "nan"),
        (not_negative, "-1"),
        (not_negative, "soon"),
        (ros_name, "a b"),
        (ros_name, "/a//b"),
        (ros_name, "1a"),
        (own_address, "203.0.113.7"),  # kept for documentation: nobody's
    ],
)
def test_what_makes_no_sense_is_refused_with_what_is_needed(convert: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"^needs .*, got '"):
        convert(text)


def test_a_file_that_cannot_be_written_at_the_end_is_refused_at_the_beginning(tmp_path: Path) -> None:
    assert new_file(str(tmp_path / "out.json")) == tmp_path / "out.json"
    for wrong in (tmp_path, tmp_path / "missing" / "out.json"):
        with pytest.raises(argparse.ArgumentTypeError, match="a folder that exists"):
            new_file(str(wrong))


def test_a_port_that_is_taken_does_not_make_the_address_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert own_address("127.0.0.1") == "127.0.0.1"
