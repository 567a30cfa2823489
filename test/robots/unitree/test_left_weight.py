"""The weight that a driver leaves when it is killed, and a successor finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.left_weight import LeftWeight, folder


def test_nothing_is_found_where_nothing_was_left(tmp_path: Path) -> None:
    left = LeftWeight(tmp_path / "new" / "robot")
    assert left.found == 0.0
    left.note(0.5)

    again = LeftWeight(tmp_path / "new" / "robot")
    assert again.found == 0.5
    again.note(0.0)
    assert LeftWeight(tmp_path / "new" / "robot").found == 0.0


def test_it_survives_a_process_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from neon_control.robots.unitree.left_weight import LeftWeight
LeftWeight(Path({str(tmp_path / "robot")!r})).note(0.875)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert LeftWeight(tmp_path / "robot").found == 0.875


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\0" * 6 + b"\x45\x40"])
def test_a_file_with_something_else_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "robot").write_bytes(content)
    assert LeftWeight(tmp_path / "robot").found == 0.0


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"important")
    os.symlink(tmp_path / "other", tmp_path / "robot")

    with pytest.raises(ConfigError, match="the weight cannot be kept for a successor"):
        LeftWeight(tmp_path / "robot")
    assert (tmp_path / "other").read_bytes() == b"important"


def test_without_a_file_it_is_kept_for_this_process_alone() -> None:
    left = LeftWeight(None)
    left.note(0.5)
    assert left.found == 0.5 and LeftWeight(None).found == 0.0


def test_the_folder_is_the_users_own() -> None:
    assert folder({"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/neon_control")
    assert folder({"ROS_HOME": "/data/ros"}) == Path("/data/ros/neon_control")
    assert folder({}) == Path.home() / ".ros" / "neon_control"
