"""Every kind of bag that a robot may record becomes samples; what is wrong with it is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from bag_writer import (
    START,
    TYPES,
    BagWriter,
    compressed_image,
    header,
    image,
    joint_state,
    make,
    position_command,
    service_event,
    sound,
    text,
    trajectory,
    twist,
)
from rosbags.rosbag2 import CompressionMode, Reader, StoragePlugin
from whole_recording import Reading, read_all

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig
from neon_control.core.robot.view import Crop, View
from neon_control.core.sensing.image_buffer import Clip
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.leaders import LED_BY_PERSON, LED_BY_POLICY, NEVER, SHOWN
from neon_control.recordings.reading import Report

NAMES = ("joint0", "joint1", "joint2")
SPACE = ActionSpace("arms_only", NAMES, {"arms": slice(0, 3), "base": slice(3, 6)}, -np.ones(6), np.ones(6))
CONFIG = RecordingConfig(commands=(CommandTopic("arm/commands", NAMES[::-1]),))
SCALE = np.arange(1, 4)
CAMERA = "camera/image_raw"
DELAY = 0.03  # [s] from an image's stamp to its arrival


def png(value: int) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((6, 8, 3), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


Change = Callable[[str, float], bool]


def write(path: Path, seconds: float = 1.0, keep: Change = lambda topic, time: True, camera: str = CAMERA, **options: object) -> Path:
    """Joint i is at t (i + 1), commands are twice that, vx = t, an image's pixels are 100 t; `keep` decides what is written."""
    with BagWriter(path, **options) as bag:  # type: ignore[arg-type]

        def put(topic: str, received: float, message: object) -> None:
            if keep(topic, received):
                bag.write(topic, received, message)

        for tick in range(round(seconds * 100) + 1):
            t = tick / 100
            put("joint_states", t, joint_state(t, NAMES, t * SCALE))
            if tick % 2 == 0:
                put("audio", t, sound(np.full(320, tick)))
                put("arm/commands", t, position_command((2 * t * SCALE)[::-1]))
                put("cmd_vel", t, twist(t, 0.0, -t))
            if tick % 10 == 3:
                taken = t - DELAY
                rgb = np.full((6, 8, 3), round(100 * taken) % 256, np.uint8)
                put(camera, t, compressed_image(taken, png(round(100 * taken) % 256)) if "compressed" in camera else image(taken, rgb))
    return path


def read(path: Path, config: RecordingConfig = CONFIG, clip: Clip | None = None) -> Reading:
    return read_all(BagRecording(path, config), SPACE, 0.02, 16, clip)


def problems(reading: Reading) -> str:
    return "\n".join(f"{p.where} | {p.time} | {p.what} | {p.count}" for p in reading.problems)


def times(reading: Reading) -> list[float]:
    return [round((s.observation.stamp - START) / 1e9, 3) for s in reading.samples]


def check_ramp(reading: Reading) -> None:
    for sample in reading.samples:
        t = (sample.observation.stamp - START) / 1e9
        assert np.all(sample.observation.image == round(100 * t) % 256)
        assert sample.observation.joint_positions == pytest.approx(t * SCALE, abs=1e-6)
        grid = t + 0.02 * np.arange(16)
        known = sample.mask > 0
        assert sample.actions[known, 1] == pytest.approx((2 * grid * 2)[known], abs=1e-6)
        assert sample.actions[known, 3] == pytest.approx(grid[known], abs=1e-6)
        assert np.all(np.diff(sample.mask) <= 0)


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        (StoragePlugin.MCAP, CompressionMode.NONE),
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    ],
)
def test_every_storage_and_compression_gives_the_same_samples(storage: StoragePlugin, compression: CompressionMode, tmp_path: Path) -> None:
    reading = read(write(tmp_path / "bag", storage=storage, compression=compression))
    assert times(reading) == [round(0.1 * i, 3) for i in range(10)]
    assert reading.problems == []
    check_ramp(reading)


def test_compressed_images_are_found_and_a_damaged_one_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", camera=f"{CAMERA}/compressed")
    assert times(read(path)) == [round(0.1 * i, 3) for i in range(10)]
    check_ramp(read(path))
    with BagWriter(tmp_path / "damaged") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            if tick % 10 == 3:
                data = png(1)[:40] if tick == 53 else png(1)
                bag.write(f"{CAMERA}/compressed", t, compressed_image(t, data))
    damaged = read(tmp_path / "damaged")
    assert times(damaged) == [0.03, 0.13, 0.23, 0.33, 0.43, 0.63, 0.73, 0.83, 0.93]
    assert "damaged | 0.53 | no observation: camera: 40 bytes of compressed image cannot be decoded" in problems(damaged)


def test_without_commands_the_next_measured_state_is_the_target(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "bag", keep=lambda topic, _: topic not in ("arm/commands", "cmd_vel")))
    sample = reading.samples[3]
    grid = (sample.observation.stamp - START) / 1e9 + 0.02 * np.arange(1, 17)
    assert sample.actions[:, :3] == pytest.approx(grid[:, None] * SCALE, abs=1e-6)
    assert not sample.actions[:, 3:].any() and sample.mask.all()
    assert "no commands of ['joint0', 'joint1', 'joint2']; the next measured positions stand in for them" in problems(reading)
    assert "no commands of the base on 'cmd_vel'; it is taken to stand still" in problems(reading)
    chosen = read(tmp_path / "bag", replace(CONFIG, commands=(), base=""))
    np.testing.assert_array_equal(chosen.samples[3].actions, sample.actions)
    assert chosen.problems == [], "nothing is missing that was not asked for"


def test_the_executor_s_own_commands_count_from_when_they_were_received(tmp_path: Path) -> None:
    """Its trajectories are stamped 0, which means now, and hold the next point and the point of rest."""
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            bag.write("arm/commands", t, trajectory(None, NAMES[::-1], (0.01, [3 * (t + 0.01)] * 3), (0.06, [9.0] * 3)))
            if tick % 10 == 3:
                bag.write(CAMERA, t, image(t - DELAY, np.zeros((6, 8, 3), np.uint8)))
    sample = read(tmp_path / "bag").samples[3]
    grid = (sample.observation.stamp - START) / 1e9 + 0.02 * np.arange(16)
    assert sample.mask.all()
    assert sample.actions[:, 0] == pytest.approx(3 * grid, abs=1e-6)


@pytest.mark.parametrize("way", ["topic", "service"])
def test_a_boundary_begins_an_episode_that_no_target_and_no_clip_crosses(way: str, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(301):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            bag.write("arm/commands", t, position_command(t * SCALE))
            if tick % 10 == 0:
                bag.write(CAMERA, t, image(t, np.full((6, 8, 3), tick // 2, np.uint8)))
            if tick in (105, 205):
                if way == "topic":
                    bag.write("episode", t, text("begin"))
                else:  # the same call as its client sent it, its server received it, and so on: four events
                    for kind in range(4):
                        received = START + round((t + 0.001 * kind) * 1e9)
                        bag.write_raw("reset/_service_event", "std_srvs/srv/Trigger_Event", received, service_event(kind, tick))
    config = replace(
        CONFIG, commands=(CommandTopic("arm/commands", NAMES),), boundary="/episode" if way == "topic" else "reset/_service_event"
    )
    reading = read(tmp_path / "bag", config, Clip(3, 10.0))
    assert [s.episode for s in reading.samples] == [0] * 9 + [1] * 8 + [2] * 8
    assert times(reading)[9] == 1.3, "the first clip of the second episode begins with its first image, at 1.1 s"
    before = reading.samples[8]  # at 1.0 s; the episode ends at 1.05 s
    assert before.mask.tolist() == [1, 1, 1] + [0] * 13
    assert before.actions[3:, 0] == pytest.approx(1.05, abs=1e-3)


def test_episodes_shorter_than_a_chunk_are_left_out_and_said(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            if tick % 10 == 0:
                bag.write(CAMERA, t, image(t, np.zeros((6, 8, 3), np.uint8)))
            if tick in (40, 60):
                bag.write("episode", t, text("begin"))
    reading = read(tmp_path / "bag", replace(CONFIG, commands=(), boundary="episode"))
    assert {s.episode for s in reading.samples} == {0, 2}
    assert "episode 1 lasts 0.20 s, shorter than one chunk of 0.32 s" in problems(reading)


def test_gaps_of_every_stream_are_said_and_only_their_samples_are_missing(tmp_path: Path) -> None:
    def keep(topic: str, time: float) -> bool:
        return not (
            (topic == "joint_states" and 0.3 < time < 0.9)
            or (topic == CAMERA and 1.3 < time < 2.1)
            or (topic == "audio" and 2.4 < time < 2.7)
            or (topic == "arm/commands" and 3.0 < time < 3.7)
        )

    reading = read(write(tmp_path / "bag", 4.0, keep))
    assert [t for t in times(reading) if t < 1.2] == [0.0, 0.1, 0.2, 0.3, 0.9, 1.0, 1.1], "a state 0.2 s old is too old for the live node"
    text = problems(reading)
    assert "no observation: joint_states: the asked time is" in text or "no observation: joint_states: 0." in text
    assert "no image for 0.90 s" in text
    assert "sound is missing; silence stands in for it" in text
    assert "no command for 0.7" in text
    check_ramp(replace(reading, samples=[s for s in reading.samples if s.observation.stamp < START + 2.5 * 10**9]))


def test_stamps_of_another_clock_are_said_and_messages_without_a_stamp_moved(tmp_path: Path) -> None:
    """A recorder on wall time beside a robot on simulated time: the same samples, but for the problem."""
    path = write(tmp_path / "bag")
    plain = read(path)
    with BagWriter(tmp_path / "late") as bag, Reader(path) as reader:
        for connection, received, raw in reader.messages():
            bag.write_raw(connection.topic.lstrip("/"), connection.msgtype, received + 5 * 10**15, raw)
    late = read(tmp_path / "late")
    assert "receive times are 5000000.00 s later than the stamps of joint_states: another clock" in problems(late)
    assert len(late.samples) == len(plain.samples)
    for ours, theirs in zip(late.samples, plain.samples, strict=True):
        np.testing.assert_array_equal(ours.observation.audio, theirs.observation.audio)
        np.testing.assert_array_equal(ours.actions, theirs.actions)


def test_after_a_reset_of_time_the_commands_of_before_still_count(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(200):
            t, received = tick % 100 / 100, tick / 100
            bag.write("joint_states", received, joint_state(t, NAMES, [t] * 3))
            bag.write("arm/commands", received, trajectory(t, NAMES, (0.0, [0.5 + tick // 100] * 3)))
            bag.write("cmd_vel", received, make("geometry_msgs/msg/TwistStamped", header(t), twist(0.5 + tick // 100, 0.0, 0.0)))
            if tick % 20 == 5:
                bag.write(CAMERA, received, image(t, np.zeros((6, 8, 3), np.uint8)))
    reading = read(tmp_path / "bag")
    assert len(reading.samples) == 5
    assert all((s.actions[s.mask > 0, :4] == 0.5).all() for s in reading.samples)
    for topic in ("arm/commands", "cmd_vel"):
        assert f"{topic} | 1.0 | command refused: stamped 1.00 s before it was received; was time reset" in problems(reading)


def test_a_camera_on_another_clock_than_the_joints_gives_no_samples(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            if tick % 10 == 0:
                bag.write(CAMERA, t, image(t + 2.0, np.zeros((6, 8, 3), np.uint8)))
    reading = read(tmp_path / "bag")
    assert reading.samples == []
    assert "stamped 1.98 s in the future, limit 0.1 s; are the clocks synchronised? | 11" in problems(reading)


def test_missing_topics_are_said_and_sound_is_replaced_by_silence(tmp_path: Path) -> None:
    silent = read(write(tmp_path / "silent", keep=lambda topic, _: topic != "audio"))
    assert len(silent.samples) == 10 and not silent.samples[5].observation.audio.any()
    assert silent.samples[5].observation.audio.shape == (32000,)
    assert "no topic 'audio'; silence stands in for it" in problems(silent)
    blind = read(write(tmp_path / "blind", keep=lambda topic, _: topic != CAMERA))
    assert blind.samples == []
    assert f"no topic ['{CAMERA}']; the bag has ['arm/commands', 'audio', 'cmd_vel', 'joint_states']" in problems(blind)


def test_joints_that_several_drivers_report_are_each_interpolated_between_their_own_messages(tmp_path: Path) -> None:
    """The wound: every message of a robot with two drivers was refused, and its recordings gave no samples."""
    with BagWriter(tmp_path / "bag") as bag:
        for i in range(201):
            t = i * 0.01
            bag.write("joint_states", t, joint_state(t, ("gripper",), []))
            names, scale = ((NAMES[0],), SCALE[:1]) if i % 2 else (NAMES[:0:-1], SCALE[:0:-1])
            bag.write("joint_states", t, joint_state(t, names, t * scale))
            if i % 10 == 5:
                bag.write(CAMERA, t, image(t - DELAY - 0.003, np.zeros((6, 8, 3), np.uint8)))
    reading = read(tmp_path / "bag", replace(CONFIG, commands=(), base="", audio=""))
    assert len(reading.samples) == 20 and reading.problems == []
    for sample in reading.samples:
        now = (sample.observation.stamp - START) * 1e-9
        assert sample.observation.joint_positions == pytest.approx(now * SCALE, abs=1e-6)
        later = (now + 0.02 * np.arange(1, 17))[:, None] * SCALE
        known = sample.mask > 0
        assert sample.actions[known, :3] == pytest.approx(later[known], abs=1e-6), "the measured state one step later"


def test_what_is_seen_of_each_camera_is_what_the_robot_file_says_and_its_features_are_others(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    yuyv = np.tile(np.array([200, 128], np.uint8), (6, 8))
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [t] * 3))
            if tick % 10 == 0:
                wrist = image(t, np.zeros((6, 8, 3), np.uint8))
                wrist.encoding, wrist.step, wrist.data = "yuyv", 16, yuyv.reshape(-1)
                bag.write("wrist/image", t, wrist)
                bag.write(CAMERA, t, image(t, picture))
    plain = replace(CONFIG, commands=(), base="", audio="")
    cameras = Camera("head", CAMERA, rotate=90), Camera("wrist", "wrist/image", crop=Crop(right=0.25))
    config = plain.looking_through(cameras)
    sample = read(tmp_path / "bag", config).samples[3].observation
    np.testing.assert_array_equal(sample.image, np.rot90(picture, -1))
    np.testing.assert_array_equal(sample.others["wrist"][0], np.full((6, 2, 3), 214))

    def fingerprint(config: RecordingConfig) -> str:
        return BagRecording(tmp_path / "bag", config).fingerprint()

    alone = plain.looking_through(cameras[:1])
    turned = replace(alone, view=View())
    assert len({fingerprint(config), fingerprint(alone), fingerprint(turned), fingerprint(replace(config, others=()))}) == 3
    assert fingerprint(turned) == fingerprint(plain), "nothing is done, and nothing is computed anew"


def test_messages_that_contradict_themselves_are_refused_and_counted(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            wrong = tick in (50, 51)
            bag.write("joint_states", t, joint_state(t, NAMES, [np.nan if wrong else t] * 3))
            bag.write("arm/commands", t, position_command([t] * (2 if wrong else 3)))
            if tick % 10 == 0:
                picture = image(t, np.zeros((6, 8, 3), np.uint8))
                if tick == 20:
                    picture.encoding = "32FC1"
                bag.write(CAMERA, t, picture)
    reading = read(tmp_path / "bag")
    assert len(reading.samples) == 10
    assert "joint_states | 0.5 | message refused: joint_states: position of ['joint0', 'joint1', 'joint2'] is not finite | 2" in problems(
        reading
    )
    assert "camera/image_raw | 0.2 | message refused: camera: encoding '32FC1' is not supported" in problems(reading)
    assert "arm/commands | 0.5 | command refused: 3 joints" in problems(reading)


def test_where_every_command_is_refused_the_measured_states_stand_in_for_them_to_the_end(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [t] * 3))
            bag.write("arm/commands", t, position_command([t] * 4))  # a gripper that nobody configured
            if tick % 10 == 0:
                bag.write(CAMERA, t, image(t, np.zeros((6, 8, 3), np.uint8)))
    reading = read(tmp_path / "bag")
    assert "arm/commands | 0.0 | command refused: 3 joints" in problems(reading) and "no commands of" in problems(reading)
    assert times(reading) == pytest.approx(np.arange(10) / 10)
    assert reading.samples[5].actions[:, 0] == pytest.approx(0.52 + 0.02 * np.arange(16))


def test_a_message_type_that_only_the_bag_knows_is_read_by_its_own_definition(tmp_path: Path) -> None:
    def write_audio(bag: BagWriter, t: float) -> None:
        bag.write("audio", t, make("audio_common_msgs/msg/AudioData", np.full(320, 1000, "<i2").view(np.uint8)))

    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, t * SCALE))
            if tick % 2 == 0:
                write_audio(bag, t)
            if tick % 10 == 3:
                bag.write(CAMERA, t, image(t, np.zeros((6, 8, 3), np.uint8)))
    reading = read(tmp_path / "bag")
    assert reading.samples[5].observation.audio[-4000:] == pytest.approx(1000 / 32768)


def test_messages_with_padding_behind_them_are_read(tmp_path: Path) -> None:
    """What rclpy's serialize_message makes of a JointState without velocities; rosbags' own check refuses it."""
    with BagWriter(tmp_path / "bag") as bag:
        for tick in range(101):
            t = tick / 100
            raw = bytes(TYPES.serialize_cdr(joint_state(t, NAMES, t * SCALE), "sensor_msgs/msg/JointState"))
            bag.write_raw("joint_states", "sensor_msgs/msg/JointState", START + round(t * 1e9), raw + bytes(8))
            if tick % 10 == 3:
                bag.write(CAMERA, t, image(t, np.zeros((6, 8, 3), np.uint8)))
    assert len(read(tmp_path / "bag").samples) == 10


def told(path: Path, *messages: tuple[float, object], topic: str = "instruction", config: RecordingConfig = CONFIG) -> Reading:
    write(path)
    with BagWriter(path.with_name(f"{path.name}_told")) as bag:
        for received, message in messages:
            bag.write(topic, received, message)
        with Reader(path) as source:
            for connection, time, data in source.messages():
                bag.write_raw(connection.topic.lstrip("/"), connection.msgtype, time, data)
    return read(path.with_name(f"{path.name}_told"), config)


def test_what_was_told_last_holds_until_something_else_is_told(tmp_path: Path) -> None:
    reading = told(tmp_path / "bag", (0.0, text("reach for  red")), (0.42, text("stop\n")), (0.62, text("")))
    said = [(s.observation.stamp - START, s.observation.instruction) for s in reading.samples]
    assert {t for time, t in said if time < 0.4e9 - 0.05e9} == {"reach for red"}
    assert {t for time, t in said if 0.42e9 < time < 0.57e9} == {"stop"}
    assert {t for time, t in said if time > 0.65e9} == {""}
    assert reading.problems == read(tmp_path / "bag").problems, "words are told at no rate"


def test_words_of_another_type_or_that_cannot_be_told_are_a_problem_and_cost_nothing_else(tmp_path: Path) -> None:
    config = replace(CONFIG, instruction="/said")
    reading = told(tmp_path / "bag", (0.0, text("go")), (0.3, text("a\x07b")), topic="said", config=config)
    assert {s.observation.instruction for s in reading.samples} == {"go"}
    assert [str(p) for p in reading.problems if "said" in p.where] == [
        "bag_told said at 0.30 s: message refused: instruction: 'a\\x07b' holds \\x07, needs letters and signs"
    ]
    other = told(tmp_path / "other", (0.0, twist(0.0, 0.0, 0.0)))
    assert any("needs std_msgs/msg/String; nothing is told" in p.what for p in other.problems) and len(other.samples) == len(
        reading.samples
    )


def test_the_topic_of_the_words_changes_no_fingerprint_of_those_that_do_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "bag")
    one, two = BagRecording(path, CONFIG), BagRecording(path, replace(CONFIG, instruction="said"))
    assert one.fingerprint() == two.fingerprint() and one.instruction_fingerprint() != two.instruction_fingerprint()


@pytest.mark.parametrize(("camera", "kind"), [(CAMERA, ("raw", "rgb8")), (f"{CAMERA}/compressed", ("compressed", "png"))])
def test_how_the_images_came_is_reported(camera: str, kind: tuple[str, str], tmp_path: Path) -> None:
    report = Report()
    list(BagRecording(write(tmp_path / "bag", camera=camera), CONFIG).samples(SPACE, 0.02, 4, report=report))
    ((name, found),) = report.images
    assert (name, found.transport, found.encoding, report.images[name, found]) == ("camera", *kind, 10)


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.02), (64, 0.01)])
def test_samples_have_the_horizon_that_is_asked_for(num_steps: int, dt: float, tmp_path: Path) -> None:
    reading = read_all(BagRecording(write(tmp_path / "bag", 1.5), CONFIG), SPACE, dt, num_steps)
    assert len(reading.samples) >= 10
    for sample in reading.samples:
        grid = (sample.observation.stamp - START) / 1e9 + dt * np.arange(num_steps)
        known = sample.mask > 0
        assert sample.actions.shape == (num_steps, 6) and known.sum() == pytest.approx((grid <= 1.5).sum(), abs=2)
        assert sample.actions[known, 3] == pytest.approx(grid[known], abs=0.01)
    assert reading.samples[0].mask.all()


def test_a_recording_that_is_shorter_than_a_chunk_says_so(tmp_path: Path) -> None:
    reading = read_all(BagRecording(write(tmp_path / "bag"), CONFIG), SPACE, 0.1, 64)
    assert not reading.samples and "shorter than one chunk of 6.40 s (num_steps x dt)" in problems(reading)


def test_who_led_marks_each_sample_and_nobody_is_taught_what_another_one_did(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", seconds=2.0)
    with BagWriter(tmp_path / "led") as bag, Reader(path) as reader:
        for connection, received, raw in reader.messages():
            bag.write_raw(connection.topic.lstrip("/"), connection.msgtype, received, raw)
        for time, word in ((0.0, "policy"), (1.0, "takeover"), (1.5, "policy")):
            bag.write("commander", time, text(word))
    plain, led = read(path), read(tmp_path / "led")
    assert {(s.leader, s.before_takeover) for s in plain.samples} == {(SHOWN, NEVER)}
    assert [s.observation.stamp for s in led.samples] == [s.observation.stamp for s in plain.samples]
    for before, sample in zip(plain.samples, led.samples, strict=True):
        time = (sample.observation.stamp - START) / 1e9
        assert sample.leader == (LED_BY_PERSON if 1.0 <= time < 1.5 else LED_BY_POLICY)
        assert sample.before_takeover == (pytest.approx(1.0 - time) if time < 1.0 else NEVER)
        end = 1.0 if time < 1.0 else 1.5 if time < 1.5 else 99.0
        steps = time + 0.02 * np.arange(len(sample.mask))
        assert np.array_equal(sample.mask > 0, (before.mask > 0) & (steps < end - 1e-9)) and sample.mask[0]
        count = int(sample.mask.sum())
        assert np.allclose(sample.actions[:count], before.actions[:count])


def test_a_bag_says_how_it_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "bag")
    file = path / "metadata.yaml"
    for outcome in ("success", "failure", ""):
        data = yaml.safe_load(file.read_text())
        data["rosbag2_bagfile_information"]["custom_data"] = {"outcome": outcome} if outcome else None
        file.write_text(yaml.safe_dump(data))
        report = Report()
        list(BagRecording(path, CONFIG).samples(SPACE, 0.02, 4, report=report))
        assert report.outcome == outcome and not report.problems
