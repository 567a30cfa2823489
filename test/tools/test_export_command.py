"""`neon_control export` writes a policy that loads, says what it costs, and refuses what it cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from policies import write_policy

from neon_control.runtime.policy.policy_file import read_policy_file
from neon_control.tools.cli import EXIT_USAGE, main


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies") / "source"
    write_policy(folder)
    return folder


@pytest.fixture(scope="module")
def exported(source: Path) -> Path:
    out = source.parent / "small"
    assert main(["export", str(source), "--out", str(out), "--weights", "int8", "--samples", "5"]) == 0
    return out


def test_the_new_policy_is_verified_and_differs_only_in_its_weights(source: Path, exported: Path) -> None:
    old, new = read_policy_file(source), read_policy_file(exported)
    assert (old.name, old.weights) == ("source", "float16") and (new.name, new.weights) == ("small", "int8")
    assert new.space.joint_names == old.space.joint_names and new.action_layer == old.action_layer and new.training == old.training


def test_the_table_has_size_error_and_latency_of_both(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(source), "--out", str(tmp_path / "wide"), "--samples", "5"]) == 0
    lines = {line.split()[0]: re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines() if line.startswith("/")}
    old, new = lines[str(source)], lines[str(tmp_path / "wide")]
    assert old[1] == "float16" and new[1] == "float32" and float(new[2]) > 1.5 * float(old[2])
    for cells in (old, new):
        assert 0.0 <= float(cells[4]) <= float(cells[3]) < 1e-5  # the same numbers, wide or narrow
        p50, p99 = map(float, cells[6].split(" / "))
        assert 0.0 < p50 <= p99


def test_what_exists_is_not_overwritten_and_no_other_folder_ever(
    source: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (exported / "policy.yaml").read_bytes()
    assert main(["export", str(source), "--out", str(exported)]) == EXIT_USAGE
    assert "exists; choose another --out, or --force" in capsys.readouterr().err
    assert (exported / "policy.yaml").read_bytes() == before
    (tmp_path / "letter.txt").write_text("dear diary")
    assert main(["export", str(source), "--out", str(tmp_path), "--force"]) == EXIT_USAGE
    assert (tmp_path / "letter.txt").exists()


def test_int8_is_the_end_of_the_line(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(exported), "--out", str(tmp_path / "back")]) == EXIT_USAGE
    assert "int8 weights, which cannot be turned back" in capsys.readouterr().err
    assert not (tmp_path / "back").exists()


def test_forward_only_is_asked_for_and_says_the_same_while_nothing_is_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(tmp_path / "flow", head_type="flow", head_options={"hidden_dim": 32})
    out = tmp_path / "forward"
    given = ["--weights", "float16", "--forward-only", "--samples", "3"]
    assert main(["export", str(tmp_path / "flow"), "--out", str(out), *given]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(str(out)))
    assert float(re.split(r"\s{2,}", line)[3]) < 1e-5  # [rad] from its source
    assert read_policy_file(out).forward_only
    assert main(["policy", "show", str(out)]) == 0
    assert "starts from what is under way (forward-only)" in capsys.readouterr().out
    assert main(["export", str(out), "--out", str(tmp_path / "again"), "--samples", "3"]) == 0, "and stays so"
    assert read_policy_file(tmp_path / "again").forward_only
