"""`neon_control teleop`: what it needs is said before ROS starts, and its help teaches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neon_control.tools.cli import main


def test_the_help_says_what_letting_go_means_and_names_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["teleop", "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    for word in ("dead-man", "stops and stands", "give back", "space", "relative", "joy_node", "--map"):
        assert word in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("joints: {nose: {}}", "nose"), ("joints: {left_elbow_joint: {scale: far}}", "scale"), ("tpoic: x", "tpoic")],
)
def test_a_wrong_map_is_refused_by_file_and_field(tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "arm.yaml"
    file.write_text(text)
    assert main(["teleop", "--source", "leader", "--map", str(file), "--robot", "g1.yaml"]) == 2
    error = capsys.readouterr().err
    assert said in error and ("arm.yaml" in error or said == "nose")


def test_keys_have_no_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "arm.yaml").write_text("{}")
    assert main(["teleop", "--source", "keyboard", "--map", str(tmp_path / "arm.yaml")]) == 2
    assert "--map is for" in capsys.readouterr().err


@pytest.mark.system
def test_without_a_terminal_keys_are_no_button(ros_domain_id: int) -> None:
    command = [sys.executable, "-m", "neon_control.tools.cli", "teleop", "--source", "keyboard"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "no terminal" in done.stderr
