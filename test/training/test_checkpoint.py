from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from neon_control.training.checkpoint import newest_checkpoint, save_checkpoint  # noqa: E402


def test_what_a_run_left_that_died_while_writing_is_removed_by_the_next_checkpoint(tmp_path: Path) -> None:
    cut_off = tmp_path / ".step-00000137.part"
    cut_off.mkdir()
    (cut_off / "state.safetensors").write_bytes(b"half")
    save_checkpoint(tmp_path, 100, {"a": torch.ones(2)}, {}, "")
    assert [f.name for f in tmp_path.iterdir()] == ["step-00000100"]
    step, state = newest_checkpoint(tmp_path, {}, "") or (0, {})
    assert step == 100 and state["a"].tolist() == [1.0, 1.0]
