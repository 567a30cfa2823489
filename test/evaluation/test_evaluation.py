"""A policy judged on a recording: the numbers are right where they are known, and the same every time.

The robot is none that this package ships: a YAML file and a URDF with five joints on a base.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from many_joints import write_robot
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation.judging import percent_less
from neon_control.evaluation.measures import input_figures, mean_abs, sync_skew
from neon_control.evaluation.offline import OfflineRun, Run
from neon_control.evaluation.recorded_day import MessageTimes, RecordedDay
from neon_control.evaluation.settings import Settings, from_file, from_recording
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.demonstration_bag import EpisodeRecorder
from neon_control.tools import cli

pytestmark = pytest.mark.timeout(400)  # [s] the first test exports two policies and draws a report, on a busy computer too

SECONDS = 1.2
GAP = (0.4, 0.85)  # [s] without images
RATE = 0.4  # [rad/s] of every joint's command


@dataclass(frozen=True)
class World:
    """A robot file, two policies for it, and a recording of it."""

    robot_file: Path
    policies: tuple[Path, Path]
    bag: Path

    @property
    def robot(self) -> Robot:
        return load_robot(self.robot_file)


def record(path: Path, robot: Robot, commands: bool = True, gap: tuple[float, float] = (np.inf, np.inf)) -> Path:
    """Images at 20 Hz, joint states at 100 Hz that lag 0.05 rad behind, sound, and commands at 50 Hz."""
    names, rng = tuple(robot.joints), np.random.default_rng(0)
    with EpisodeRecorder(path) as recorder:
        for i in range(round(SECONDS / 0.01) + 1):
            time, position = i * 0.01, np.full(len(names), RATE * i * 0.01)
            recorder.joint_states(time, names, position - 0.05, np.zeros(len(names)))
            if i % 2 == 0:
                recorder.audio(time, rng.integers(-3000, 3000, 320, dtype=np.int16))
            if i % 2 == 0 and commands:
                recorder.command(time, names, position, np.array([0.1, 0.0, 0.2]))
            if i % 5 == 0 and not gap[0] < time < gap[1]:
                recorder.image(time, rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    pytest.importorskip("torch")
    from policies import write_policy

    folder = tmp_path_factory.mktemp("world")
    robot_file = write_robot(folder, 5)
    for name, seed in (("first", 0), ("second", 1)):
        write_policy(folder / name, robot_file=robot_file, seed=seed, use_audio=False)
    return World(robot_file, (folder / "first", folder / "second"), record(folder / "bag", load_robot(robot_file), gap=GAP))


def evaluate(world: World, out: Path, *more: object) -> int:
    words = ["evaluate", world.bag, "--robot", world.robot_file, "--policy", world.policies[0], "--out", out, *more]
    return cli.main([str(w) for w in words])


def read(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def report(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation of the first policy."""
    out = tmp_path_factory.mktemp("report")
    assert evaluate(world, out, "--latency", "0.05") == 0
    return out


def test_the_same_evaluation_twice_writes_the_same_bytes(world: World, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert evaluate(world, tmp_path, "--against", world.policies[1], "--latency", "0.05", "--tables-only") == 0

    names = sorted(f.name for f in report.glob("*.csv"))
    assert len(names) == 9 + 5 and len(list(tmp_path.glob("second_*.csv"))) == 9
    assert [n for n in names if (report / n).read_bytes() != (tmp_path / n).read_bytes()] == []
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["first", "second"] and "is nearer to what was done" in lines[2]


def test_it_needs_no_ros(world: World, tmp_path: Path) -> None:
    words = ["evaluate", world.bag, "--robot", world.robot_file, "--policy", world.policies[0], "--out", tmp_path, "--tables-only"]
    program = f"""if True:
        import sys
        sys.modules["rclpy"] = sys.modules["sensor_msgs"] = None  # importing them now fails
        from neon_control.tools import cli
        sys.exit(cli.main({[str(w) for w in words]}))"""

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)

    assert result.returncode == 0, result.stderr


def test_the_report_is_one_file_with_its_pictures_inside(report: Path) -> None:
    page = (report / "report.html").read_text()

    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]{5000,}"', page)) == 6
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert all(words in page for words in ("first on bag", "most at joint_", "/camera/image_raw", "blend", "gaps in the inputs"))


def test_recorded_actions_stand_beside_each_step_of_each_chunk(report: Path) -> None:
    rows = [r for r in read(report / "first_chunks.csv") if r["dimension"] == "joint_3"]
    start = min(int(r["stamp_ns"]) for r in rows)

    for row in rows[:40]:
        expected = RATE * (int(row["time_ns"]) - start) * 1e-9
        assert float(row["recorded"]) == pytest.approx(expected, abs=1e-6)
        assert int(row["time_ns"]) == int(row["stamp_ns"]) + 20_000_000 * int(row["step"])
    assert rows[-1]["recorded"] == ""  # beyond the end of the recording nothing is known
    assert all(int(r["arrived_ns"]) - int(r["stamp_ns"]) <= 60_000_000 for r in rows)  # the latency, and one period at most


def test_a_gap_in_the_camera_is_listed_and_keeps_the_executors_waiting(report: Path) -> None:
    gaps = [r for r in read(report / "recording_gaps.csv") if r["topic"] == "/camera/image_raw"]
    methods = {r["method"]: r for r in read(report / "first_methods.csv")}

    assert len(gaps) == 1 and float(gaps[0]["length_s"]) == pytest.approx(0.45)
    assert all("chunks" in methods[m]["waits"] for m in ("act", "age", "latest", "blend"))


def test_only_blending_has_no_seams(report: Path) -> None:
    jumps = {r["method"]: float(r["worst_jump_rad"]) for r in read(report / "first_methods.csv")}

    assert jumps["blend"] < 1e-9 < min(jumps["act"], jumps["age"], jumps["latest"])


class Straight:
    """A policy that says exactly what was recorded, plus an offset."""

    def __init__(self, space: ActionSpace, offset: float) -> None:
        self.space, self.offset = space, offset

    def chunk(self, stamp: int, start: int) -> ActionChunk:
        times = (stamp - start) * 1e-9 + 0.02 * np.arange(16)
        joints = np.repeat(RATE * times[:, None] + self.offset, self.space.num_joints, axis=1)
        return ActionChunk(stamp, 0.02, self.space.names, np.hstack([joints, np.tile([0.1, 0.0, 0.2], (16, 1))]))


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_chunks_that_are_off_by_a_known_amount_have_that_error(world: World, offset: float) -> None:
    with Bag(world.bag) as bag:
        recording = RecordedDay(bag, world.robot)
    space = ActionSpace.from_robot(world.robot, "arms_only")
    chunk = Straight(space, offset).chunk(recording.start + 200_000_000, recording.start)
    times = chunk.stamp + np.arange(16) * 20_000_000

    error = chunk.values - recording.actions(space, times)

    assert mean_abs(error[:, : space.num_joints]) == pytest.approx(offset, abs=1e-9)
    assert mean_abs(error[:, space.num_joints :]) == pytest.approx(0.0, abs=1e-9)


def test_without_recorded_commands_the_measured_motion_stands_for_them(world: World, tmp_path: Path) -> None:
    with Bag(record(tmp_path / "bag", world.robot, commands=False)) as bag:
        recording = RecordedDay(bag, world.robot)
    space = ActionSpace.from_robot(world.robot, "arms_only")

    done = recording.actions(space, np.array([recording.start + 500_000_000]))

    assert not recording.has_commands(space)
    assert done[0, :5] == pytest.approx(RATE * 0.5 - 0.05)
    assert not done[0, 5:].any(), "the base stood still, as training learns it"


def run_offline(world: World, bag_path: Path, **settings: object) -> Run:
    with Bag(bag_path) as bag:
        recording = RecordedDay(bag, world.robot)
        policy = Policy.load(world.policies[0], world.robot)
        offline = OfflineRun("first", bag, policy, world.robot, Settings(**settings), recording.inputs, 0.12)
        return offline.execute(lambda time: None)


def test_images_that_come_while_an_inference_runs_are_passed_over(world: World) -> None:
    run = run_offline(world, world.bag, backbone_rate_hz=100.0)

    assert run.counts["requests_skipped"] >= 2 * len(run.chunks) - 6  # 20 Hz, and each inference takes 0.12 s
    assert all(arrived - chunk.stamp >= 120_000_000 for arrived, chunk in run.chunks)


def test_at_two_rates_the_action_layer_runs_on_the_newest_joint_state(world: World) -> None:
    run = run_offline(world, world.bag, head_rate_hz=50.0)
    ages = np.array([arrived - chunk.stamp for arrived, chunk in run.chunks]) * 1e-9

    assert len(run.chunks) > 30 and ages.max() <= 0.011
    assert any(inputs == "features" for _, inputs, _ in run.refusals)  # in the camera's gap they grow too old


def test_images_that_came_otherwise_than_in_training_are_told_or_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    trained = tmp_path / "first"
    shutil.copytree(world.policies[0], trained)
    kind = {"transport": "video", "encoding": "h264", "width": 32, "height": 24, "share": 1.0}
    description = yaml.safe_load((trained / "policy.yaml").read_text())
    (trained / "policy.yaml").write_text(yaml.safe_dump({**description, "images": {"camera": [kind]}}))
    said = "camera: policy first was trained on 32 x 24 video h264 (100 %), and 32 x 24 raw rgb8 arrives: other compression"
    assert evaluate(world, tmp_path / "out", "--policy", trained, "--latency", "0.05") == 0
    assert said in capsys.readouterr().out.splitlines() and said in (tmp_path / "out" / "report.html").read_text()
    refused = run_offline(replace(world, policies=(trained, world.policies[1])), world.bag, unlike_images="refuse")
    assert not refused.chunks and refused.counts["images_unlike"] == refused.counts["messages_refused"] > 10
    assert refused.refusals[0][1:] == ("camera", said) and refused.unlike == []


def copy(source: Path, target: Path, names: dict[str, list[str]], later: int = 0) -> Path:
    """A bag with topics under other names, or several, and receive times that are `later` [ns]."""
    types = get_typestore(Stores.ROS2_JAZZY)
    with Bag(source) as bag, Writer(target, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            t.name: [writer.add_connection(n, t.type, typestore=types) for n in names.get(t.name, [t.name])] for t in bag.topics.values()
        }
        for message in bag.messages():
            for connection in connections[message.topic]:
                writer.write(connection, message.time + later, message.data)
    return target


def test_topics_and_cameras_are_those_of_the_robot_file(world: World, tmp_path: Path) -> None:
    names = {"/camera/image_raw": ["/rgb", "/wrist"], "/joint_states": ["/drives/states"]}
    bag_path = copy(world.bag, tmp_path / "bag", names)
    recording_of = replace(world.robot.recording, camera="rgb", joint_states="drives/states")
    robot = replace(world.robot, recording=recording_of, cameras=(Camera("head", "head"), Camera("wrist", "wrist"), Camera("rear", "rear")))

    def chunks(*cameras: str) -> list[np.ndarray]:
        policy = Policy.load(world.policies[0], robot)
        policy.file = replace(policy.file, vision=replace(policy.file.vision, cameras=cameras))
        with Bag(bag_path) as bag:
            recording = RecordedDay(bag, robot)
            assert sorted(recording.inputs) == ["audio", "camera", "camera_wrist", "joint_states"]
            offline = OfflineRun("first", bag, policy, robot, Settings(), recording.inputs, 0.12)
            return [chunk.joints for _, chunk in offline.execute(lambda time: None).chunks]

    through_head = chunks()
    assert len(through_head) >= 3
    np.testing.assert_array_equal(chunks("wrist"), through_head)  # it saw the same
    with pytest.raises(BagError, match=r"no images of \['rear'\]"):
        chunks("rear")


def test_a_damaged_message_costs_itself_and_is_counted_by_topic_and_time(world: World, tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    times = {}
    with Bag(world.bag) as bag, Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {t.name: writer.add_connection(t.name, t.type, typestore=types) for t in bag.topics.values()}
        for number, message in enumerate(bag.messages()):
            first = message.topic not in times and number > 100 and message.topic in ("/joint_states", "/camera/image_raw")
            if first:
                times[message.topic] = [message.time]
            writer.write(connections[message.topic], message.time, message.data[:20] if first else message.data)

    with Bag(tmp_path / "bag") as bag:
        recording = RecordedDay(bag, world.robot)

    problems = {p.where: p for p in recording.report.problems}
    assert {where: p.time for where, p in problems.items()} == {
        f"bag {topic}": pytest.approx((time - recording.start) * 1e-9) for topic, [time] in times.items()
    }
    assert "cannot be read as sensor_msgs/msg/JointState" in problems["bag /joint_states"].what
    run = run_offline(world, tmp_path / "bag")
    assert run.counts["messages_refused"] == 2 and len(run.chunks) > 3
    assert {inputs for _, inputs, text in run.refusals if "cannot be read as" in text} == {"joint_states", "camera"}


def test_a_topic_of_another_type_is_refused_with_the_types_that_would_do(world: World, tmp_path: Path) -> None:
    bag_path = copy(world.bag, tmp_path / "bag", {"/camera/image_raw": ["/rgb"], "/audio": ["/camera/image_raw"]})

    with Bag(bag_path) as bag, pytest.raises(BagError, match=r"/camera/image_raw has the type std_msgs/msg/Int16MultiArray, needs one of"):
        RecordedDay(bag, world.robot)


def test_an_interval_beyond_the_others_is_a_gap_and_delays_are_between_stamp_and_reception() -> None:
    times = [0, 100_000_000, 200_000_000, 900_000_000, 1_000_000_000]
    figures = input_figures(MessageTimes(times, [t - 5_000_000 for t in times]))

    assert figures.gaps == [(200_000_000, pytest.approx(0.7))]
    assert (figures.longest, figures.delay) == (pytest.approx(0.7), pytest.approx(0.005))


def test_skew_is_the_distance_from_an_image_to_the_nearest_joint_state(world: World) -> None:
    with Bag(world.bag) as bag:
        skew = sync_skew(RecordedDay(bag, world.robot))

    assert np.abs(skew["joint_states"]).max() == 0.0
    assert skew["audio"] == pytest.approx(np.where(np.arange(len(skew["audio"])) % 2 == 0, 0.0, 0.01), abs=0.011)


def test_settings_come_from_the_parameter_file_or_from_the_recording_and_a_bag_may_not_tell() -> None:
    root = Path(__file__).resolve().parents[2]
    told = {
        "neon_control/parameters/inference_node": '{"backbone_rate_hz": 5.0, "max_age.camera": 0.7, "max_skew": 0.1, "policy": "x"}',
        "neon_control/parameters/executor_node": '{"rate_hz": 250.0, "joints.method": "act", "mode": "arms_only"}',
    }

    assert from_file(root / "config" / "robot.yaml").executor.chunk_timeout == 0.3
    recorded = from_recording(told)
    assert recorded is not None
    assert (recorded.backbone_rate_hz, recorded.max_age.camera, recorded.max_skew) == (5.0, 0.7, 0.1)
    assert (recorded.executor.rate_hz, recorded.executor.joints.method, recorded.executor.base.method) == (250.0, "act", "latest")
    assert from_recording({}) is None


@pytest.mark.parametrize(
    ("name", "value"), [("backbone_rate_hz", 0.0), ("head_rate_hz", -1.0), ("audio_rate_hz", 0), ("audio_channels", 0)]
)
def test_a_rate_that_no_node_would_take_is_refused_with_its_range(name: str, value: float) -> None:
    told = {"neon_control/parameters/inference_node": json.dumps({name: value}), "neon_control/parameters/executor_node": "{}"}

    with pytest.raises(ConfigError, match=rf"parameters of the recording: {name} must be .* from .* to .*, got {value}"):
        from_recording(told)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--namespace", "r2"), "no topic /r2/camera/image_raw or /r2/camera/image_raw/compressed, /r2/joint_states"),
        (("--recorded-parameters",), "does not tell the parameters"),
        (("--start", "60"), "asked to start at 60 s"),
        (("--start", "0.5", "--duration", "0.1"), "no message on /camera/image_raw in the 0.100 s"),
        (("--latency", "-1"), "--latency"),
    ],
)
def test_wrong_use_is_one_clear_line(
    world: World, tmp_path: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture
) -> None:
    assert evaluate(world, tmp_path / "out", *options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_recording_without_a_single_chunk_says_why(world: World, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Another robot's joints once ended in a traceback."""
    with EpisodeRecorder(tmp_path / "other") as recorder:
        for i in range(50):
            recorder.joint_states(0.02 * i, ("a_joint",), np.zeros(1), np.zeros(1))
            recorder.image(0.02 * i, np.zeros((24, 32, 3), np.uint8))

    assert evaluate(replace(world, bag=tmp_path / "other"), tmp_path / "out") == 0
    assert "no chunk in 1.0 s; joint_states: nothing received" in capsys.readouterr().out


def test_stamps_of_another_clock_than_the_recording_s_are_refused(world: World, tmp_path: Path) -> None:
    copy(world.bag, tmp_path / "late", {}, later=3_600_000_000_000)

    with Bag(tmp_path / "late") as bag, pytest.raises(BagError, match=r"3600 s from.*--use-sim-time"):
        RecordedDay(bag, world.robot)


def test_a_small_difference_does_not_read_as_none() -> None:
    assert percent_less(0.0123, 0.0124) == "under 1 %"
    assert percent_less(0.01, 0.02) == "50 %"
