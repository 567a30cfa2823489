"""`neon_control heads` prints the specification's table."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

from neon_control.tools import cli
from neon_control.tools.heads import COLUMNS


@pytest.fixture(scope="module")
def lines():
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert cli.main(["heads", "--repeat", "3"]) == 0
    return output.getvalue().splitlines()


def cells(lines, head):
    (line,) = [line for line in lines if line.startswith(head)]
    return re.split(r"\s{2,}", line)


def test_has_a_column_for_everything_the_specification_compares(lines):
    assert re.split(r"\s{2,}", lines[0]) == list(COLUMNS)


@pytest.mark.parametrize(
    ("head", "parameters", "multi_modal", "linked"),
    [
        ("MLPDecoder", 1.5e6, "no", "none"),
        ("ActionChunkingHead", 1.5e6, "no", "step embeddings"),
        ("FlowMatchingHead", 4e6, "yes", "none"),
        ("DiTActionHead", 6e6, "yes", "self-attention"),
        ("EnsembleHead", 13e6, "yes", "self-attention"),
    ],
)
def test_rows_say_size_latency_and_abilities(lines, head, parameters, multi_modal, linked):
    row = cells(lines, head)
    assert int(row[1].replace(",", "")) == pytest.approx(parameters, rel=0.15)
    assert 0.0 < float(row[2]) < 1000.0
    assert row[4:6] == [multi_modal, linked]
    assert ("4 steps" in row) == (multi_modal == "yes")


def test_a_state_relative_head_adds_nothing(lines):
    assert cells(lines, "StateRelativeHead")[1] == "+0"
