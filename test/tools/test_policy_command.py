"""`neon_control policy show` and `verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from policies import write_policy

from neon_control.tools.cli import EXIT_USAGE, main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    write_policy(folder, "upper_body")
    return folder


def test_show_prints_what_a_person_asks_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", str(folder)]) == 0
    out = capsys.readouterr().out
    for text in (
        "unitree_g1, mode upper_body: 17 joints and a base",
        "16 steps of 20 ms",
        "efficientnet_lite0",
        "head.mlp_hidden",
        "training.seed",
    ):
        assert text in out
    assert out.count("SHA-256") == 2


def test_show_as_json_is_the_whole_description(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "--json", str(folder)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["mode"] == "upper_body" and len(data["joint_names"]) == 17


def test_verify_runs_the_policy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "verify", str(folder)]) == 0
    assert "observation to chunk: " in capsys.readouterr().out


def test_a_changed_file_fails_both(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("policy.yaml", "action_layer.onnx", "action_layer.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes() + (b" " if name.endswith("onnx") else b""))
    for action in ("show", "verify"):
        assert main(["policy", action, str(tmp_path)]) == EXIT_USAGE
        assert "action_layer.onnx is corrupt or was changed" in capsys.readouterr().err
