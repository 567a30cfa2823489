"""Which pairs are measured: the ones that can meet and need not; the answer is kept, and made anew when anything changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neon_control.core.control.clearance import ClearanceGuard
from neon_control.core.robot import touching
from neon_control.core.robot.clearance_settings import ClearanceSettings
from neon_control.core.robot.robot_file import load_robot

G1 = replace(load_robot("g1.yaml"), clearance=ClearanceSettings())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "neon_control" / "clearance"


def pairs() -> set[frozenset[str]]:
    return {frozenset(pair) for pair in ClearanceGuard(G1, G1.parts["arms"], 0.01).pairs}


def test_hands_can_meet_arms_and_torso_but_no_feet() -> None:
    found = pairs()

    assert frozenset(("left_rubber_hand", "right_elbow_link")) in found
    assert frozenset(("left_rubber_hand", "torso_link")) in found
    assert not any("left_ankle_roll_link" in pair for pair in found)


def test_the_answer_is_read_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pairs()
    monkeypatch.setattr(touching, "_sample", lambda *arguments: pytest.fail("sampled anew"))

    assert pairs() == first
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("content", ["", "{}", "[-1]", "[99999]", "null", "[[0]]", '["a"]'])
def test_a_file_that_is_not_ours_is_made_anew(cache: Path, content: str) -> None:
    first = pairs()
    (file,) = cache.iterdir()
    file.write_text(content)

    assert pairs() == first


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert pairs()
