"""What the command line of the monitor accepts, and how curves remember; the page itself runs in test/system."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.monitor.plots import SPAN, History
from neon_control.tools import cli


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "70000"], "--port: needs a whole number from 1 to 65535, got '70000'"),
        (["--domain", "300"], "--domain: needs a whole number from 0 to 232, got '300'"),
        (["--audio-rate", "0"], "needs a whole number, 1 or more"),
        (["--host", "192.0.2.1"], "--host: needs an address of this computer, got '192.0.2.1'"),
    ],
)
def test_nonsense_is_refused_before_anything_starts(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["monitor", *arguments])
    assert complaint in capsys.readouterr().err


def test_a_robot_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["monitor", "--robot", "nowhere.yaml"]) == 2
    assert "no such file: nowhere.yaml" in capsys.readouterr().err


def test_the_help_shows_how_to_reach_a_robot_from_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["monitor", "--help"])
    assert "ssh -L 8080:127.0.0.1:8080" in capsys.readouterr().out


def test_curves_hold_the_last_half_minute_and_a_gap_where_nothing_came() -> None:
    history = History(rate=1.0, columns=2)
    for second in range(100):
        history.add(float(second), (second if second != 95 else None, 1.0))
    times, values = history.curves(99.0, (0,))
    assert times[0] == -SPAN
    assert times[-1] == 0.0
    assert values[-1] == 99.0
    assert np.isnan(values[-5])
    assert np.count_nonzero(np.isnan(values)) == 1
