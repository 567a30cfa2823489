"""LeRobot datasets of versions 2.1 and 3.0 on disk, and our own export.

File names, columns and fields are those that lerobot 0.3.3 (v2.1) and 0.4.4 (v3.0) write.
"""

from __future__ import annotations

import io
import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from bag_writer import BagWriter, image, joint_state, position_command, text
from lerobot_set import FRAMES, GREY, Rows, motion, write_set
from lerobot_set import SPACE as ARM_SPACE
from whole_recording import Reading, read_all

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.joint_units import JointUnit
from neon_control.core.robot.recording_names import CommandTopic, LeRobotNames, RecordingConfig
from neon_control.core.robot.view import View
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.recordings.finding import Report, find_recordings
from neon_control.recordings.lerobot.export import LeRobotExport, image_rate
from neon_control.recordings.lerobot.video import VideoWriter

NAMES = ("joint0", "joint1")
SPACE = ActionSpace("arms_only", NAMES, {"arms": slice(0, 2), "base": slice(2, 5)}, -np.ones(5), np.ones(5))
FPS = 10
THEIRS = ["gripper", "m1.pos", "m0.pos"]  # another order, other names, and a joint that is not ours
MAPPED = LeRobotNames(state={"joint0": "m0.pos", "joint1": "m1.pos"}, action={"joint0": "m0.pos", "joint1": "m1.pos"})
CAMERA = "observation.images.front"


def grey(frame: int, episode: int = 0) -> np.ndarray:
    return np.full((32, 48, 3), 100 * episode + 5 * frame, np.uint8)


def write_2_1(root: Path, lengths: tuple[int, ...] = (12, 10), names: Any = None, kind: str = "video") -> Path:
    """A dataset of version 2.1: state k of joint j is (k + j) / 50, its action one frame later."""
    for number, length in enumerate(lengths):
        frames = np.arange(length)
        state = np.stack([0.0 * frames + 9.0, (frames + 1) / 50, frames / 50], axis=1).astype(np.float32)
        columns: dict[str, Any] = {
            "observation.state": list(state),
            "action": list(state + np.float32([0.0, 0.02, 0.02])),
            "timestamp": (frames / FPS).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(length, number),
            "index": frames,
            "task_index": np.zeros(length, np.int64),
        }
        if kind == "video":
            path = root / f"videos/chunk-000/{CAMERA}/episode_{number:06d}.mp4"
            video = VideoWriter(path, FPS, (32, 48))
            for frame in range(length):
                video.add(grey(frame, number))
            video.close()
        else:
            cells = []
            for frame in range(length):
                stream = io.BytesIO()
                PIL.Image.fromarray(grey(frame, number)).save(stream, "PNG")
                cells.append({"bytes": stream.getvalue(), "path": f"frame_{frame:06d}.png"})
            columns[CAMERA] = cells
        file = root / f"data/chunk-000/episode_{number:06d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.table(columns), file)
    vector = {"dtype": "float32", "shape": [3], "names": names or {"motors": THEIRS}}
    info = {
        "codebase_version": "v2.1",
        "robot_type": "so100",
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 1,
        "total_videos": len(lengths),
        "total_chunks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            "observation.state": vector,
            "action": vector,
            CAMERA: {"dtype": kind, "shape": [32, 48, 3], "names": ["height", "width", "channel"]},
        },
    }
    meta = root / "meta"
    meta.mkdir()
    (meta / "info.json").write_text(json.dumps(info))
    rows = [{"episode_index": i, "tasks": ["pick"], "length": n} for i, n in enumerate(lengths)]
    (meta / "episodes.jsonl").write_text("\n".join(json.dumps(r) for r in rows) + "\n")
    (meta / "tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": "pick"}) + "\n")
    return root


@pytest.mark.parametrize("kind", ["video", "image"])
@pytest.mark.parametrize("names", [{"motors": THEIRS}, THEIRS, [THEIRS], {n: i for i, n in enumerate(THEIRS)}])
def test_version_2_1_is_read_by_names(names: Any, kind: str, tmp_path: Path) -> None:
    recordings = find_recordings(write_2_1(tmp_path / "set", names=names, kind=kind), RecordingConfig(lerobot=MAPPED))
    assert [r.name for r in recordings] == ["set/episode_000000", "set/episode_000001"]
    report = Report()
    samples = list(recordings[1].samples(SPACE, 0.1, 4, report=report))
    assert [p.what for p in report.problems] == ["no 'action' of the base; it is taken to stand still"]
    assert report.images == {("camera", ImageKind(*{"video": ("video", "h264"), "image": ("compressed", "png")}[kind], 48, 32)): 10}
    assert len(samples) == 10
    for k, sample in enumerate(samples):
        assert np.abs(sample.observation.image.astype(int) - grey(k, 1)).max() <= 3
        assert sample.observation.joint_positions == pytest.approx([k / 50, (k + 1) / 50], abs=1e-6)
        assert sample.observation.audio.shape == (32000,) and not sample.observation.audio.any()
        known = sample.mask > 0
        assert known.sum() == min(4, 10 - k)
        assert sample.actions[known, 0] == pytest.approx((k + 1 + np.arange(4))[known] / 50, abs=1e-5)
        assert not sample.actions[:, 2:].any()


def test_an_episode_travels_to_another_process(tmp_path: Path) -> None:
    recording = find_recordings(write_2_1(tmp_path / "set"), RecordingConfig(lerobot=MAPPED))[1]
    twin = pickle.loads(pickle.dumps(recording))
    assert (twin.name, twin.fingerprint()) == (recording.name, recording.fingerprint())
    assert len(read_all(twin, SPACE, 0.1, 4).samples) == 10


def test_clips_of_an_episode_hold_its_own_images(tmp_path: Path) -> None:
    recording = find_recordings(write_2_1(tmp_path / "set"), RecordingConfig(lerobot=MAPPED))[1]
    samples = read_all(recording, SPACE, 0.1, 4, Clip(3, 5.0)).samples
    assert len(samples) == 6, "the first 0.4 s have no whole clip"
    assert [round(f.mean()) for f in samples[0].observation.clip] == pytest.approx([100, 110, 120], abs=2)


def test_degrees_become_radians_when_the_robot_file_says_so_and_are_noticed_when_not(tmp_path: Path) -> None:
    root = write_2_1(tmp_path / "set")
    names = LeRobotNames(state=MAPPED.state, action=MAPPED.action, unit="deg")
    sample = read_all(find_recordings(root, RecordingConfig(lerobot=names))[0], SPACE, 0.1, 4).samples[5]
    assert sample.observation.joint_positions == pytest.approx(np.radians([5 / 50, 6 / 50]))
    assert sample.actions[0, 0] == pytest.approx(np.radians(6 / 50), abs=1e-6)
    wrong = LeRobotNames(state={"joint0": "gripper", "joint1": "m1.pos"}, action=MAPPED.action)
    text = str(read_all(find_recordings(root, RecordingConfig(lerobot=wrong))[0], SPACE, 0.1, 4).problems)
    assert (
        "['joint0'] are far outside their range in rad; they fit deg or range -100..100 or range 0..100 (recording.lerobot.unit or .joints"
        in text
    )


def test_unknown_names_are_said_with_those_that_are_there(tmp_path: Path) -> None:
    reading = read_all(find_recordings(write_2_1(tmp_path / "set"))[0], SPACE, 0.1, 4)
    assert reading.samples == []
    assert "needs the names ['joint0', 'joint1'], has ['gripper', 'm1.pos', 'm0.pos']" in reading.problems[0].what


@pytest.mark.parametrize(
    "name",
    ["meta/info.json", "meta/episodes.jsonl", "data/chunk-000/episode_000000.parquet", f"videos/chunk-000/{CAMERA}/episode_000000.mp4"],
)
def test_a_repository_that_was_cloned_without_its_large_files_is_called_that(name: str, tmp_path: Path) -> None:
    root = write_2_1(tmp_path / "set")
    (root / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (problem, *_) = read_all(find_recordings(root, RecordingConfig(lerobot=MAPPED))[0], SPACE, 0.1, 4).problems[-2:]
    assert "it is a Git LFS pointer; `git lfs pull` brings the file itself" in problem.what
    assert Path(name).name in f"{problem.where} {problem.what}" or problem.where == "set/episode_000000"


def edit_info(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        file = root / "meta" / "info.json"
        info = json.loads(file.read_text())
        change(info)
        file.write_text(json.dumps(info))

    return apply


def cut(name: str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[: len(data) // 2])

    return apply


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (edit_info(lambda i: i.update(codebase_version="v9.0")), "codebase_version is v9.0, known are v2.0, v2.1 and v3.0"),
        (edit_info(lambda i: i.pop("fps")), "info.json: fps must be a finite number > 0.0, got None"),
        (edit_info(lambda i: i.update(data_path="../../{episode_index}.parquet")), "leads out of the dataset"),
        (edit_info(lambda i: i["features"].pop(CAMERA)), "needs the images of one camera, has []"),
        (cut("meta/info.json"), "info.json: no description of a dataset: "),
        (cut("data/chunk-000/episode_000000.parquet"), "cannot be read: "),
        (cut(f"videos/chunk-000/{CAMERA}/episode_000000.mp4"), "cannot be decoded to its end"),
        (lambda root: (root / f"videos/chunk-000/{CAMERA}/episode_000000.mp4").unlink(), "is not there"),
    ],
)
def test_a_damaged_dataset_is_reported_and_costs_only_itself(damage: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    root = write_2_1(tmp_path / "set")
    damage(root)
    reading = read_all(find_recordings(root, RecordingConfig(lerobot=MAPPED))[0], SPACE, 0.1, 4)
    assert reading.samples == []
    assert words in "\n".join(p.what for p in reading.problems)


def write_bag(path: Path) -> Path:
    """Images at 10 Hz that jitter, two episodes, and half a second without images in the second one."""
    with BagWriter(path) as bag:
        rng = np.random.default_rng(1)
        for tick in range(400):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [t / 10, -t / 10]))
            bag.write("arm/commands", t, position_command([t / 10 + 0.02, -t / 10 - 0.02]))
            if tick == 195:
                bag.write("episode", t, text("begin"))
            if tick % 10 == 5 and not 290 < tick < 340:
                taken = t - 0.02 + rng.uniform(-0.01, 0.01)
                bag.write("camera/image_raw", t, image(taken, np.full((32, 48, 3), tick // 2, np.uint8)))
    return path


def test_a_bag_exported_to_version_3_comes_back(tmp_path: Path) -> None:
    config = RecordingConfig(audio="", commands=(CommandTopic("arm/commands", NAMES),), boundary="episode", base="")
    bags = find_recordings(write_bag(tmp_path / "bag"), config)
    original = read_all(bags[0], SPACE, 0.02, 16).samples
    assert image_rate(bags, SPACE, 0.02) == FPS
    root = tmp_path / "set"
    with LeRobotExport(root, SPACE, "robot", FPS, "wave") as dataset:
        for bag in bags:
            dataset.add(bag, 0.02, Report())
    assert dataset.episodes == 3, "a gap in the images begins another episode"
    back = [read_all(r, SPACE, 0.02, 16) for r in find_recordings(root)]
    samples = [s for reading in back for s in reading.samples]
    assert [p for reading in back for p in reading.problems] == []
    assert len(samples) == len(original) == dataset.frames
    for ours, theirs in zip(samples, original, strict=True):
        assert np.abs(ours.observation.image.astype(int) - theirs.observation.image).max() <= 3
        assert ours.observation.joint_positions == pytest.approx(theirs.observation.joint_positions, abs=1e-6)
        assert ours.actions[0] == pytest.approx(theirs.actions[0], abs=1e-6)
    with pytest.raises(ConfigError, match="exists"):
        LeRobotExport(root, SPACE, "robot", FPS, "wave")


def test_an_export_has_the_layout_of_version_3(tmp_path: Path) -> None:
    config = RecordingConfig(audio="", commands=(CommandTopic("arm/commands", NAMES),), boundary="episode")
    root = tmp_path / "set"
    with LeRobotExport(root, SPACE, "robot", FPS, "wave") as dataset:
        dataset.add(find_recordings(write_bag(tmp_path / "bag"), config)[0], 0.02, Report())
    files = sorted(str(f.relative_to(root)) for f in root.rglob("*") if f.is_file())
    assert files == [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "videos/observation.images.camera/chunk-000/file-000.mp4",
    ]
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"]) == ("v3.0", FPS, 3)
    assert info["data_path"] == "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    assert info["video_path"] == "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    assert info["features"]["action"]["names"] == ["joint0", "joint1", "base/vx", "base/vy", "base/yaw_rate"]
    data = parquet.read_table(root / "data/chunk-000/file-000.parquet")
    assert data["index"].to_pylist() == list(range(info["total_frames"]))
    assert set(data.column_names) == set(info["features"]) - {"observation.images.camera"}
    assert data.schema.field("action").type == arrow.list_(arrow.float32(), 5)
    rows = parquet.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    ends = [(r["dataset_from_index"], r["dataset_to_index"], r["length"]) for r in rows]
    assert ends[0][0] == 0 and all(a[1] == b[0] for a, b in itertools.pairwise(ends)) and all(b - a == n for a, b, n in ends)
    video = "videos/observation.images.camera"
    assert rows[1][f"{video}/from_timestamp"] == pytest.approx(rows[0][f"{video}/to_timestamp"])
    assert rows[0]["tasks"] == ["wave"] and np.shape(rows[0]["stats/observation.images.camera/mean"]) == (3, 1, 1)
    tasks = parquet.read_table(root / "meta/tasks.parquet")
    assert tasks.to_pylist() == [{"task_index": 0, "task": "wave"}]
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    stats = json.loads((root / "meta/stats.json").read_text())
    assert set(stats) == set(info["features"])
    assert stats["frame_index"]["count"] == [info["total_frames"]] and stats["timestamp"]["min"] == [0.0]


FRONT = LeRobotNames(image="observation.images.front")
ARM = RecordingConfig(lerobot=FRONT, base="")


def read(root: Path, config: RecordingConfig = ARM, episode: int = 0) -> Reading:
    return read_all(find_recordings(root, config)[episode], ARM_SPACE, 0.02, 16)


def names_of(**changes: Any) -> RecordingConfig:
    return replace(ARM, lerobot=replace(FRONT, **changes))


@pytest.mark.parametrize("wanted", [("wrist",), ("wrist", "front"), ("front", "wrist"), ()])
def test_a_policy_sees_the_cameras_that_it_names_in_its_order(wanted: tuple[str, ...], tmp_path: Path) -> None:
    config = replace(ARM, name="front", robot_cameras=("front", "wrist")).looking_through(
        [Camera(name, topic=f"{name}/image") for name in wanted]
    )
    reading = read(write_set(tmp_path / "set"), config)
    assert len(reading.samples) == FRAMES and reading.problems == []
    for sample in reading.samples:
        assert [int(np.median(clip[-1])) for clip in sample.observation.clips] == [GREY[name] for name in wanted or ("front",)]


def test_a_camera_without_images_of_its_own_is_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    robot = replace(ARM, name="front", robot_cameras=("front", "wrist"))
    reading = read(root, robot.looking_through([Camera("hand", topic="hand/image")]))
    assert reading.samples == [] and "recording.lerobot.images of the robot file names one: {hand: FEATURE}" in reading.problems[0].what
    twice = replace(robot, lerobot=replace(FRONT, images={"wrist": FRONT.image}))
    reading = read(root, twice.looking_through([Camera("front", topic="a"), Camera("wrist", topic="b")]))
    assert reading.samples == [] and "cameras need images of their own" in reading.problems[0].what


def test_images_are_seen_as_they_are_since_lerobot_turns_them_when_it_records(tmp_path: Path) -> None:
    config = replace(ARM, view=View(rotate=90))
    assert read(write_set(tmp_path / "set"), config).samples[0].observation.image.shape == (24, 32, 3)


def test_one_action_that_is_no_number_masks_the_steps_that_rest_on_it(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["action"][FRAMES + 10] = [*rows["action"][FRAMES + 10][:2], float("nan")]

    root = write_set(tmp_path / "set", edit)
    whole, reading = (read(write_set(tmp_path / "whole"), episode=1), read(root, episode=1))
    (problem,) = reading.problems
    assert (problem.where, problem.time) == ("set/episode_000001 action", pytest.approx(10 / 30))
    assert problem.what == "file-000.parquet, frame 10: ['gripper'] must be finite numbers, got nan; masked"
    assert len(reading.samples) == FRAMES
    for frame, (sample, same) in enumerate(zip(reading.samples, whole.samples, strict=True)):
        times = frame / 30 + 0.02 * np.arange(16)
        touched = (times > 9 / 30 + 1e-6) & (times < 11 / 30 - 1e-6)
        assert np.array_equal(sample.mask > 0, (same.mask > 0) & ~touched)
        assert sample.actions[sample.mask > 0] == pytest.approx(same.actions[sample.mask > 0]), "actions stay actions"


def test_each_joint_has_a_unit_of_its_own(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        for key in ("observation.state", "action"):
            rows[key] = [[p / np.pi * 180, -(q - 0.1) / np.pi * 180, (r + 0.2) / 1.9 * 100] for p, q, r in rows[key]]

    root = write_set(tmp_path / "set", edit)
    units = {"lift": JointUnit(sign=-1, offset=0.1), "gripper": JointUnit(range=(0.0, 100.0))}
    reading = read(root, names_of(unit="deg", joints=units))
    assert reading.problems == []
    assert np.stack([s.observation.joint_positions for s in reading.samples]) == pytest.approx(np.array([motion(k) for k in range(FRAMES)]))
    assert reading.samples[0].actions[0] == pytest.approx(motion(1))


def test_a_gripper_in_percent_is_not_taken_for_degrees_without_a_word(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        for key in ("observation.state", "action"):
            rows[key] = [[p / np.pi * 180, q / np.pi * 180, (r + 0.2) / 1.9 * 100] for p, q, r in rows[key]]

    root = write_set(tmp_path / "set", edit)
    (problem,) = read(root, names_of(unit="deg")).problems
    assert "recording.lerobot.joints.gripper: {range: [0, 100]}, or {unit: deg}" in problem.what
    assert read(root, names_of(unit="deg", joints={"gripper": JointUnit(unit="deg")})).problems == []
    slide = replace(names_of(unit="deg"), slides=frozenset({"gripper"}))
    assert "['gripper'] are far outside their range in m; they fit range" in str(read(root, slide).problems)


def test_where_states_and_actions_are_in_degrees_it_is_said_once(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        for key in ("observation.state", "action"):
            rows[key] = [[v / np.pi * 180 for v in row] for row in rows[key]]

    problems = read(write_set(tmp_path / "set", edit)).problems
    assert {p.where for p in problems} == {"set/episode_000000 observation.state"}
    assert all("they fit deg" in p.what and "recording.lerobot.unit or .joints" in p.what for p in problems)


def test_actions_in_degrees_beside_states_in_radians_are_reported_and_can_be_mended(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["action"] = [[v / np.pi * 180 for v in row] for row in rows["action"]]

    root = write_set(tmp_path / "set", edit)
    text = str(read(root).problems)
    assert "fit the actions in deg, not in rad (recording.lerobot.action_joints of the robot file)" in text
    mended = read(root, names_of(action_joints={"*": JointUnit(unit="deg")}))
    assert mended.problems == [] and mended.samples[0].actions[0] == pytest.approx(motion(1))


@pytest.mark.parametrize("names", [None, ["state"]])
def test_numbers_without_names_are_taken_by_their_places(names: Any, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", names=names)
    assert "needs the names ['pan', 'lift', 'gripper'], has" in read(root).problems[0].what
    places = {"pan": "0", "lift": "1", "gripper": "2"}
    reading = read(root, names_of(state=places, action=places))
    assert reading.problems == [] and reading.samples[4].observation.joint_positions == pytest.approx(motion(4))


def test_features_may_have_other_keys(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", keys=("state", "actions"))
    assert "needs the feature 'observation.state', has ['actions'," in read(root).problems[0].what
    reading = read(root, names_of(state_key="state", action_key="actions"))
    assert reading.problems == [] and reading.samples[4].actions[0] == pytest.approx(motion(5))
    learnt = read(root, names_of(state_key="state", action_key=""))
    assert learnt.problems == [], "states are learnt, as the robot file says"


def test_a_video_at_the_rate_of_info_json_is_read_by_number_where_timestamps_are_others(tmp_path: Path) -> None:
    root = write_2_1(tmp_path / "set")
    file = root / "data/chunk-000/episode_000000.parquet"
    table = parquet.read_table(file)
    times = arrow.array((np.arange(12) / 20).astype(np.float32))
    parquet.write_table(table.set_column(table.column_names.index("timestamp"), "timestamp", times), file)
    reading = read_all(find_recordings(root, RecordingConfig(lerobot=MAPPED))[0], SPACE, 0.02, 4)
    greys = [round(s.observation.image.mean()) for s in reading.samples]
    assert greys == pytest.approx([5 * k for k in range(12)], abs=2)


def test_a_base_that_is_not_recorded_is_no_problem(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    limits = np.concatenate([ARM_SPACE.upper, np.ones(3)])
    space = ActionSpace("arms_only", ARM_SPACE.joint_names, {}, np.concatenate([ARM_SPACE.lower, -np.ones(3)]), limits)
    for base, count in (("", 0), ("cmd_vel", 1)):
        assert len(read_all(find_recordings(root, replace(ARM, base=base))[0], space, 0.02, 16).problems) == count


def test_whatever_goes_wrong_in_one_episode_the_others_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = find_recordings(write_set(tmp_path / "set"), ARM)
    monkeypatch.setattr(first, "_cameras", lambda: 1 / 0)
    assert read_all(first, ARM_SPACE, 0.02, 16).problems[0].what == "cannot be read: ZeroDivisionError: division by zero"
    assert len(read_all(second, ARM_SPACE, 0.02, 16).samples) == FRAMES


def test_another_mapping_of_the_joints_finds_the_images_again(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    one, two = (find_recordings(root, c)[0] for c in (ARM, names_of(action={"pan": "lift"}, joints={"pan": JointUnit(sign=-1)})))
    assert one.fingerprint() != two.fingerprint() and one.senses_fingerprint() == two.senses_fingerprint()
    other = find_recordings(root, replace(ARM, lerobot=LeRobotNames(image="observation.images.wrist")))[0]
    assert other.senses_fingerprint() != one.senses_fingerprint()
