"""README, "With your robot", word for word: from recordings to a policy, a report and a replay, on bags and on LeRobot datasets.

Two cameras, two joints in degrees and a gripper in percent of its range.
"""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lerobot_2_1 import write_2_1
from lerobot_peer import CAMERAS, NAMES
from lerobot_set import JOINTS, write_arm
from lerobot_venv import peer
from rosbags.rosbag2 import StoragePlugin, Writer

from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.transport import PROFILES
from neon_control.recordings.bag import making
from neon_control.recordings.lerobot.episode_bag import ACTION, EpisodeBag
from neon_control.recordings.lerobot.episodes import lerobot_episode

ROOT = Path(__file__).parents[2]
EPISODES, FRAMES, SIZE = 3, 45, (96, 128)
TAKE = Path("bags/take_1")
BRIEFLY = ("--epochs", "3")
LIMIT = 800.0  # [s] of one command, on a busy computer


def commands() -> dict[str, list[str]]:
    """Name -> words, of README's commands that follow the recording."""
    text = (ROOT / "README.md").read_text()
    text = text[text.index("## With your robot") : text.index("Run it, and watch it in a browser")]
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if line.startswith("neon_control ")]
    found = {words[1]: words for words in lines}
    assert list(found) == ["record", "recordings", "train", "policy", "evaluate", "replay"]
    return found


def bags(folder: Path) -> None:
    """The same frames as a robot's drivers would have been recorded."""
    robot = load_robot(folder / "my_arm.yaml")
    source = write_2_1(folder / "source", EPISODES, FRAMES, SIZE)
    for number in range(EPISODES):
        path = folder / TAKE.parent / f"take_{number + 1}"
        path.parent.mkdir(exist_ok=True)
        with (
            EpisodeBag(lerobot_episode(source, robot.recording, number)[0], robot) as bag,
            Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer,
        ):
            names = {topic: f"/{robot.controllers[0].topic}" if topic == ACTION else topic for topic in bag.topics}
            to = {t: writer.add_connection(name, bag.topics[t].type, typestore=making.types()) for t, name in names.items()}
            for message in bag.messages():
                writer.write(to[message.topic], message.time, message.data)


def version_2_1(folder: Path) -> None:
    write_2_1(folder / TAKE, EPISODES, FRAMES, SIZE)


def version_3(folder: Path) -> None:
    peer("write", folder / TAKE, EPISODES, FRAMES, *SIZE, "video")


@pytest.mark.system
@pytest.mark.patient
@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("make", [bags, version_2_1, version_3])
def test_readmes_commands_lead_to_a_policy_a_report_and_a_replay(make: Callable[[Path], None], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    named = dict(zip(JOINTS, NAMES, strict=True))
    lerobot = {"state": named, "action": named, "unit": "deg", "joints": {"gripper": {"range": [0, 100]}}}
    write_arm(tmp_path, cameras=CAMERAS, lerobot=lerobot)
    make(tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != PROFILES} | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)}

    def run(words: list[str], *more: str) -> str:
        line = [str(Path(sys.executable).with_name(words[0])), *words[1:], *more]
        done = subprocess.run(line, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout + done.stderr

    said = commands()
    assert f"3 of 3 recordings are usable: {EPISODES * FRAMES} samples" in run(said["recordings"])
    run(said["train"], *BRIEFLY, "--cameras", f"[{', '.join(CAMERAS)}]")  # README's own words look through the first one
    assert "my_task" in run(said["policy"])
    verdict = run(said["evaluate"])
    assert "rad from the recorded commands" in verdict and "followed" in verdict
    (report,) = tmp_path.glob("evaluation-*-my_task")
    assert (report / "report.html").stat().st_size > 100_000 and len(list(report.glob("*.csv"))) == 9 + 5
    with (report / "my_task_methods.csv").open() as stream:
        assert all(float(row["following"]) > 0.0 for row in csv.DictReader(stream))  # so little training may stop where it is far off
    told = run(said["replay"])
    assert "messages played" in told and "not played" not in told and "publishing chunks" in told
