from __future__ import annotations

from pathlib import Path

from bag_writer import BagWriter, text

from neon_control.recordings.bag.below import bags_below


def test_bags_are_found_once_by_folder_or_by_file_where_their_recorder_died(tmp_path: Path) -> None:
    for name in ("b", "a/c", "cut"):
        with BagWriter(tmp_path / name) as bag:
            bag.write("words", 0.0, text("x"))
    (tmp_path / "cut" / "metadata.yaml").unlink()
    (tmp_path / "again").symlink_to(tmp_path / "a")
    found = bags_below([tmp_path, tmp_path / "b"])
    assert [f.relative_to(tmp_path).parts[-1] for f in found] in (["c", "b", "cut.mcap"], ["b", "c", "cut.mcap"])
    assert bags_below([tmp_path / "cut" / "cut.mcap"]) == [tmp_path / "cut" / "cut.mcap"]
