"""One policy, several tasks: what it does follows what it is told, whether it reads the words or hears them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

pytest.importorskip("torch")

from lerobot_set import FRAMES, Rows, write_set
from many_joints import write_robot

from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.recordings.finding import find_recordings
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.speech.spoken import voice
from neon_control.tools import cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

UP, DOWN = "lift the arm", "sit down and rest"
NAMES = ("joint_0", "joint_1", "joint_2")
STEPS = 4


def write(folder: Path) -> tuple[Path, Path]:
    """A robot file, and a dataset in which the task alone tells where the first joint is to go: joints and pictures stand still."""

    def edit(rows: Rows) -> None:
        lifted = [frame % FRAMES < FRAMES // 2 for frame in range(2 * FRAMES)]
        rows["observation.state"] = [[0.0, 0.0, 0.0] for _ in lifted]
        rows["action"] = [[1.0 if up else -1.0, 0.0, 0.0] for up in lifted]
        rows["task_index"] = [0 if up else 1 for up in lifted]

    data = write_set(folder / "set", edit, names=NAMES)
    parquet.write_table(arrow.table({"task_index": [0, 1], "task": [UP, DOWN]}), data / "meta/tasks.parquet")
    robot = write_robot(folder, 3)
    with robot.open("a") as stream:
        stream.write("recording: {base: '', lerobot: {image: observation.images.front}}\n")
    return robot, data


def train(folder: Path, robot: Path, data: Path, *more: str) -> Policy:
    options = f"--robot {robot} --data {data} --out {folder / 'policies'} --runs {folder / 'runs'} --cache {folder / 'cache'} --name told"
    options += f" --num_steps {STEPS} --epochs 60 --batch_size 32 --learning_rate 0.003 --validation_share 0.5 --device cpu --threads 1"
    head = ["--head.type", "chunking", "--head.hidden_dim", "32"]
    assert cli.main(["train", *options.split(), *head, "--policy.bottleneck_dim", "32", *more]) == 0
    policy = Policy.load(folder / "policies" / "told", load_robot(robot))
    assert policy.file.training["tasks"] == [UP, DOWN]
    return policy


def goal(policy: Policy, observation: Observation) -> float:
    """[rad] where the first joint is to go."""
    return float(policy.predict(observation).joints[:, 0].mean())


def seen(robot: Path, data: Path, policy: Policy) -> Observation:
    recording = find_recordings(data, load_robot(robot).recording)[1]
    return next(recording.samples(policy.file.space, 0.02, STEPS)).observation


def test_a_policy_that_reads_does_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = pytest.importorskip("tiny_backbones")
    model = tiny.TINY["qwen2_5_vl"](tmp_path / "model")
    robot, data = write(tmp_path)
    policy = train(tmp_path, robot, data, "--backbone.model", str(model), "--backbone.tasks", "true", "--policy.use_audio", "false")
    assert f"2 tasks: {UP}; {DOWN}" in capsys.readouterr().out
    assert policy.reads and policy.needs_instruction and not policy.uses_audio
    picture = seen(robot, data, policy)
    up, down = (goal(policy, replace(picture, instruction=words)) for words in (UP, DOWN))
    assert up > 0.5 and down < -0.5, (up, down)


def test_a_policy_that_listens_does_what_is_said(tmp_path: Path) -> None:
    robot, data = write(tmp_path)
    policy = train(tmp_path, robot, data, "--speak_tasks", "true")
    assert policy.uses_audio and not policy.reads
    picture = seen(robot, data, policy)
    times = np.arange(1, 11) * 730_000_000
    up, down = ([goal(policy, replace(picture, audio=voice(words, int(t)))) for t in times] for words in (UP, DOWN))
    assert np.median(up) > 0.5 and np.median(down) < -0.5, (up, down)


def test_a_policy_that_does_not_listen_cannot_be_spoken_to(tmp_path: Path) -> None:
    robot, data = write(tmp_path)
    options = ["--robot", str(robot), "--data", str(data), "--name", "deaf", "--speak_tasks", "true", "--policy.use_audio", "false"]
    assert cli.main(["train", *options]) == 2
