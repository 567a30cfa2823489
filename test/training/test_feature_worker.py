"""One worker, one recording: what is read, encoded and kept; with the real encoders."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot_set import FRAMES, write_set
from lerobot_set import SPACE as ARM

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.joint_units import JointUnit
from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.recordings.bag_recording import BagRecording as Bag
from neon_control.recordings.finding import Sample, find_recordings
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hearing import AudioEncoder
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.policy.policy import VISION_ENCODER
from neon_control.training import feature_worker
from neon_control.training.feature_files import map_arrays
from neon_control.training.feature_job import Job
from neon_control.training.feature_worker import Worker

SPEC = BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES)


class Part(Bag):
    """A bag, without its first images."""

    def samples(self, *args: Any) -> Iterator[Sample]:
        return islice(super().samples(*args), 5, None)


class Interrupted(Bag):
    """A bag that nobody reads to its end."""

    def samples(self, *args: Any) -> Iterator[Sample]:
        yield from islice(super().samples(*args), 4)
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def bag(recordings: Path) -> Bag:
    return find_recordings(recordings)[0]


@pytest.fixture(scope="module")
def done(bag: Bag, space: ActionSpace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job that has done `bag`, in two steps: some frames, then all."""
    job = Job(space, 0.02, 16, SPEC, tmp_path_factory.mktemp("cache"))
    files = job.files(bag)
    worker = Worker(job)
    assert worker.run(0, Part(bag.path), files).frames == 2
    files.samples.unlink()
    assert worker.run(0, bag, files).frames == 5, "the two that were there are not encoded again"
    yield job


def test_a_row_belongs_to_its_frame_however_the_file_was_filled(done: Job, bag: Bag, space: ActionSpace) -> None:
    arrays, problems = done.load(done.files(bag)) or ({}, ())
    samples = list(bag.samples(space, 0.02, 16))
    assert arrays["stamps"].tolist() == [s.observation.stamp for s in samples] and problems == ()
    assert not arrays["episode"].any() and arrays["episode"].dtype == np.int32
    expected = Worker(done).encode([samples[0], samples[6]])
    for key in ("vision", "audio"):
        assert np.array_equal(arrays[key][[0, 6]], expected[key]), key


def test_another_dt_mode_or_order_of_joints_encodes_nothing(done: Job, bag: Bag, robot: Robot) -> None:
    space = done.space
    turned = replace(space, joint_names=space.joint_names[::-1])
    before = done.load(done.files(bag))
    assert before is not None
    for other in (replace(done, dt=0.05), replace(done, num_steps=8), replace(done, space=turned)):
        files, worker = other.files(bag), Worker(other)
        assert other.load(files) is None
        assert worker.run(0, bag, files).frames == 0
        arrays, _ = other.load(files) or ({}, ())
        assert np.array_equal(arrays["vision"], before[0]["vision"]) and np.array_equal(arrays["audio"], before[0]["audio"])
        assert vars(worker).keys() == vars(Worker(other)).keys(), "the encoders were not even loaded"
    assert np.allclose(arrays["joints"], before[0]["joints"][:, ::-1])


def test_a_long_recording_s_features_are_kept_before_it_is_finished(
    done: Job, bag: Bag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_worker, "BATCH", 1)
    monkeypatch.setattr(feature_worker, "SAVE", 2)
    job = replace(done, cache=tmp_path)
    files, whole = job.files(bag), done.files(bag)
    with pytest.raises(KeyboardInterrupt):
        Worker(job).run(0, Interrupted(bag.path), files)
    assert len((map_arrays(files.features) or ({"stamps": ()}, {}))[0]["stamps"]) == 4 and not files.samples.exists()
    assert Worker(job).run(0, bag, files).frames == 3
    arrays, expected = job.load(files), done.load(whole)
    assert arrays and expected and all(np.array_equal(arrays[0][key], values) for key, values in expected[0].items())


def test_the_names_change_with_everything_that_decides_the_content_and_with_nothing_else(done: Job, bag: Bag, recordings: Path) -> None:
    other = find_recordings(recordings)[1]
    spec = BackboneSpec("huggingface", "a", 8, model="m", clip=Clip(4, 4.0))
    jobs = [done, replace(done, vision=replace(SPEC, fit="crop"))]
    jobs += [
        replace(done, vision=s) for s in (spec, replace(spec, instruction="go"), replace(spec, revision="b"), replace(spec, audio=True))
    ]
    names = {job.files(b).features.name for job in jobs for b in (bag, other)}
    assert len(names) == 2 * len(jobs)
    moved = replace(done, vision=replace(spec, model="elsewhere"), cache=None, workers=7)
    assert moved.files(bag).features.name in names, "where the model lies, and where the work is done, changes nothing"
    assert moved.files(bag).features.parent == bag.path, "beside the recording"
    clip = replace(done, vision=spec)
    assert clip.files(bag).samples.name != done.files(bag).samples.name, "a clip decides which images have a sample"


def test_a_cache_that_cannot_be_made_names_the_option(done: Job, bag: Bag, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    job = replace(done, cache=tmp_path / "file")
    with pytest.raises(ConfigError, match=rf"{tmp_path}/file.*--cache"):
        Worker(job).run(0, bag, job.files(bag))


def test_a_damaged_recording_is_a_problem_that_names_it_and_no_file(done: Job, bag: Bag, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bag.path.iterdir():
        if file.suffix in (".mcap", ".yaml"):
            (broken / file.name).write_bytes(file.read_bytes() if file.suffix == ".yaml" else bytes(1000))
    files = done.files(Bag(broken))
    outcome = Worker(done).run(3, Bag(broken), files)
    assert outcome.index == 3 and len(outcome.problems) == 1 and outcome.problems[0].startswith("broken: ")
    assert not files.samples.exists() and not files.features.exists()


FRONT = RecordingConfig(base="", lerobot=LeRobotNames(image="observation.images.front"))


def test_another_mapping_of_a_dataset_s_joints_encodes_nothing(tmp_path: Path) -> None:
    root, job = write_set(tmp_path / "set"), Job(ARM, 0.02, 16, SPEC, tmp_path / "cache")
    turned = replace(FRONT, lerobot=replace(FRONT.lerobot, action={"pan": "lift"}, joints={"pan": JointUnit(sign=-1)}))
    one, two = (find_recordings(root, config)[0] for config in (FRONT, turned))
    assert Worker(job).run(0, one, job.files(one)).frames == FRAMES
    worker = Worker(job)
    assert worker.run(0, two, job.files(two)).frames == 0 and vars(worker).keys() == vars(Worker(job)).keys()
    before, after = (job.load(job.files(r)) for r in (one, two))
    assert before and after and np.array_equal(before[0]["vision"], after[0]["vision"])
    assert np.array_equal(before[0]["joints"][:, 0], -after[0]["joints"][:, 0])


def test_silence_is_encoded_once_and_for_a_policy_that_does_not_listen_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    encode = AudioEncoder.encode
    monkeypatch.setattr(AudioEncoder, "encode", lambda self, sound: heard.append(1) or encode(self, sound))
    (recording, _) = find_recordings(write_set(tmp_path / "set"), FRONT)
    job = Job(ARM, 0.02, 16, SPEC, tmp_path / "cache")
    deaf = replace(job, audio=False)
    assert Worker(deaf).run(0, recording, deaf.files(recording)).frames == FRAMES and heard == []
    arrays, _ = deaf.load(deaf.files(recording)) or ({}, ())
    assert arrays["audio"].shape == (FRAMES, 384) and not arrays["audio"].any()
    assert Worker(job).run(0, recording, job.files(recording)).frames == FRAMES and heard == [1], "zeros are never taken for what was heard"
    assert deaf.files(recording) == job.files(recording), "what was heard serves those who do not listen"


def test_a_joint_s_range_counts_only_where_numbers_are_parts_of_it(tmp_path: Path) -> None:
    root, job = write_set(tmp_path / "set"), Job(ARM, 0.02, 16, SPEC, tmp_path / "cache")
    other = replace(job, space=replace(ARM, upper=ARM.upper + 0.1))
    ranged = replace(FRONT, lerobot=replace(FRONT.lerobot, joints={"gripper": JointUnit(range=(0.0, 100.0))}))
    for config, same in ((FRONT, True), (ranged, False)):
        recording = find_recordings(root, config)[0]
        assert (job.files(recording) == other.files(recording)) is same


def test_whatever_an_encoder_makes_of_one_recording_the_others_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = find_recordings(write_set(tmp_path / "set"), FRONT)
    worker = Worker(Job(ARM, 0.02, 16, SPEC, tmp_path / "cache", audio=False))
    monkeypatch.setattr(worker, "encode", lambda samples: 1 / 0)
    outcome = worker.run(0, first, worker._job.files(first))
    assert outcome.problems == ("set/episode_000000: cannot be encoded: ZeroDivisionError: division by zero",)
    monkeypatch.undo()
    assert worker.run(1, second, worker._job.files(second)).frames == FRAMES
