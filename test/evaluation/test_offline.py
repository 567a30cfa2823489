"""Offline equals live: the real loop, with its threads, and the offline run take the same images and make the same chunks of one bag.

The live side is fed message by message. Its clock is the bag's: it stands still until every thread has done what was due.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from going_on import write_going_on
from many_joints import write_robot
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from waiting import wait_until

from neon_control.core.common.statistics import Statistics
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.foresight import Foreseen
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation, ObservationBuilder
from neon_control.evaluation.offline import OfflineRun
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.evaluation.settings import Settings
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag.messages import stamp_of
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.loop import InferenceLoop
from neon_control.runtime.policy.policy import Features, Policy
from neon_control.sim.demonstration_bag import EpisodeRecorder

MS = 1_000_000
SECONDS = 1.2
CAMERA_GAP, JOINTS_GAP = (0.4, 0.75), (0.9, 1.15)  # [s] without a message
POLLS = 8  # a head that turns reads its clock five times at most until it waits again
LIMIT = 30.0  # [s]


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Robot:
    return load_robot(write_robot(tmp_path_factory.mktemp("robot"), 5))


@pytest.fixture(scope="module")
def policy(robot: Robot, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    pytest.importorskip("torch")
    from policies import write_policy

    folder = tmp_path_factory.mktemp("policies") / "tiny"
    write_policy(folder, robot_file=robot.file, use_audio=False)
    return Policy.load(folder, robot)


@pytest.fixture(scope="module")
def bag_path(robot: Robot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images at 20 Hz and joint states at 100 Hz, both with a gap; the joints move."""
    names, rng = tuple(robot.joints), np.random.default_rng(0)
    path = tmp_path_factory.mktemp("bags") / "bag"
    with EpisodeRecorder(path) as recorder:
        for i in range(round(SECONDS / 0.01) + 1):
            time = i * 0.01
            if not JOINTS_GAP[0] < time < JOINTS_GAP[1]:
                recorder.joint_states(time, names, np.full(len(names), 0.4 * time), np.zeros(len(names)))
            if i % 5 == 2 and not CAMERA_GAP[0] < time < CAMERA_GAP[1]:
                recorder.image(time, rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return path


def outcome(
    images: list[int], chunks: list[tuple[int, ActionChunk]], refusals: list[tuple[int, str]], counts: dict[str, int]
) -> dict[str, Any]:
    """What one side did and when [ns]: stamps of what was encoded, chunks, refusals, and how often something was passed over."""
    numbers = [(time, chunk.stamp, chunk.joints.tolist(), chunk.base.tolist()) for time, chunk in chunks]
    passed_over = {name: count for name, count in counts.items() if name.startswith(("images_over", "requests", "unchanged", "refusals"))}
    return {"images": list(images), "chunks": numbers, "refusals": list(refusals), "passed_over": passed_over}


Told = list[tuple[int, str, Foreseen]]  # when [ns], of which stream, and what the executor foresaw


def offline(
    bag_path: Path,
    robot: Robot,
    policy: Policy,
    settings: Settings,
    latency: float,
    patch: pytest.MonkeyPatch,
    told: Told | None = None,
) -> dict[str, Any]:
    """`told`: takes what the executor told."""
    images, encode, clock, told = [], policy.encode, [0], [] if told is None else told

    def noted(observation: Observation) -> Features:
        images.append(observation.stamp)
        return encode(observation)

    with Bag(bag_path) as bag, patch.context() as patched:
        patched.setattr(policy, "encode", noted)
        inputs = RecordedDay(bag, robot).inputs
        prepared = OfflineRun("offline", bag, policy, robot, settings, inputs, latency)
        tick, tell = prepared._tick, prepared._decisions.told
        patched.setattr(prepared, "_tick", lambda now: (clock.append(now), tick(now)))
        patched.setattr(prepared._decisions, "told", lambda *what: (told.append((clock[-1], *what)), tell(*what)))
        run = prepared.execute(lambda time: None)
    return outcome(images, run.chunks, [(time, text) for time, _, text in run.refusals], dict(run.counts))


class Live:
    """The real loop on the bag's clock; its backbone takes `latency` [s] of that."""

    def __init__(self, policy: Policy, robot: Robot, settings: Settings, latency: float, start: int) -> None:
        self.images: list[int] = []
        self.chunks: list[tuple[int, ActionChunk]] = []
        self.refusals: list[tuple[int, str]] = []
        self.clock = start
        self.ended = False
        self._ready = 0  # [ns] when the encoding that runs, or ran, is over
        self._reads = 0  # of the clock, by the head
        self._latency = round(latency * 1e9)
        self._encode = policy.encode
        self._cameras = {f"/{camera.topic}": camera.name for camera in robot.cameras}
        names = list(self._cameras.values())
        self.builder = ObservationBuilder(policy.file.space.joint_names, settings.max_age, cameras=names, max_skew=settings.max_skew)
        self.statistics = Statistics()
        rates = settings.backbone_rate_hz, settings.head_rate_hz
        self.decisions = InferenceDecisions(policy, self.builder, *rates, self.statistics.count)
        self.loop = InferenceLoop(self.decisions, self.now, self._publish, self._report, self.statistics, True, lambda: self.clock)

    def now(self) -> int:
        self._reads += threading.current_thread().name == "head"
        return self.clock

    def slow_encode(self, observation: Observation) -> Features:
        self.images.append(observation.stamp)
        features = self._encode(observation)
        self._ready = observation.stamp + self._latency
        wait_until(lambda: self.ended or self.clock >= self._ready, LIMIT, "the end of an encoding", interval=0.001)
        return features

    def _publish(self, chunk: ActionChunk) -> None:
        self.chunks.append((self.clock, chunk))

    def _report(self, kind: str, text: str) -> None:
        self.refusals.append((self.clock, text.removeprefix("no chunk: ")))

    def settle(self) -> None:
        """Wait until nothing more is due at this time."""
        self._reads = 0
        wait_until(lambda: not self.decisions.busy or self._ready > self.clock, LIMIT, "the inference thread", interval=0.0005)
        if self.decisions.two_rates:
            wait_until(lambda: self._reads >= POLLS, LIMIT, "the head", interval=0.0005)

    def take(self, topic: str, content: Any) -> None:
        if topic in self._cameras:
            camera = self._cameras[topic]
            self.builder.cameras.buffers[camera].add(stamp_of(content), image_of(content))
            if camera == self.builder.cameras.used[0]:
                self.loop.image_arrived()
        else:
            self.builder.joint_states.add(stamp_of(content), content.name, content.position)


def live(
    bag_path: Path,
    robot: Robot,
    policy: Policy,
    settings: Settings,
    latency: float,
    patch: pytest.MonkeyPatch,
    told: Told | None = None,
) -> dict[str, Any]:
    """`told`: what the executor tells."""
    told = told or []
    with Bag(bag_path) as bag:
        topics = [topic for topic in (*(f"/{camera.topic}" for camera in robot.cameras), "/joint_states") if topic in bag.topics]
        messages = [(m.time, m.topic, bag.decode(m)) for m in bag.messages(topics)]
    start, end = messages[0][0], messages[-1][0]
    side = Live(policy, robot, settings, latency, start)
    watches = set(range(start, end + 1, side.decisions.silent_period)) - {start}
    turns = set(range(start, end + 1, side.decisions.head_period)) if side.decisions.two_rates else set()
    endings = {time + round(latency * 1e9) for time, _, content in messages if hasattr(content, "encoding")}
    with patch.context() as patched:  # the backbone alone is slowed down: its features are real
        patched.setattr(policy, "encode", side.slow_encode)
        side.loop.start()
        try:
            side.settle()
            for time in sorted(
                {time for time, *_ in messages} | watches | turns | {t for t in endings if t <= end} | {t for t, *_ in told}
            ):
                side.clock = time
                side.settle()
                for topic, content in ((topic, content) for at, topic, content in messages if at == time):
                    side.take(topic, content)
                    side.settle()
                if time in watches:
                    side.loop.watch()
                    side.settle()
                for _, stream, foreseen in (entry for entry in told if entry[0] == time):
                    side.decisions.told(stream, foreseen)
            return outcome(side.images, side.chunks, side.refusals, side.statistics.summary())
        finally:
            side.ended = True
            side.loop.stop()


@pytest.mark.parametrize(
    ("latency", "rates"),
    [
        (0.047, {"backbone_rate_hz": 8.0}),  # images over the rate
        (0.12, {"backbone_rate_hz": 50.0}),  # images while features are being computed
        (0.1, {"backbone_rate_hz": 50.0}),  # features that are ready with the next image
        (0.047, {"backbone_rate_hz": 10.0, "head_rate_hz": 30.0}),
        (0.05, {"backbone_rate_hz": 20.0, "head_rate_hz": 30.0}),  # every image comes when the features of the one before are ready
        (0.12, {"backbone_rate_hz": 50.0, "head_rate_hz": 130.0}),  # a head that is faster than executor and joint states
    ],
)
def test_the_loop_and_the_offline_run_look_act_and_refuse_alike(
    bag_path: Path, robot: Robot, policy: Policy, latency: float, rates: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(**rates)
    on_the_robot = live(bag_path, robot, policy, settings, latency, monkeypatch)
    in_the_bag = offline(bag_path, robot, policy, settings, latency, monkeypatch)

    assert len(in_the_bag["chunks"]) >= 3 and in_the_bag["passed_over"]
    assert any("camera" in text for _, text in in_the_bag["refusals"]), "what is missing is said although no image asks"
    for what, found in on_the_robot.items():
        assert found == in_the_bag[what], what


def test_chunks_go_on_from_the_same_committed_steps_on_the_robot_and_offline(
    robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_going_on(tmp_path / "going_on", robot.file, max_prefix=12)
    policy, names = Policy.load(tmp_path / "going_on", robot), tuple(robot.joints)
    with EpisodeRecorder(tmp_path / "bag") as recorder:
        for i in range(181):
            recorder.joint_states(i * 0.01, names, np.zeros(len(names)), np.zeros(len(names)))
            if i % 10 == 2:
                recorder.image(i * 0.01, np.full((8, 8, 3), 125 + i // 10, np.uint8))
    settings, told = Settings(backbone_rate_hz=50.0), []
    settings = replace(settings, executor=replace(settings.executor, start_ramp=0.0))
    in_the_bag = offline(tmp_path / "bag", robot, policy, settings, 0.047, monkeypatch, told)
    on_the_robot = live(tmp_path / "bag", robot, policy, settings, 0.047, monkeypatch, told)

    assert on_the_robot["chunks"] == in_the_bag["chunks"]
    conditioned = [np.ptp(joints, axis=0).max() > 1e-6 for _, _, joints, _ in in_the_bag["chunks"]]
    assert sum(conditioned) >= 5 and told


def test_the_comparison_above_sees_another_rate_and_another_latency(
    bag_path: Path, robot: Robot, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, latency = Settings(backbone_rate_hz=10.0, head_rate_hz=30.0), 0.047
    on_the_robot = live(bag_path, robot, policy, settings, latency, monkeypatch)

    for other, later in ((replace(settings, backbone_rate_hz=5.0), 0.0), (replace(settings, head_rate_hz=29.0), 0.0), (settings, 0.02)):
        in_the_bag = offline(bag_path, robot, policy, other, latency + later, monkeypatch)
        assert in_the_bag["chunks"] != on_the_robot["chunks"]


def test_images_that_are_too_far_apart_are_refused_on_the_robot_and_offline_alike(
    bag_path: Path, robot: Robot, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    with Bag(bag_path) as bag, Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {t.name: t.type for t in bag.topics.values()}
        of = {n: writer.add_connection(n, kind, typestore=types) for n, kind in (*topics.items(), ("/wrist", topics["/camera/image_raw"]))}
        images = 0
        for message in bag.messages():
            if message.topic == "/camera/image_raw":
                if images % 4 == 0:  # the wrist's images are of the same instant, or 0.05 s, 0.10 s, 0.15 s older
                    writer.write(of["/wrist"], message.time, message.data)
                images += 1
            writer.write(of[message.topic], message.time, message.data)
    two = replace(robot, cameras=(*robot.cameras, Camera("wrist", "wrist")))
    vision = replace(policy.file.vision, cameras=(robot.cameras[0].name, "wrist"), combine="average")
    monkeypatch.setattr(policy, "file", replace(policy.file, vision=vision))
    settings = Settings(backbone_rate_hz=50.0, max_skew=0.06)
    on_the_robot = live(tmp_path / "bag", two, policy, settings, 0.02, monkeypatch)
    in_the_bag = offline(tmp_path / "bag", two, policy, settings, 0.02, monkeypatch)

    assert on_the_robot == in_the_bag
    assert in_the_bag["passed_over"]["refusals_skew"] >= 4 and len(in_the_bag["chunks"]) >= 4
    assert any("camera_wrist: its image is 0.1 s older than that of camera, limit 0.06 s" in text for _, text in in_the_bag["refusals"])
    generous = offline(tmp_path / "bag", two, policy, Settings(backbone_rate_hz=50.0), 0.02, monkeypatch)
    assert "refusals_skew" not in generous["passed_over"]


def told_bag(path: Path, robot: Robot, *told: tuple[float, str]) -> Path:
    """One image again and again, joints that stand still, and no sound."""
    names, image = tuple(robot.joints), np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    with EpisodeRecorder(path) as recorder:
        for time, words in told:
            recorder.instruction(time, words)
        for i in range(round(SECONDS / 0.01) + 1):
            recorder.joint_states(i * 0.01, names, np.zeros(len(names)), np.zeros(len(names)))
            if i % 5 == 2:
                recorder.image(i * 0.01, image)
    return path


def run_told(bag_path: Path, robot: Robot, policy: Policy, start: float = 0.0) -> tuple[dict[int, bytes], set[str]]:
    """Image's time [ms] -> its chunk, and what was refused."""
    with Bag(bag_path) as bag:
        begin = bag.start
        bag.cut(start, np.inf)
        day = RecordedDay(bag, robot)
        run = OfflineRun("told", bag, policy, robot, Settings(backbone_rate_hz=50.0), day.inputs, 0.01).execute(lambda time: None)
    chunks = {(chunk.stamp - begin) // MS: chunk.joints.tobytes() for _, chunk in run.chunks}
    return chunks, {re.sub(r"\d+", "#", text) for time, _, text in run.refusals if time - begin > (start + 0.1) * 1e9}


def test_a_policy_that_reads_is_told_what_the_bag_was_told(robot: Robot, tmp_path: Path) -> None:
    """All pictures and joints are the same: what differs is what was read."""
    tiny = pytest.importorskip("tiny_backbones")
    from policies import write_policy

    from neon_control.runtime.encoders.model_folder import describe_model

    tiny.TINY["qwen2_5_vl"](tmp_path / "backbone")
    spec = describe_model(str(tmp_path / "backbone"), tmp_path, tasks=True)
    write_policy(tmp_path / "policy", robot_file=robot.file, use_audio=False, vision=spec)
    policy = Policy.load(tmp_path / "policy", robot)
    assert policy.reads and policy.needs_instruction
    bag = told_bag(tmp_path / "bag", robot, (0.3, "open the drawer"), (0.6, "put the cup in"), (0.9, ""))

    chunks, refused = run_told(bag, robot, policy)
    opened, put = ({chunk for time, chunk in chunks.items() if low < time < high} for low, high in ((320, 580), (620, 880)))
    assert len(opened) == len(put) == 1 and opened != put
    assert min(chunks) > 250 and max(chunks) < 900 and any("instruction: nothing was told" in text for text in refused)
    later, _ = run_told(bag, robot, policy, start=0.45)
    assert {chunk for time, chunk in later.items() if time < 580} == opened, "what held before the cut still does"


def test_a_policy_that_listens_hears_what_a_bag_without_sound_was_told(robot: Robot, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from policies import write_policy

    write_policy(tmp_path / "policy", robot_file=robot.file)
    policy = Policy.load(tmp_path / "policy", robot)
    chunks, refused = run_told(told_bag(tmp_path / "silent", robot), robot, policy)
    assert chunks == {} and all("audio: " in text for text in refused) and refused
    chunks, refused = run_told(told_bag(tmp_path / "told", robot, (0.0, "touch the red cube")), robot, policy)
    assert len(chunks) > 5 and refused == set()
    assert len(set(chunks.values())) > 1, "the words go on while the pictures stand still"
    assert run_told(tmp_path / "told", robot, policy)[0] == chunks
