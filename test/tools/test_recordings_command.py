"""`neon_control recordings`: a table of what is there, the right exit code, and an export that can be read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bag_writer import BagWriter, image, joint_state, text
from lerobot_set import JOINTS, write_arm, write_set
from taught_bags import write_lesson

from neon_control.core.robot.robot_file import load_robot
from neon_control.tools.cli import main

NAMES = tuple(load_robot("g1.yaml").parts["arms"])


def write(path: Path, camera: bool = True) -> Path:
    with BagWriter(path) as bag:
        for tick in range(200):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [0.001 * tick] * len(NAMES)))
            if tick == 95:
                bag.write("begin", t, text("again"))
            if camera and tick % 10 == 5:
                bag.write("camera/image_raw", t, image(t, np.full((32, 32, 3), tick, np.uint8)))
    return path


def test_bags_are_listed_with_their_problems_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "bags" / "good")
    write(tmp_path / "bags" / "blind", camera=False)
    out = tmp_path / "set"
    assert main(["recordings", str(tmp_path / "bags"), "--boundary", "begin", "--export-lerobot", str(out), "--task", "wave"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ") and lines[0].split()[:3] == ["Recording", "Verdict", "Episodes"]
    assert lines[2].split() == ["blind", "bad", "0", "0.0", "0", "0.0", "0.0", "1"]
    assert lines[3].split() == ["good", "2", "bad", "2", "1.9", "20", "10.0", "100.0", "3"], "its images are of one colour"
    assert any(line.startswith("bad") and "100 % of the images are black or of one colour" in line for line in lines[4:])
    assert any(line.startswith("blind") and "no topic ['camera/image_raw']" in line for line in lines[4:])
    assert "1 of 2 recordings are usable: 20 samples" in lines
    assert lines[-1] == f"{out}: 2 episodes, 20 frames at 10 Hz"
    assert main(["recordings", str(out)]) == 0
    assert "2 of 2 recordings are usable: 20 samples" in capsys.readouterr().out


def test_an_export_has_every_camera_of_the_robot_file_or_those_that_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = str(write_arm(tmp_path, cameras=("front", "wrist", "hand")))
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(200):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, JOINTS, [0.001 * tick] * 3))
            for camera in ("front", "wrist") if tick % 10 == 5 else ():
                bag.write(f"{camera}/image_raw", t, image(t, np.full((32, 32, 3), tick, np.uint8)))
    command = ["recordings", str(tmp_path / "bag"), "--robot", robot, "--export-lerobot"]
    assert main([*command, str(tmp_path / "all")]) == 1
    out = capsys.readouterr().out
    assert "not exported, 1 recordings: bag: no topic ['hand/image_raw']" in out and "--cameras names fewer" in out
    assert main([*command, str(tmp_path / "two"), "--cameras", "wrist", "front"]) == 0
    features = json.loads((tmp_path / "two/meta/info.json").read_text())["features"]
    assert [k for k in features if "images" in k] == ["observation.images.wrist", "observation.images.front"]
    assert main(["recordings", str(tmp_path / "two"), "--robot", robot]) == 0, "what was written is read with the same robot file"
    assert main([*command, str(tmp_path / "none"), "--cameras", "top"]) == 2
    assert "--cameras are ['top'], but robot my_arm has ['front', 'wrist', 'hand']" in capsys.readouterr().err


def test_where_nothing_is_usable_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "blind", camera=False)
    assert main(["recordings", str(tmp_path)]) == 1
    assert "there is nothing to train on" in capsys.readouterr().err
    assert main(["recordings", str(tmp_path / "nothing")]) == 2
    assert "no such file or folder: " in capsys.readouterr().err


def test_the_same_problem_of_many_episodes_is_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path / "set", names=None)
    assert main(["recordings", str(tmp_path / "set"), "--robot", "g1.yaml"]) == 1
    rows = [line for line in capsys.readouterr().out.splitlines() if "recording.lerobot.images" in line]
    assert len(rows) == 1 and rows[0].split()[:3] == ["set/episode_000000", "2", "2"] and rows[0].endswith("also in set/episode_000001")


def test_one_set_that_cannot_be_read_does_not_end_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def no_place(rows: list[dict[str, Any]]) -> None:
        rows[0]["data/chunk_index"] = rows[1]["length"] = None

    write(tmp_path / "good")
    write_set(tmp_path / "bad", edit_episodes=no_place)
    write_set(tmp_path / "worse", edit_info=lambda info: info.update(features=[1]))
    assert main(["recordings", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1 of 4 recordings are usable: 20 samples" in out
    assert "length must be a whole number >= 0, got None" in out and "features must be a mapping, got [1]" in out


def test_json_alone_on_stdout_a_report_that_needs_no_other_file_and_a_list_that_training_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, changes in enumerate(({}, {}, {"black": True}, {"gap": (1.0, 1.4)})):
        write_lesson(tmp_path / "bags" / f"take_{number}", seed=number, seconds=3.0, **changes)
    files = {name: tmp_path / name for name in ("report.html", "bad.yaml")}
    given = ["recordings", str(tmp_path / "bags"), "--html", str(files["report.html"]), "--exclude", str(files["bad.yaml"])]
    assert main([*given, "--json", "-"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["summary"] | {"seconds": 0} == {"episodes": 4, "good": 2, "doubtful": 1, "bad": 1, "seconds": 0, "samples": 232}
    assert [e["verdict"] for e in found["episodes"]] == ["good", "good", "bad", "doubtful"]
    assert found["episodes"][0]["labels"]["lag_s"] == pytest.approx(0.08, abs=0.002)
    assert set(found["episodes"][0]["motion"]["used"]) == set(NAMES) and found["problems"][0]["count"] == 1
    assert "4 episodes: 2 good, 1 doubtful, 1 bad" in captured.err and "take_2" in captured.err
    page = files["report.html"].read_text()
    assert page.count("data:image/png") == 5 and page.count("data:image/jpeg") == 24  # of the set and each episode; strips of six
    assert page.count('class="episode"') == 4 and 'src="http' not in page and "<script" not in page
    assert yaml.safe_load(files["bad.yaml"].read_text()) == {
        "exclude": [{"recording": "take_2", "reason": "camera/image_raw: 100 % of the images are black or of one colour"}]
    }
    assert main([*given, "--strict"]) == 0
    assert [e["recording"] for e in yaml.safe_load(files["bad.yaml"].read_text())["exclude"]] == ["take_2", "take_3"]
    with pytest.raises(SystemExit):
        main(["recordings", str(tmp_path / "bags"), "--html", str(tmp_path / "no" / "report.html")])


def test_a_long_list_shows_what_somebody_should_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr("neon_control.tools.recordings.LISTED", 2)
    for number, changes in enumerate(({}, {}, {"black": True})):
        write_lesson(tmp_path / "bags" / f"take_{number}", seed=number, seconds=3.0, **changes)
    assert main(["recordings", str(tmp_path / "bags")]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[2].startswith("take_2") and lines[3] == "... and 2 recordings that are good"
