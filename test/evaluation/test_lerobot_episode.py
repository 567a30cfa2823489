"""An episode of a LeRobot dataset through `neon_control evaluate`: every table of a bag, and wrong use is one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lerobot_set import FRAMES, write_arm, write_set

from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation import judging
from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.finding import find_recordings
from neon_control.recordings.lerobot.episode_bag import EpisodeBag
from neon_control.recordings.lerobot.episodes import lerobot_episode, lerobot_episodes
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.policy import Policy
from neon_control.tools import cli

pytestmark = pytest.mark.timeout(400)  # [s] exports a policy, on a busy computer too


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A robot file, a policy for it, a dataset."""
    pytest.importorskip("torch")
    from policies import write_policy

    folder = tmp_path_factory.mktemp("world")
    write_policy(folder / "first", robot_file=write_arm(folder), use_audio=False)
    write_set(folder / "set")
    return folder


def evaluate(folder: Path, *more: object) -> int:
    words = ["evaluate", folder / "set", "--robot", folder / "my_arm.yaml", "--policy", folder / "first", *more]
    return cli.main([str(w) for w in words])


def test_an_episode_gives_a_report_and_the_tables_of_a_bag(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert evaluate(folder) == 0
    out, errors = capsys.readouterr()
    assert "rad from the recorded commands" in out and "set/episode_000000, the first of 2 episodes; --episode N chooses another" in errors
    report = tmp_path / "evaluation-set-episode_000000-first"
    assert len(list(report.glob("*.csv"))) == 9 + 5
    page = (report / "report.html").read_text()
    assert "first on set/episode_000000" in page and "does not tell when its frames arrived" in page
    inputs = (report / "recording_inputs.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in inputs[1:] if not line.startswith("/instruction,1,")] == [
        [t, str(FRAMES)] for t in ("/front/image_raw", "/joint_states", "/recorded/action", "/wrist/image_raw")
    ]


def test_python_gets_the_verdict_of_the_command_for_what_find_recordings_has_found(folder: Path) -> None:
    robot = load_robot(str(folder / "my_arm.yaml"))
    policy = Policy.load(folder / "first", robot, BackboneOptions(threads=1))
    recordings = find_recordings(folder / "set", robot.recording)
    judged, verdict = judging.evaluate(recordings[1], policy, robot)
    episode, _ = lerobot_episode(folder / "set", robot.recording, 1)
    with EpisodeBag(episode, robot) as bag:
        assert judging.evaluate(bag, policy, bag.robot)[1] == verdict
    assert "rad from the recorded commands" in verdict and len(judged.run.chunks) > 0
    with pytest.raises(BagError, match="no description"):
        judging.evaluate(next(iter(lerobot_episodes(folder / "first", robot.recording))), policy, robot)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--episode", "7"), "has no episode 7; it has 2, from 0 to 1"),
        (("--recorded-parameters",), "does not tell the parameters of the nodes"),
        (("--start", "60"), "asked to start at 60 s"),
    ],
)
def test_wrong_use_is_one_clear_line(folder: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folder, *options) == 2
    assert words in capsys.readouterr().err


def test_an_episode_of_a_bag_and_a_dataset_without_its_readers_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    robot = ("--robot", str(folder / "my_arm.yaml"))
    assert cli.main(["evaluate", str(tmp_path), "--episode", "0", *robot]) == 2
    assert "is no LeRobot dataset, there is no meta/info.json in it" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "neon_control.recordings.lerobot.episode_bag", None)
    assert evaluate(folder) == 2
    assert "is a LeRobot dataset, which needs the extras `cpu` and `parquet`" in capsys.readouterr().err
