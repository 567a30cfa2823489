"""`neon_control features` as a user runs it: killed in the middle, on damaged recordings, over Ray."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.recordings.bag import making
from neon_control.recordings.finding import find_recordings
from neon_control.sim.demonstration_bag import START, EpisodeRecorder
from neon_control.training.config import TrainConfig
from neon_control.training.feature_files import map_arrays
from neon_control.training.feature_job import Job
from neon_control.training.feature_worker import Worker

COMMAND = [sys.executable, "-m", "neon_control.tools.cli", "features"]
IMAGES = 6


def record(path: Path, space: ActionSpace, seed: int, corrupt: bool = False) -> None:
    """Images and sound of noise, for 0.6 s; `corrupt`: the data of one image is cut off."""
    rng, names = np.random.default_rng(seed), space.joint_names
    with EpisodeRecorder(path) as recorder:
        for tick in range(IMAGES * 5 + 1):
            t = tick / 50
            recorder.joint_states(t, names, np.full(len(names), 0.1 * t), np.zeros(len(names)))
            recorder.command(t, names, np.full(len(names), 0.1 * t), np.zeros(3))
            recorder.audio(t, rng.integers(-3000, 3000, 320, np.int16))
            if tick % 5 == 0 and tick < IMAGES * 5:
                recorder.image(t, rng.integers(0, 255, (48, 64, 3), np.uint8))
        if corrupt:
            types, image = making.types(), making.image(START + 610_000_000, np.zeros((48, 64, 3), np.uint8))
            message = replace(types.deserialize_cdr(image, making.IMAGE), data=np.zeros(100, np.uint8))
            recorder._write("camera/image_raw", 0.61, bytes(types.serialize_cdr(message, making.IMAGE)))


@pytest.fixture(scope="module")
def space() -> ActionSpace:
    return ActionSpace.from_robot(load_robot("g1.yaml"), "arms_only")


@pytest.fixture(scope="module")
def data(space: ActionSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings that are whole, one with a damaged image, one that was cut off."""
    folder = tmp_path_factory.mktemp("data")
    for i in range(3):
        record(folder / f"take_{i}", space, seed=i)
    record(folder / "take_3_image", space, seed=3, corrupt=True)
    record(folder / "take_4_cut_off", space, seed=4)
    messages = folder / "take_4_cut_off" / "take_4_cut_off.mcap"
    os.truncate(messages, messages.stat().st_size // 2)
    return folder


def content(folder: Path) -> dict[tuple[str, str], bytes]:
    """Every file of features below a folder, by recording and kind."""
    files = sorted(folder.rglob("*.safetensors"))
    found = {(f.parent.name, f.name.split("-")[0]): f.read_bytes() for f in files}
    assert len(found) == len(files)
    return found


@pytest.fixture(scope="module")
def expected(data: Path, space: ActionSpace, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """What an undisturbed run makes, in this process."""
    cache = tmp_path_factory.mktemp("expected")
    worker = Worker(job := Job(space, 0.02, 16, TrainConfig("name", "").backbone_spec(), cache))
    for i, bag in enumerate(find_recordings(data)):
        worker.run(i, bag, job.files(bag))
    return content(cache)


def children(process: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait(condition, what: str) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_gives_what_an_undisturbed_one_gives(
    data: Path, expected: dict[tuple[str, str], bytes], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    command = [*COMMAND, data, "--cache", cache, "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait(lambda: any(cache.rglob("*.safetensors")), "nothing was written")
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
    wait(lambda: not any(Path(f"/proc/{w}").exists() for w in workers), "a worker outlived the run")
    kept = {f: f.stat().st_mtime_ns for f in cache.rglob("*.safetensors")}
    assert 0 < len(kept) < len(expected) and all(map_arrays(f) for f in kept), "a file is complete or not there"

    again = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert again.returncode == 0, again.stderr
    assert content(cache) == expected
    assert not list(cache.rglob("*.tmp")) and not list(data.rglob("*.safetensors"))
    assert all(f.stat().st_mtime_ns == stamp for f, stamp in kept.items()), "finished work is not done again"
    table = again.stdout.splitlines()[1:]
    for broken in ("take_3_image", "take_4_cut_off"):
        assert any(line.startswith(f"  {broken}") for line in table), again.stdout


@pytest.mark.slow
def test_recordings_of_which_nothing_can_be_used_end_with_1(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "take_4_cut_off", tmp_path / "data" / "take_4_cut_off")
    result = subprocess.run([*COMMAND, tmp_path / "data"], capture_output=True, text=True, timeout=100)
    assert result.returncode == 1, result.stderr
    assert "0 of 1 recordings can be used" in result.stdout and "2 problems in 1 recordings" in result.stdout  # cut off, and then too short


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_ray_cluster_gives_the_same_files(data: Path, expected: dict[tuple[str, str], bytes], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'neon_control[ray]' brings it, 500 MB")
    command = [*COMMAND, data, "--cache", tmp_path, "--workers", "1", "--ray"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr
    assert content(tmp_path) == expected
