"""Who may import what: the rules in pyproject.toml hold, they would notice a breach, and processes load only what they need."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in `folder`, by the rules of the folder's pyproject.toml."""
    return subprocess.run([LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_every_import_rule_is_kept() -> None:
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("core/control/chunk.py", "import rclpy", "core: numpy and yaml only"),
        ("model/fusion.py", "from neon_control.runtime.compute import binding", "rooms: imports go down"),
        ("runtime/encoders/vision.py", "def f():\n    import torch", "runtime and nodes: ONNX Runtime"),
        ("nodes/chunk_messages.py", "import onnxruntime", "the executor's process"),
        ("sim/world.py", "from neon_control.runtime.encoders import vision", "sim: core, nodes and speech"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path: Path, file: str, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "neon_control", tmp_path / "neon_control", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "neon_control" / file).open("a") as source:
        source.write(f"\n\n{line}\n")

    result = lint(tmp_path)

    broken = [text for text in result.stdout.splitlines() if " BROKEN" in text]
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(text.startswith(contract) for text in broken), result.stdout


def test_core_imports_only_the_standard_library_numpy_and_yaml() -> None:
    graph = grimp.build_graph("neon_control", include_external_packages=True, cache_dir=None)
    core = graph.find_descendants("neon_control.core") | {"neon_control.core"}
    imported = {name.split(".")[0] for module in core for name in graph.find_modules_directly_imported_by(module)}

    assert imported - sys.stdlib_module_names - {"neon_control"} <= {"numpy", "yaml"}
    assert "numpy" in imported


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("neon_control.tools.cli", {"numpy", "mujoco", "onnxruntime", "rclpy", "torch"}),
        ("neon_control.nodes.executor_node", {"ctranslate2", "faster_whisper", "mujoco", "onnxruntime", "torch"}),
        ("neon_control.nodes.inference", {"mujoco", "torch", "transformers"}),
        ("neon_control.tools.teleop", {"ctranslate2", "mujoco", "onnxruntime", "torch"}),
        ("neon_control.sim.sim_node", {"ctranslate2", "onnxruntime", "torch"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, unwanted: set[str]) -> None:
    program = f"import importlib, sys; importlib.import_module({module!r}); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert module in result.stdout.split()
    assert unwanted.isdisjoint(result.stdout.split())
