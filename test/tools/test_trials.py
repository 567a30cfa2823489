"""`neon_control trials` on sixty recordings of two policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trial_bags import Attempt, two_policies, write_attempt

from neon_control.tools import cli


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_policies(tmp_path_factory.mktemp("trials"), seed=3)


def test_sixty_recordings_of_two_policies_are_counted_and_compared(sixty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    assert cli.main(["trials", str(sixty), "--compare", "old", "new", "--html", str(page), "--json", str(figures)]) == 0
    told = capsys.readouterr().out
    document = json.loads(figures.read_text())
    rows = document["trials"]
    good = {p: sum(r["outcome"] == "success" for r in rows if r["policy"] == p) for p in ("old", "new")}
    assert len(rows) == 60 and {r["robot"] for r in rows} == {"arm6", "arm6_left"}
    assert all(f"{good[p]}/30" in told for p in good)
    assert document["comparison"]["success"]["difference"] == pytest.approx((good["new"] - good["old"]) / 30)
    assert "new against old" in told and "took turns" in told
    text = page.read_text()
    assert text.count('class="card ') == 60 and text.count("neon_control replay ") == 60 and text.count("image/jpeg") == 120
    assert "http://" not in text and "https://" not in text  # it needs no other file


@pytest.mark.system
@pytest.mark.patient
@pytest.mark.slow
def test_the_report_opens_to_the_command_that_replays_an_attempt_in_a_browser(sixty: Path, tmp_path: Path) -> None:
    from browser import Browser

    page = tmp_path / "report.html"
    cli.main(["trials", str(sixty), "--compare", "old", "new", "--html", str(page)])
    browser = Browser((1280, 1400))
    try:
        browser.open(page.as_uri())
        browser.until_text("60 trials of 2 policies", "points", "dropped it")
        assert "neon_control replay" not in browser.text
        browser._script("document.querySelector('.card summary').click()")
        browser.until_text("neon_control replay")
        assert not browser.errors()
    finally:
        browser.close()


def test_what_cannot_be_read_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_attempt(tmp_path / "episode_00001", Attempt(closed=False))
    (tmp_path / "bag.mcap").write_bytes(b"nothing")
    assert cli.main(["trials", str(tmp_path)]) == 1  # nobody said how it went
    out, errors = capsys.readouterr()
    assert "left out" in errors and "bag.mcap" in errors and " 1\n" in out


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    assert cli.main(["trials", str(tmp_path)]) == 2
    assert cli.main(["trials", str(tmp_path / "nowhere")]) == 2
