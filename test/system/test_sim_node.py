"""The simulated robot as a process: what a robot's drivers promise on the wire."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sim_process import Listener, SimProcess, simulated_robot
from waiting import wait_until

from neon_control.core.robot.robot_file import load_robot

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]
PAUSE = threading.Event()


@pytest.fixture
def robot(ros_domain_id: int, tmp_path: Path) -> Iterator[tuple[SimProcess, Listener]]:
    with simulated_robot(tmp_path, width=640, height=480) as pair:
        yield pair


def test_sensors_come_complete_at_their_rates(robot: tuple[SimProcess, Listener]) -> None:
    _, listener = robot
    sent_before, begin = listener.truth["images_sent"], time.monotonic()
    listener.clear()
    wait_until(lambda: listener.truth["images_sent"] >= sent_before + 150, 60.0, "150 images")
    seconds = time.monotonic() - begin
    sent = listener.truth["images_sent"] - sent_before
    stamps = {topic: np.array(values) for topic, values in listener.stamps.items()}
    sound = np.concatenate(listener.sound)
    print(f"{seconds:.1f} s: {sent} images sent, {len(stamps['camera/image_raw'])} received at 640 x 480;", end=" ")
    print({topic: round(len(values) / seconds, 1) for topic, values in stamps.items()}, f"{len(sound) / seconds:.0f} samples/s")
    assert len(stamps["camera/image_raw"]) >= 0.99 * sent - 1  # the counters are read 50 ms apart
    assert all((np.diff(values) > 0).all() for values in stamps.values())
    # The tenth percentile is what the node does when it gets the processor, also on a computer that is busy with other things.
    for topic, period in (("joint_states", 5e6), ("odom", 20e6), ("camera/image_raw", 1e9 / 15)):
        assert np.percentile(np.diff(stamps[topic]), 10) == pytest.approx(period, rel=0.3), topic
    assert len(sound) == pytest.approx(16000 * seconds, rel=0.15)
    assert all(len(block) == 320 for block in listener.sound)

    joints, image = listener.newest["joint_states"], listener.newest["camera/image_raw"]
    assert sorted(joints.name) == sorted(load_robot("g1.yaml").joints)
    assert len(joints.position) == len(joints.velocity) == 29
    assert (image.width, image.height, image.encoding, image.step, len(image.data)) == (640, 480, "rgb8", 1920, 921600)
    assert np.frombuffer(image.data, np.uint8).std() > 10
    assert abs(time.time_ns() - stamps["joint_states"][-1]) < 1e9


def test_a_trajectory_is_followed_and_wrong_ones_change_nothing(robot: tuple[SimProcess, Listener]) -> None:
    process, listener = robot
    names = list(load_robot("g1.yaml").controllers[0].joints)
    goal = [listener.joints()[n] + (0.3 if n.startswith("left") else 0.0) for n in names]

    def reached() -> bool:
        return max(abs(listener.joints()[n] - g) for n, g in zip(names, goal, strict=True)) < 0.02

    listener.send_trajectory(names[::-1], goal[::-1], 0.5)  # any order
    wait_until(reached, 10.0, "the goal")
    listener.send_trajectory(names[:-1], [0.0] * 13, 0.1)
    wait_until(lambda: "refused: joints missing: ['right_wrist_yaw_joint']" in process.log.read_text(), 5.0, "the refusal in the log")
    listener.send_trajectory(names, [float("nan")] * 14, 0.1)
    PAUSE.wait(0.5)
    assert reached()


def test_the_base_stops_by_itself_within_its_timeout(robot: tuple[SimProcess, Listener]) -> None:
    _, listener = robot
    listener.reset()

    def drive() -> None:
        listener.drive((-0.3, 0.0, 0.0))
        PAUSE.wait(0.02)

    wait_until(lambda: listener.base_velocity()[0] < -0.25, 10.0, "motion", tick=drive)
    last = time.monotonic()
    wait_until(lambda: np.abs(listener.base_velocity()).max() < 0.01, 5.0, "standstill", interval=0.005)
    took = time.monotonic() - last
    print(f"standstill {took:.2f} s after the last command")
    assert 0.4 < took < 1.0


def test_reset_begins_the_next_episode_of_the_seed(robot: tuple[SimProcess, Listener]) -> None:
    _, listener = robot

    def episode() -> tuple:
        answer = listener.reset()
        assert answer.success
        index = int(answer.message.split()[1])
        wait_until(lambda: listener.truth["index"] == index and listener.truth["seed"] == 5, 5.0, "the episode")
        places = {colour: np.round(place[:2], 3).tolist() for colour, place in listener.truth["cubes"].items()}
        return index, listener.truth["target"], places

    assert listener.set("seed", 5).successful
    first, second = episode(), episode()
    assert (first[0], second[0]) == (0, 1)
    assert first[2] != second[2]
    listener.set("seed", 5)
    assert episode() == first


def test_the_command_can_be_chosen_muted_and_the_camera_blinded(robot: tuple[SimProcess, Listener]) -> None:
    _, listener = robot
    assert listener.set("colour", "blue").successful
    wait_until(lambda: listener.truth["target"] == "blue" and "blue" in listener.truth["text"], 5.0, "the command")
    refused = listener.set("colour", "green")
    assert not refused.successful
    assert "'green'" in refused.reason

    listener.set("mute", True)
    wait_until(lambda: listener.truth["text"] == "", 5.0, "silence")
    assert listener.truth["target"] == "blue"

    listener.set("blind", True)
    wait_until(lambda: not np.frombuffer(listener.newest["camera/image_raw"].data, np.uint8).any(), 5.0, "a black image")
    listener.set("blind", False)
    wait_until(lambda: np.frombuffer(listener.newest["camera/image_raw"].data, np.uint8).any(), 5.0, "an image")


def test_it_ends_quickly_and_cleanly_on_sigint(robot: tuple[SimProcess, Listener]) -> None:
    process, _ = robot
    code, seconds = process.interrupt()
    print(f"ended {seconds:.2f} s after SIGINT")
    assert code == 0
    assert seconds < 3.0
    assert "Traceback" not in process.log.read_text()


def test_a_wrong_parameter_is_a_clear_refusal(ros_domain_id: int, tmp_path: Path) -> None:
    process = SimProcess(tmp_path / "log", robot_config="nowhere.yaml")
    assert process.process.wait(60.0) == 1
    assert "no such file: nowhere.yaml" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()
