"""What the demo's command line accepts; the page itself runs in test/system."""

from __future__ import annotations

import pytest

from neon_control.tools import cli


@pytest.mark.parametrize("arguments", [["--episodes", "0"], ["--seed", "-1"], ["--width", "nine"]])
def test_nonsense_on_the_command_line_is_refused_before_anything_starts(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", *arguments])
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_missing_folder_for_the_figures_is_found_at_once_not_after_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", "--headless", "--json", "no/such/folder/out.json"])
    assert caught.value.code == 2
    assert "--json: needs a file in a folder that exists, got 'no/such/folder/out.json'" in capsys.readouterr().err


def test_a_missing_parameter_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--headless", "--params-file", "nowhere.yaml"]) == 2
    assert "no such file: nowhere.yaml" in capsys.readouterr().err
