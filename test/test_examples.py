"""Every file in examples/ runs as it stands, and is short enough to be read."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neon_control import load_robot
from neon_control.sim.demonstration_bag import EpisodeRecorder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str, *arguments: object) -> str:
    """What an example prints."""
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A robot that stands still for two seconds, after two of sound alone: everything that the shipped policy needs."""
    robot, path = load_robot("g1.yaml"), tmp_path / "bag"
    names, arms = tuple(robot.joints), robot.parts["arms"]
    with EpisodeRecorder(path) as recorder:
        for i in range(200):  # sound from -2 s on
            recorder.audio((i + 1) * 0.02 - 2.0, np.zeros(320, np.int16))
        for tick in range(200):
            t = tick / 100
            recorder.joint_states(t, names, np.zeros(len(names)), np.zeros(len(names)))
            if tick % 2 == 0:
                recorder.command(t, arms, np.zeros(len(arms)), np.zeros(3))
            if tick % 7 == 0:
                recorder.image(t, np.full((48, 64, 3), 90, np.uint8))
    return path


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda f: f.name)
def test_an_example_has_fewer_than_40_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 40


def test_a_policy_answers_one_image_with_a_chunk() -> None:
    printed = example("policy_on_one_image.py")

    assert printed.startswith("g1_reach: 16 steps of 0.02 s for 14 joints\n  left_shoulder_pitch_joint: ")
    assert len(printed.splitlines()) == 1 + 14


def test_a_chunk_leads_the_executor_to_its_goal_and_the_lack_of_one_to_a_stop() -> None:
    printed = example("chunk_through_executor.py")

    assert [line.split(": ")[1].split(",")[0] for line in printed.splitlines()] == [
        "waiting", "holding", "ramping", "running", "braking", "holding",
    ]  # fmt: skip
    assert printed.endswith("first joint at 0.200 rad\n")


def test_a_bag_is_evaluated(bag: Path) -> None:
    printed = example("bag_evaluated.py", bag)

    assert "g1_reach: " in printed and " chunks in 4.0 s, " in printed and "rad from the recorded commands" in printed
    assert "  left_elbow_joint: 0." in printed


def test_a_head_of_one_s_own_learns() -> None:
    losses = [float(line.split()[-1]) for line in example("own_head.py").splitlines()]

    assert losses[0] > losses[1] > losses[2]


def test_a_robot_file_is_described_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    assert example("robot_file_checked.py").startswith("unitree_g1: 29 joints, a base, ")
    (tmp_path / "wrong.yaml").write_text("name: wrong\n")
    command = [sys.executable, EXAMPLES / "robot_file_checked.py", tmp_path / "wrong.yaml"]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith(f"{tmp_path / 'wrong.yaml'}: ")


def test_an_output_of_one_s_own_gets_every_command() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as robot:
        robot.bind(("127.0.0.1", 0))
        robot.settimeout(1.0)
        assert example("custom_output.py", *robot.getsockname()).startswith("holding: ")
        command = json.loads(robot.recv(65536))

    assert command["positions"] == pytest.approx([0.1] * 6)
    assert command["velocities"] == pytest.approx([0.0] * 6)
