import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lerobot_set import write_set
from rosbags.highlevel import AnyReader
from whole_recording import read_all

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.recordings.bag import making
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.finding import find_recordings
from neon_control.sim.demonstration_bag import START, EpisodeRecorder

NAMES = tuple(f"joint{i}" for i in range(3))
SPACE = ActionSpace("arms_only", NAMES, {"arms": slice(0, 3), "base": slice(3, 6)}, -np.ones(6), np.ones(6))


def write_ramp(path: Path, seconds: float = 1.0) -> None:
    """Everything is a known function of time t [s]: joint i is at t (i + 1), commands are twice that, vx = t."""
    scale = np.arange(1, 4)
    with EpisodeRecorder(path) as recorder:
        for i in range(150):  # sound from -2 s to +1 s; the value of a sample tells its time
            block = np.arange(i * 320, (i + 1) * 320) // 10
            recorder.audio((i + 1) * 0.02 - 2.0, block.astype(np.int16))
        for tick in range(round(seconds * 100) + 1):
            t = tick / 100
            # the driver sends its joints in another order, and one that nobody asked for
            recorder.joint_states(t, ("extra", *NAMES[::-1]), np.array([9.0, *(t * scale)[::-1]]), np.zeros(4))
            if tick % 2 == 0:
                recorder.command(t, NAMES[::-1], (2 * t * scale)[::-1], np.array([t, 0.0, -t]))
            if tick % 7 == 0:
                recorder.image(t, np.full((6, 8, 3), tick, np.uint8))


def test_every_stream_is_aligned_to_the_image_s_stamp(tmp_path: Path) -> None:
    write_ramp(tmp_path / "bag")
    samples = read_all(BagRecording(tmp_path / "bag"), SPACE, 0.02, 16).samples
    assert len(samples) == 15
    for sample in samples:
        t = (sample.observation.stamp - START) / 1e9
        assert np.all(sample.observation.image == round(100 * t))
        assert sample.observation.joint_positions == pytest.approx(t * np.arange(1, 4), abs=1e-6)
        newest = sample.observation.audio[-1] * 32768
        assert newest == pytest.approx((2.0 + t) * 16000 // 10, abs=2)
        times = np.minimum(t + 0.02 * np.arange(16), 1.0)
        assert sample.actions[:, 1] == pytest.approx(2 * times * 2, abs=1e-6)
        assert sample.actions[:, 3] == pytest.approx(times, abs=1e-6)
        assert sample.actions[:, 5] == pytest.approx(-times, abs=1e-6)


def test_a_second_camera_gives_the_image_that_the_robot_would_have_taken(tmp_path: Path) -> None:
    wrist = Camera("wrist", "wrist/image_raw")
    with EpisodeRecorder(tmp_path / "bag") as recorder:
        recorder._connections["wrist/image_raw"] = recorder._writer.add_connection(
            "/wrist/image_raw", making.IMAGE, typestore=making.types()
        )
        recorder.audio(0.0, np.zeros(320, np.int16))
        builder = ObservationBuilder(NAMES, use_audio=False, cameras=("camera", "wrist"))
        builder.cameras.look_at(Clip(), ("camera", "wrist"))
        live = []
        for tick in range(101):
            t, stamp = tick / 100, START + tick * 10_000_000
            recorder.joint_states(t, NAMES, np.full(3, t), np.zeros(3))
            recorder.command(t, NAMES, np.full(3, t), np.zeros(3))
            builder.joint_states.add(stamp, NAMES, np.full(3, t))
            image = np.full((6, 8, 3), tick, np.uint8)
            if tick >= 20 and tick % 3 == 0:
                recorder._write("wrist/image_raw", t, making.image(stamp, image, "wrist"))
                builder.cameras.buffers["wrist"].add(stamp, image)
            if tick % 7 == 0:
                recorder.image(t, image)
                builder.images.add(stamp, image)
                if tick >= 21:
                    live.append(builder.build(stamp))
    (recording,) = find_recordings(tmp_path / "bag", RecordingConfig(audio="").looking_through((Camera(), wrist)))
    samples = read_all(recording, SPACE, 0.02, 16).samples
    assert [s.observation.stamp for s in samples] == [o.stamp for o in live], "there is no sample until both cameras see"
    for sample, observation in zip(samples, live, strict=True):
        late = [int(o.others["wrist"][0][0, 0, 0]) for o in (sample.observation, observation)]
        assert late[1] <= late[0] <= round(1e-7 * (observation.stamp - START)) + 2, "at most an image that was still on its way"
        assert np.array_equal(sample.observation.image, observation.image)
    (blind,) = find_recordings(tmp_path / "bag", RecordingConfig().looking_through((Camera(), Camera("floor", "floor"))))
    assert "no topic ['floor']" in read_all(blind, SPACE, 0.02, 16).problems[0].what


def test_steps_after_the_last_command_are_masked(tmp_path: Path) -> None:
    write_ramp(tmp_path / "bag")
    samples = read_all(BagRecording(tmp_path / "bag"), SPACE, 0.02, 16).samples
    assert samples[0].mask.sum() == 16
    last = samples[-1]  # at 0.98 s; commands end at 1.0 s
    assert last.mask.tolist() == [1.0, 1.0] + [0.0] * 14
    assert np.all(last.actions[2:] == last.actions[1])


def test_a_missing_topic_is_named(tmp_path: Path) -> None:
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import Stores, get_typestore

    with Writer(tmp_path / "bag", version=9) as writer:
        writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=get_typestore(Stores.ROS2_JAZZY))
    reading = read_all(BagRecording(tmp_path / "bag"), SPACE, 0.02, 16)
    assert reading.samples == [] and "no topic ['camera/image_raw', 'joint_states']" in " ".join(map(str, reading.problems))


def test_a_demonstration_holds_what_the_robot_s_drivers_publish(recordings: Path, space: ActionSpace) -> None:
    with AnyReader([recordings / "take_00000_0"]) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert counts["/camera/image_raw"] == 7
    assert counts["/joint_states"] == 81
    assert counts["/cmd_vel"] == counts["/arm_controller/joint_trajectory"] == 41
    assert counts["/audio"] == 101 + 41
    samples = read_all(BagRecording(recordings / "take_00000_0"), space, 0.02, 16).samples
    assert len(samples) == 7
    assert samples[3].observation.image.std() > 10
    assert np.abs(samples[3].observation.audio).max() > 0


def _of_hub(name: str, home: Path) -> subprocess.CompletedProcess[str]:
    code = f"from neon_control.recordings.finding import find_recordings; print([r.name for r in find_recordings({name!r})])"
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd="/")


def test_a_dataset_is_found_by_its_repository_in_the_users_caches_without_a_network(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub/datasets--someone--reach/snapshots" / ("0" * 40)
    write_set(snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs/main").write_text("0" * 40)
    write_set(tmp_path / "lerobot/someone/push")
    for name, listed in (("someone/reach", "someone/reach/episode_000001"), ("someone/push", "push/episode_000001")):
        result = _of_hub(name, tmp_path)
        assert listed in result.stdout, result.stderr
    result = _of_hub("someone/else", tmp_path)
    assert "no such file or folder: /someone/else; nor a dataset on the hub: cannot get the dataset someone/else" in result.stderr
