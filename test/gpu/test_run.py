"""The whole run, dry: every stage ends well and has its rows, the tables come, and nothing of it can become a GPU's figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from document import BEGIN, END, written
from gather import read_rows

RUN = Path(__file__).with_name("run.sh")


def run(out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHON": sys.executable, "WHEELS": str(out / "none"), **environment}
    return subprocess.run([RUN, "--dry-run", out], env=given, capture_output=True, text=True, check=False, timeout=170)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_dry_run_goes_through_every_stage_and_prints_its_tables(tmp_path: Path) -> None:
    result = run(tmp_path)
    rows = read_rows(tmp_path / "rows.jsonl")
    ended = {row["name"]: row["code"] for row in rows if row.get("stage") == "stages"}
    assert set(ended.values()) == {"0"} and len(ended) == 9, (ended, (tmp_path / "log.txt").read_text()[-2000:])
    assert [row["error"] for row in rows if "error" in row] == []
    for title in ("no GPU: dry run", "Heads", "Backbones", "image to chunk", "Training", "Tests"):
        assert title in result.stdout
    assert {row["model"] for row in rows if row.get("stage") == "backbones"} == {n for n in ended if n.startswith(("vjepa", "qwen"))}
    with pytest.raises(SystemExit, match="needs a GPU's name"):
        written(json.loads((tmp_path / "gpu.json").read_text()), f"{BEGIN}\n{END}")


def test_without_time_every_stage_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    result = run(tmp_path, LIMIT="0")
    assert result.stdout.count("left out: no time") == 9 and (tmp_path / "gpu.json").is_file()


def test_a_line_that_was_cut_is_left_out_and_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text('{"stage": "path"}\n{"stage": "pa')
    assert read_rows(tmp_path / "rows.jsonl") == [{"stage": "path"}]
    assert "no JSON" in capsys.readouterr().out
