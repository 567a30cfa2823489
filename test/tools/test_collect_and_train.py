"""The path that a user takes from nothing to a policy, in small."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot

pytest.importorskip("torch")


def command(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "neon_control.tools.cli", *map(str, args)]
    return subprocess.run(line, capture_output=True, text=True, timeout=240, env={**os.environ, **environment})


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_recordings_become_a_policy_that_acts(tmp_path: Path) -> None:
    from neon_control.core.sensing.observation import Observation
    from neon_control.recordings.bag_recording import BagRecording
    from neon_control.runtime.policy.policy import Policy

    data, out = tmp_path / "data", tmp_path / "policies"
    collect = ("collect", "--out", data, "--cuts", "2", "--seconds", "0.4", "--workers", "2")
    first = command(*collect, "--takes", "2")
    assert first.returncode == 0, first.stderr
    stamps = {p: p.stat().st_mtime_ns for p in data.rglob("*.mcap")}
    assert len(stamps) == 4
    (data / "take_00001_1" / "metadata.yaml").unlink()  # as if it had been cut off
    second = command(*collect, "--takes", "3")
    assert second.returncode == 0, second.stderr
    kept = data / "take_00000_0" / "take_00000_0.mcap"
    assert kept.stat().st_mtime_ns == stamps[kept] and len(list(data.rglob("metadata.yaml"))) == 6
    (tmp_path / "left_out.yaml").write_text("exclude: [{recording: take_00001_1, reason: too short}]\n")
    episodes = ("--episodes", tmp_path / "left_out.yaml")
    train = command("train", "--data", data, "--out", out, "--runs", tmp_path, "--name", "small", "--epochs", "1", *episodes)
    assert train.returncode == 0, train.stderr
    assert (
        "leaves out 1 of 6 recordings" in train.stdout and "3 episodes to train on" in train.stdout
    )  # of five: the two of one take are held out
    assert "validation error" in train.stdout
    report = (tmp_path / "small" / "report.md").read_text()
    assert "left_elbow_joint" in report and "validation joint error rad" in report
    assert {p.name for p in (tmp_path / "small").glob("*.png")} == {"losses.png", "errors.png", "calibration.png", "chunks.png"}
    robot = load_robot("g1.yaml")
    policy = Policy.load(out / "small", robot)
    sample = next(iter(BagRecording(data / "take_00002_0").samples(policy.file.space, 0.02, 16)))
    chunk = policy.predict(sample.observation)
    assert chunk.joints.shape == (16, 14) and chunk.base.shape == (16, 3) and chunk.stamp == sample.observation.stamp
    # one step of training teaches nothing, but a joint is moved by no more than half its range from where it is
    half_range = (policy.file.space.upper - policy.file.space.lower)[:14] / 2.0
    assert np.all(np.abs(chunk.joints - sample.observation.joint_positions) <= half_range + 1e-5)
    still = Observation(1, sample.observation.image, sample.observation.joint_positions, np.zeros_like(sample.observation.audio))
    assert not np.array_equal(policy.predict(still).joints, chunk.joints)  # it listens


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_policy_is_corrected_and_goes_on_learning_from_that(tmp_path: Path) -> None:
    from neon_control.recordings.bag.bag_file import Bag
    from neon_control.recordings.bag_recording import BagRecording
    from neon_control.recordings.leaders import LED_BY_NOBODY, LED_BY_PERSON, LED_BY_POLICY
    from neon_control.recordings.reading import Report
    from neon_control.runtime.policy.policy_file import read_policy_file

    data, more, out = tmp_path / "data", tmp_path / "more", tmp_path / "policies"
    assert command("collect", "--out", data, "--takes", "3", "--cuts", "1", "--seconds", "0.4", "--workers", "2").returncode == 0
    where = ("--out", out, "--runs", tmp_path, "--epochs", "1")
    assert command("train", "--data", data, "--name", "first", *where).returncode == 0
    corrections = (
        "collect",
        "--corrections",
        "--policy",
        out / "first",
        "--out",
        more,
        "--workers",
        "1",
        "--takes",
        "3",
        "--takeovers",
        "1",
    )
    collected = command(*corrections)  # one step of training teaches nothing: the expert has to take over in the first trial
    assert collected.returncode == 0 and "1 episodes" in collected.stdout and "takeover" in collected.stdout, collected
    assert [p.name for p in sorted(more.iterdir())] == ["dataset.yaml", "episode_00000"]
    again = command(*corrections)
    assert again.stdout == collected.stdout, "what is there is kept"
    with Bag(more / "episode_00000") as bag:
        said = [bag.decode(m).data for m in bag.messages(["/commander"])]
        assert bag.custom["outcome"] in ("success", "failure") and bag.custom["neon_control/takeovers"].startswith("distance")
    assert said[:2] == ["none", "policy"] and said.count("takeover") >= len(bag.custom["neon_control/takeovers"].split())
    assert all(a != b for a, b in itertools.pairwise(said)) and {*said} == {"none", "policy", "takeover"}
    space, report = read_policy_file(out / "first").space, Report()
    samples = list(BagRecording(more / "episode_00000").samples(space, 0.02, 16, report=report))
    assert {s.leader for s in samples} == {LED_BY_NOBODY, LED_BY_POLICY, LED_BY_PERSON} and not report.problems
    led = [s for s in samples if s.leader == LED_BY_PERSON and s.mask.all()]
    steps = np.abs(np.diff([s.actions[:, :14] for s in led], axis=1))
    assert sum(s[:5].sum(0).max() for s in steps) > 0.2 and steps.max() < 0.1  # [rad] he moves the arm, and nothing jumps
    goes_on = ("--init_from", out / "first", "--data", more, data, "--sampling", "interventions:0.5", "--tolerance", "10")
    trained = command("train", "--name", "second", *goes_on, *where)
    assert trained.returncode == 0, trained.stderr
    assert "person: " in trained.stdout and "50% of the draws" in trained.stdout and "policy: 0 of" in trained.stdout
    text = (tmp_path / "second" / "report.md").read_text()
    assert "old validation joint error rad" in text and " before, " in text and "| person" in text
    first, second = (read_policy_file(out / name).training for name in ("first", "second"))
    assert set(first["held_out"].split()) <= set(second["held_out"].split()) and second["seconds_used"]["person"] > 0.5
    refused = command("train", "--name", "third", *goes_on[:-1], "0", "--getting_worse", "refuse", "--learning_rate", "0.5", *where)
    assert refused.returncode != 0 and "is not delivered" in refused.stderr and not (out / "third").exists(), refused


def test_corrections_need_a_policy_and_nothing_of_demonstrations(tmp_path: Path) -> None:
    for words, message in (
        (("--corrections",), "--policy"),
        (("--policy", "g1_reach"), "--corrections"),
        (("--policy", "g1_reach", "--corrections", "--cuts", "2"), "--cuts"),
        (("--takeovers", "2"), "--takeovers"),
    ):
        result = command("collect", "--out", tmp_path / "data", *words)
        assert result.returncode == 2 and message in result.stderr and not (tmp_path / "data").exists(), result.stderr


def test_another_kind_of_recordings_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("robot: other.yaml\n")
    result = command("collect", "--out", tmp_path, "--takes", "1")
    assert result.returncode == 2
    assert "other.yaml" in result.stderr and "dataset.yaml" in result.stderr


def test_training_without_recordings_says_how_to_make_some(tmp_path: Path) -> None:
    result = command("train", "--data", tmp_path)
    assert result.returncode == 2
    assert str(tmp_path) in result.stderr and "neon_control collect" in result.stderr


def test_wrong_configuration_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("name: a\ndata: b\nepoch: 3\n")
    result = command("train", "--config", file)
    assert result.returncode == 2
    assert "epoch" in result.stderr and "Traceback" not in result.stderr


def test_what_would_fail_at_the_end_is_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    from bag_writer import BagWriter

    with BagWriter(tmp_path / "data" / "bag"):
        pass  # cannot be used: were it read, that would be the error
    (tmp_path / "thesis").mkdir()
    given = ("train", "--data", tmp_path / "data", "--runs", tmp_path / "runs", "--name")
    for words, message in (
        (("thesis", "--out", tmp_path), f"{tmp_path / 'thesis'} exists and is no policy"),
        (("a", "--out", tmp_path, "--head.type", "flow", "--head.hidden_dim", "-1"), "hidden_dim"),
        (("a", "--out", tmp_path, "--freeze", "[arm]"), "TrainConfig.freeze names ['arm']"),
        (("a", "--out", tmp_path, "--init_from", "nothing"), "nothing"),
        (("a", "--out", tmp_path, "--episodes", tmp_path / "no.yaml"), "no.yaml: cannot be read"),
        (("a", "--out", Path(__file__)), str(Path(__file__))),
    ):
        result = command(*given, *words)
        assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert (tmp_path / "thesis").is_dir()


def test_a_robot_file_that_is_missing_ends_the_collection(tmp_path: Path) -> None:
    result = command("collect", "--robot", tmp_path / "no.yaml", "--out", tmp_path / "data")
    assert result.returncode == 2 and "no.yaml" in result.stderr and not (tmp_path / "data").exists()
