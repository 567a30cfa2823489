"""One thing is wrong with each bag, and its verdict says just that; the same for LeRobot datasets, and for several episodes in a bag."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bag_writer import BagWriter, image, joint_state, text, trajectory
from lerobot_set import SPACE, write_set
from taught_bags import CAMERA, NAMES, WRIST, Lesson, angles, picture, write_lesson

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.doctor.examination import Examined, Look, examine, judged_together
from neon_control.doctor.verdict import BAD, DOUBTFUL, GOOD
from neon_control.recordings.bag.bag_file import DARK_KEY, METADATA
from neon_control.recordings.chosen import names_of
from neon_control.recordings.finding import find_recordings
from neon_control.recordings.lerobot.export import LeRobotExport
from neon_control.recordings.reading import Report

ROBOT = load_robot("g1.yaml")
G1 = ActionSpace.from_robot(ROBOT, "arms_only")
CONFIG = replace(ROBOT.recording, audio="")


def look_at(path: Path, config: RecordingConfig = CONFIG, space: ActionSpace = G1, look: Look | None = None) -> list[Examined]:
    recordings = find_recordings(path, config)
    looked = look or Look(ROBOT.cameras)
    return [e for _, _, episodes in examine(recordings, names_of(recordings), space, 0.02, 16, looked) for e in episodes]


def told(examined: Examined) -> list[tuple[str, str]]:
    return [(r.verdict, r.text) for r in examined.judged.reasons]


def test_a_good_bag_is_good_and_its_figures_are_those_it_was_written_with(tmp_path: Path) -> None:
    (found,) = look_at(write_lesson(tmp_path / "take", lag=0.13))
    assert told(found) == [] and found.judged.verdict == GOOD and found.judged.samples == 100
    figures = found.figures
    assert figures is not None and figures.labels is not None and figures.motion is not None
    assert figures.labels.lag_s == pytest.approx(0.13, abs=0.002) and figures.labels.gain == pytest.approx(1.0, abs=0.02)
    assert figures.seconds == pytest.approx(4.98, abs=0.02) and figures.motion.idle == 0.0
    assert {n: round(s.rate_hz, 3) for n, s in figures.streams.items()} == {
        CAMERA: 20.0, "joint_states": 100.0, "arm_controller/joint_trajectory": 100.0, "cmd_vel": 100.0
    }  # fmt: skip
    assert figures.skews[f"{CAMERA} to joint_states"].worst_s < 1e-6
    assert figures.pictures[CAMERA].images == 100 and figures.pictures[CAMERA].looked_at == 32
    assert figures.pictures[CAMERA].size == (112, 96) and figures.success is None
    low, high = (G1.lower[0], G1.upper[0] - G1.lower[0])
    assert figures.motion.used[0] == pytest.approx([(0.05 - low) / high, (0.35 - low) / high], abs=0.01)


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"gap": (1.0, 2.5)}, BAD, "camera/image_raw: 31 % of the time without messages"),
        ({"gap": (1.0, 1.4)}, DOUBTFUL, "camera/image_raw: 1 gaps, the longest 0.45 s"),
        ({"jitter": 0.02}, DOUBTFUL, "camera/image_raw: jitter of 20 ms at intervals of 50 ms"),
        ({"frozen_from": 1.0}, BAD, "camera/image_raw: shows the same in 80 % of the times in which joints moved"),
        ({"black": True}, BAD, "camera/image_raw: 100 % of the images are black or of one colour"),
        ({"moves": (0.0, 1.5)}, DOUBTFUL, "nothing moves in 67 % of the time, 3.3 s at the end"),
        ({"moves": (0.0, 0.0)}, DOUBTFUL, "nothing moves at all"),
        ({"wrong_labels": True}, BAD, "the states do not follow the actions: "),
        ({"gain": 0.5}, BAD, "the states go 0.50 times as far as the actions"),
        ({"lag": 0.7}, DOUBTFUL, "the states follow the actions 700 ms later"),
        ({"lag": -0.1}, DOUBTFUL, "the actions come 100 ms after the states"),
        ({"lag": 0.0}, DOUBTFUL, "the actions are the states of the same instant"),
        ({"success": False}, BAD, "labelled as failed"),
        ({"success": True}, GOOD, ""),
    ],
)
def test_what_is_wrong_is_what_is_told(tmp_path: Path, changes: dict[str, Any], verdict: str, words: str) -> None:
    (found,) = look_at(write_lesson(tmp_path / "take", **changes))
    assert found.judged.verdict == verdict, told(found)
    assert [text for v, text in told(found) if v == verdict and text.startswith(words)] or verdict == GOOD, told(found)
    if "frozen_from" not in changes:  # whose images repeat, too
        assert len(told(found)) == (verdict != GOOD), told(found)


def test_a_second_camera_that_is_late_is_told_by_how_much_although_no_sample_needs_it(tmp_path: Path) -> None:
    cameras = (Camera(), Camera("wrist", WRIST))
    for late, verdict in ((0.01, GOOD), (0.2, GOOD), (0.227, GOOD)):  # whole periods later is as near as the one before
        (found,) = look_at(write_lesson(tmp_path / f"take_{late}", wrist_late=late), look=Look(cameras))
        assert found.figures is not None and found.judged.verdict == verdict, told(found)
        expected = min(late % 0.05, 0.05 - late % 0.05)
        assert found.figures.skews[f"{CAMERA} to {WRIST}"].median_s == pytest.approx(expected, abs=1e-6)
        assert found.figures.pictures[WRIST].looked_at == 32


def test_slow_joint_states_are_far_from_the_images(tmp_path: Path) -> None:
    (found,) = look_at(write_lesson(tmp_path / "take", state_hz=6.0))
    assert any(text.startswith(f"{CAMERA} to joint_states: 4") for _, text in told(found)), told(found)


def set_of(folder: Path, *lessons: dict[str, Any]) -> list[Examined]:
    for number, changes in enumerate(lessons):
        write_lesson(folder / f"take_{number}", **{"seed": number, "seconds": 3.0, **changes})
    return look_at(folder)


def test_beside_the_others_a_copy_a_short_and_a_trembling_one_are_found(tmp_path: Path) -> None:
    write_lesson(tmp_path / "a", seed=1, seconds=3.0)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = set_of(tmp_path, *[{}] * 4, {"noise": 0.004}, {"seconds": 0.8}, {"image_hz": 10.0})
    together = {e.name: e for e in judged_together([e.judged for e in found])}
    assert {name: e.verdict for name, e in together.items()} == {
        "a": GOOD, "b": BAD, "take_0": GOOD, "take_1": BAD, "take_2": GOOD, "take_3": GOOD, "take_4": DOUBTFUL, "take_5": DOUBTFUL,
        "take_6": DOUBTFUL,
    }  # fmt: skip
    assert together["b"].reasons[0].text == together["take_1"].reasons[0].text == "the same as a"
    assert together["take_4"].reasons[0].text.startswith("jerk of ")
    assert together["take_5"].reasons[0].text == "lasts 0.8 s, the median 3.0 s"
    assert together["take_6"].reasons[0].text == "10.0 images a second, the median is 20.0"


def test_each_episode_of_a_bag_has_its_own_verdict(tmp_path: Path) -> None:
    good, bad = Lesson(seed=3), Lesson(seed=4, moves=(0.0, 0.0))
    with BagWriter(tmp_path / "day") as bag:
        for tick in range(900):
            t = tick / 100
            lesson, since = (good, t % 3.0) if not 3.0 <= t < 6.0 else (bad, t % 3.0)
            if tick % 300 == 0:
                bag.write("begin", t, text("again"))
            state, command = angles(np.array([since - 0.08, since]), lesson)
            bag.write("joint_states", t, joint_state(t, NAMES, state))
            bag.write("arm_controller/joint_trajectory", t, trajectory(t, NAMES, (0.0, command)))
            if tick % 10 == 0:
                bag.write(CAMERA, t, image(t, picture(since, lesson)))
    found = look_at(tmp_path / "day", replace(CONFIG, boundary="begin", base=""))
    assert [e.judged.name for e in found] == ["day [1]", "day [2]", "day [3]"]
    assert [e.judged.verdict for e in found] == [GOOD, DOUBTFUL, GOOD], [told(e) for e in found]
    assert sum(e.judged.samples for e in found) == 90


def test_a_camera_that_is_dark_on_purpose_is_no_fault(tmp_path: Path) -> None:
    for name, black in (("dark", True), ("not", False)):
        file = write_lesson(tmp_path / name, black=black) / METADATA
        about = yaml.safe_load(file.read_text())
        about["rosbag2_bagfile_information"]["custom_data"] = {DARK_KEY: "true"}
        file.write_text(yaml.safe_dump(about))
    assert [told(e) for e in look_at(tmp_path)] == [[], []]


def test_lerobot_episodes_with_video_are_judged_alike_and_few_of_their_images_are_decoded(tmp_path: Path) -> None:
    lessons: Sequence[dict[str, Any]] = ({}, {"frozen_from": 1.0}, {"moves": (0.0, 1.0)}, {"gain": 0.5}, {"black": True})
    with LeRobotExport(tmp_path / "set", G1, "g1", 20, "wave") as dataset:
        for number, changes in enumerate(lessons):
            (bag,) = find_recordings(write_lesson(tmp_path / f"take_{number}", seed=number, **changes), CONFIG)
            dataset.add(bag, 0.02, Report())
    for look in (Look(ROBOT.cameras), Look(ROBOT.cameras, all_images=True)):
        found = look_at(tmp_path / "set", look=look)
        assert [e.judged.verdict for e in found] == [GOOD, BAD, DOUBTFUL, BAD, BAD], [told(e) for e in found]
        assert [e.judged.samples for e in found] == [100] * 5
        pictures = [p for e in found if e.figures for p in e.figures.pictures.values()]
        assert {p.looked_at for p in pictures} == {100 if look.all_images else 32} and {p.images for p in pictures} == {100}
    assert found[0].figures is not None and found[0].figures.labels is not None
    assert found[0].figures.labels.lag_s == pytest.approx(0.08, abs=0.01)


def test_lerobot_images_outcomes_and_further_cameras_are_read(tmp_path: Path) -> None:
    def outcomes(rows: dict[str, list[Any]]) -> None:
        rows["next.success"] = [
            frame == 19 and episode == 0 for frame, episode in zip(rows["frame_index"], rows["episode_index"], strict=True)
        ]

    config = RecordingConfig(audio="", base="", name="front", robot_cameras=("front", "wrist"))
    first, second = look_at(write_set(tmp_path / "set", edit=outcomes), config, SPACE, Look((Camera("front"), Camera("wrist"))))
    assert first.figures is not None and second.figures is not None
    assert (first.figures.success, second.figures.success) == (True, False)
    assert (BAD, "labelled as failed") in told(second)
    cameras = {"observation.images.front", "observation.images.wrist"}
    assert set(first.figures.pictures) == cameras
    assert {text for v, text in told(first) if v == BAD} == {f"{c}: 100 % of the images are black or of one colour" for c in cameras}
    assert first.figures.labels is not None and first.figures.labels.lag_steps == pytest.approx(1.0, abs=0.1)


def test_what_cannot_be_read_is_bad_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "broken_0.mcap").write_bytes(b"nothing")
    with BagWriter(tmp_path / "blind") as bag:
        bag.write("joint_states", 0.0, joint_state(0.0, NAMES, np.zeros(len(NAMES))))
    found = look_at(tmp_path)
    assert [e.judged.verdict for e in found] == [BAD, BAD]
    assert [text.startswith("cannot be used: ") for e in found for _, text in told(e)] == [True, True]
