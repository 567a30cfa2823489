"""One worker, one recording: what is read, encoded and kept; with the real encoders."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from lerobot_set import FRAMES, Rows, write_set
from lerobot_set import SPACE as ARM

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.joint_units import JointUnit
from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.recordings.bag_recording import BagRecording as Bag
from neon_control.recordings.finding import Sample, find_recordings
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hearing import AudioEncoder
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.policy.policy import VISION_ENCODER
from neon_control.training import feature_worker
from neon_control.training.augmentation import Augment
from neon_control.training.feature_files import map_arrays
from neon_control.training.feature_job import Job, Notes
from neon_control.training.feature_worker import Worker
from neon_control.training.features import prepare

HALF = FRAMES // 2
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
    arrays, notes = done.load(done.files(bag)) or ({}, Notes())
    samples = list(bag.samples(space, 0.02, 16))
    assert arrays["stamps"].tolist() == [s.observation.stamp for s in samples] and notes.problems == ()
    assert notes.images == {("camera", ImageKind("raw", "rgb8", 320, 240)): 7}
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
    monkeypatch.setattr(worker, "encode", lambda samples, name: 1 / 0)
    outcome = worker.run(0, first, worker._job.files(first))
    assert outcome.problems == ("set/episode_000000: cannot be encoded: ZeroDivisionError: division by zero",)
    monkeypatch.undo()
    assert worker.run(1, second, worker._job.files(second)).frames == FRAMES


def two_tasks(rows: Rows) -> None:
    """The first episode changes its task half-way; the second one goes on with it."""
    rows["task_index"] = [0] * HALF + [1] * (2 * FRAMES - HALF)


def write_tasks(root: Path, *texts: str) -> Path:
    parquet.write_table(arrow.table({"task_index": list(range(len(texts))), "task": texts}), root / "meta/tasks.parquet")
    return root


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> BackboneSpec:
    """A tiny backbone that reads."""
    tiny = pytest.importorskip("tiny_backbones")
    folder = tiny.TINY["qwen2_5_vl"](tmp_path_factory.mktemp("model") / "backbone")
    return describe_model(str(folder), Path("/"), tasks=True)


def test_a_backbone_that_reads_is_told_each_frame_s_own_task(tmp_path: Path, reader: BackboneSpec) -> None:
    """The pictures are all the same: whatever differs is what was read."""
    root = write_tasks(write_set(tmp_path / "set", two_tasks), "open the drawer", "put the cup in")
    job = Job(ARM, 0.02, 16, reader, tmp_path / "cache", audio=False)
    first, second = find_recordings(root, FRONT)
    worker = Worker(job)
    assert [worker.run(i, r, job.files(r)).frames for i, r in enumerate((first, second))] == [FRAMES, FRAMES]
    (one, notes), (other, _) = (job.load(job.files(r)) or ({}, Notes()) for r in (first, second))
    opened, put = one["vision"][0], one["vision"][-1]
    assert np.abs(opened - put).max() > 1e-4 and notes.problems == ()
    for part, expected in ((one["vision"][:HALF], opened), (one["vision"][HALF:], put), (other["vision"], put)):
        assert np.allclose(part, expected, atol=2e-5), "batches that span both tasks too"
    fixed = replace(job, vision=replace(reader, tasks=False, instruction="open the drawer"))
    assert np.allclose(Worker(fixed).encode(list(first.samples(ARM, 0.02, 16))[-1:])["vision"], opened, atol=2e-5)
    assert prepare([first, second], job).tasks == ("open the drawer", "put the cup in")
    assert fixed.load(fixed.files(first)) is None and notes.tasks == ("open the drawer", "put the cup in")


def test_variants_of_an_image_are_told_its_frame_s_own_task(tmp_path: Path, reader: BackboneSpec) -> None:
    """So little noise is rounded away, and the pictures are all the same: whatever differs is what was read."""
    root = write_tasks(write_set(tmp_path / "set", two_tasks), "open the drawer", "put the cup in")
    job = Job(ARM, 0.02, 16, reader, tmp_path / "cache", audio=False, augment=Augment(2, noise=0.01))
    recording, worker = find_recordings(root, FRONT)[0], Worker(job)
    files = job.files(recording)
    assert worker.run(0, recording, files).problems == ()
    arrays, _ = job.load(files) or ({}, Notes())
    views, vision = arrays["views"], arrays["vision"]
    assert views.shape == (FRAMES, 2, vision.shape[1]) and np.abs(views[0] - views[-1]).max() > 1e-4
    for view in range(2):
        assert np.allclose(views[:, view], vision, atol=2e-5)
    untold = replace(job, vision=replace(reader, tasks=False, instruction="open the drawer"))
    assert untold.files(recording).views != files.views, "other words are other variants"


def test_of_a_long_recording_only_what_is_not_saved_yet_is_in_memory(tmp_path: Path) -> None:
    pieces = feature_worker._Pieces({})
    for begin in (0, 5, 10):
        stamps = np.arange(begin, begin + 5)
        pieces.add({"vision": np.full((5, 3), begin, np.float32), "stamps": stamps, "episode": np.zeros(5, np.int32)})
        pieces.save(tmp_path / "a.safetensors")
        assert [type(p["vision"]) for p in pieces._pieces] == [np.memmap]
    arrays, _ = map_arrays(tmp_path / "a.safetensors") or ({}, {})
    assert arrays["stamps"].tolist() == list(range(15)) and arrays["vision"][:, 0].tolist() == [0.0] * 5 + [5.0] * 5 + [10.0] * 5
    assert (pieces.added, pieces.unsaved, len(pieces.frames)) == (15, 0, 15)


def test_a_recording_s_take_is_noted(done: Job, recordings: Path) -> None:
    bags = find_recordings(recordings)
    assert prepare(bags, done).takes == ("take 0",) * 2 and len(bags) == 2


def test_other_words_are_other_features_and_only_for_those_that_are_told_any(tmp_path: Path, reader: BackboneSpec) -> None:
    root = write_tasks(write_set(tmp_path / "set", two_tasks), "open", "close")
    recording = find_recordings(root, FRONT)[0]
    deaf = Job(ARM, 0.02, 16, replace(reader, tasks=False), tmp_path / "cache", audio=False)
    jobs = [deaf, replace(deaf, vision=reader), replace(deaf, speak=True), replace(deaf, speak=True, audio=True), replace(deaf, audio=True)]
    before = [job.files(recording) for job in jobs]
    assert len({files.features for files in before}) == len(jobs)
    write_tasks(root, "open", "close it")
    after = [job.files(recording) for job in jobs]
    changed = [a.features != b.features and a.samples != b.samples for a, b in zip(before, after, strict=True)]
    assert changed == [False, True, True, True, False]


def test_where_nothing_is_told_a_robot_would_wait_and_so_there_is_no_sample(tmp_path: Path, reader: BackboneSpec) -> None:
    root = write_tasks(write_set(tmp_path / "set", two_tasks), "open the drawer", "")
    recording = find_recordings(root, FRONT)[0]
    text = f"set/episode_000000: no words say what is to be done at an image's time; {{}} ({FRAMES - HALF} times)"
    job = Job(ARM, 0.02, 16, reader, tmp_path / "cache", audio=False)
    outcome = Worker(job).run(0, recording, job.files(recording))
    assert outcome.frames == HALF and text.format("left out") in outcome.problems
    with_default = replace(job, vision=replace(reader, instruction="wait"))
    outcome = Worker(with_default).run(0, recording, with_default.files(recording))
    assert outcome.frames == FRAMES and text.format("it is told what backbone.instruction says") in outcome.problems


def test_what_is_to_be_done_is_spoken_in_many_voices_where_there_is_no_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    encode = AudioEncoder.encode
    monkeypatch.setattr(AudioEncoder, "encode", lambda self, sound: heard.append(sound.tobytes()) or encode(self, sound))
    root = write_tasks(write_set(tmp_path / "set", two_tasks), "open the drawer", "put the cup in")
    job = Job(ARM, 0.02, 16, SPEC, tmp_path / "cache", speak=True)
    recordings = find_recordings(root, FRONT)
    worker = Worker(job)
    assert [worker.run(i, r, job.files(r)).problems for i, r in enumerate(recordings)] == [(), ()]
    assert len(heard) == len(set(heard)) < 2 * FRAMES, "a voice that says the same is heard once"
    arrays = [(job.load(job.files(r)) or ({}, ()))[0]["audio"] for r in recordings]
    assert len(np.unique(arrays[0], axis=0)) > 0.6 * FRAMES, "many voices"
    assert prepare(recordings, job).tasks == ("open the drawer", "put the cup in")
    again = Worker(replace(job, cache=tmp_path / "again"))
    assert np.array_equal(again.encode(list(recordings[1].samples(ARM, 0.02, 16))[:3], recordings[1].name)["audio"], arrays[1][:3])


def test_what_is_long_to_say_or_cannot_be_said_is_reported(tmp_path: Path) -> None:
    long = "first open the drawer on the left, then put the red cup into it, and then close it again"
    root = write_tasks(write_set(tmp_path / "set", two_tasks), long, "...")
    first, second = find_recordings(root, FRONT)
    job = Job(ARM, 0.02, 16, SPEC, tmp_path / "cache", speak=True)
    problems = Worker(job).run(1, second, job.files(second)).problems
    assert len(problems) == 1 and "instruction: '...' cannot be spoken: espeak-ng made no sound" in problems[0]
    write_tasks(root, long, "put the cup in")
    problems = Worker(job).run(0, first, job.files(first)).problems
    assert len(problems) == 1 and "s to say, of which a policy hears 2 s at a time" in problems[0]


def test_a_recording_with_sound_is_heard_as_it_is(done: Job, bag: Bag) -> None:
    spoken = replace(done, speak=True)
    samples = list(bag.samples(done.space, 0.02, 16))[:2]
    assert all(s.observation.instruction for s in samples), "a demonstration says what is spoken"
    assert np.array_equal(Worker(spoken).encode(samples, bag.name)["audio"], Worker(done).encode(samples)["audio"])


def test_variants_are_encoded_beside_the_images_which_are_not_encoded_again(done: Job, bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(done, augment=Augment(2, jpeg=1.0, exposure=0.2))
    files, worker = job.files(bag), Worker(job)
    assert files.features == done.files(bag).features and files.samples == done.files(bag).samples and job.load(files) is None
    monkeypatch.setattr(worker, "encode", lambda *_: 1 / 0)
    assert worker.run(0, bag, files).frames == 7
    arrays, _ = job.load(files) or ({}, ())
    samples = list(bag.samples(job.space, 0.02, 16))
    assert arrays["views"].shape == (7, 2, VISION_FEATURES) and done.load(done.files(bag)) is not None
    shown = [job.augment.variant(samples[3].observation, 0, view) for view in range(2)]
    for row, observation in zip(arrays["views"][3], shown, strict=True):
        assert np.array_equal(row, Worker(done).encode([replace(samples[3], observation=observation)])["vision"][0])
        assert np.abs(row - arrays["vision"][3]).max() > 0.0
    assert replace(job, augment=Augment(3, jpeg=1.0)).files(bag).views != files.views
    assert worker.run(0, bag, files).frames == 0
