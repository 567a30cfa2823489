"""What a person would trip over when tests and commands run elsewhere than in a terminal: Ctrl-C, progress bars."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_tests_can_press_ctrl_c_where_a_shell_has_it_ignored() -> None:
    """`nohup make test &` and many CI runners start it so; three tests of Ctrl-C failed there."""
    tests = ["test/nodes/test_processes.py", "-k", "ctrl_c or signal or stop", "-q", "-p", "no:cacheprovider"]
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "pytest", *tests]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0 and " passed" in result.stdout, result.stdout + result.stderr


def test_every_progress_bar_is_for_terminals_only() -> None:
    """A log file held hundreds of lines of bars."""
    bars = []
    for file in sorted((ROOT / "neon_control").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tqdm":
                disable = next((k.value for k in node.keywords if k.arg == "disable"), None)
                bars.append((f"{file.name}:{node.lineno}", disable is not None and "None" in ast.unparse(disable)))

    assert len(bars) > 10 and [place for place, terminal_only in bars if not terminal_only] == []
