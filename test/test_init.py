"""The front door: what `import neon_control` gives, that it costs nothing, and that documentation and type checkers know the same names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import neon_control

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(set(neon_control.__all__) - {"__version__"})
HEAVY = {"numpy", "yaml", "onnxruntime", "rclpy", "torch", "neon_control.core"}


def test_importing_the_package_loads_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import neon_control; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert "neon_control" in loaded
    assert HEAVY.isdisjoint(loaded)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(neon_control, name).__doc__
    assert name in dir(neon_control)


def test_type_checkers_know_the_names_that_there_are() -> None:
    tree = ast.parse(Path(neon_control.__file__).read_text())
    known = [alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname]

    assert sorted(known) == NAMES


def test_the_page_of_the_public_interface_names_all_of_it() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "api.md").read_text(), flags=re.MULTILINE)

    assert sorted(documented) == NAMES


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Polcy'; its public names are \['ActionChunk'"):
        _ = neon_control.Polcy
