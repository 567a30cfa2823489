"""Attempts and how they went: what a person says is in the bag of the attempt, whatever happens to the recorder afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from waiting import wait_until

from neon_control.recordings.bag.bag_file import OUTCOME_KEY, Bag, BagError
from neon_control.recordings.episode import DISCARDED, FAILURE, RECORDING, SUCCESS, Episode, episode_of, is_state, read_episode
from neon_control.replay.episode_recorder import EpisodeError, EpisodeRecorder

pytestmark = pytest.mark.system
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TOPICS = ("joint_states", "instruction", "commander")


class Rig:
    """A recorder, and a robot that it records."""

    def __init__(self, out: Path, keep_last: float = 0.0) -> None:
        self.node, self.robot = Node("recorder", namespace="/r1"), Node("robot", namespace="/r1")
        self.said: list[Episode] = []
        hear = lambda text: self.said.append(read_episode(text) or Episode())  # noqa: E731
        self.make = lambda: EpisodeRecorder(self.node, out, TOPICS, ["instruction"], "arm6", hear, False, keep_last)
        self.recorder = self.make()
        self.states = self.robot.create_publisher(JointState, "joint_states", 10)
        latched = [self.robot.create_publisher(String, topic, LATCHED) for topic in TOPICS[1:]]
        for publisher, words in zip(latched, ("take the cube", "policy"), strict=True):
            publisher.publish(String(data=words))
        self.latched = latched
        self.run(5)

    def run(self, messages: int) -> None:
        """Until so many more joint states were recorded, and all that is latched was heard."""
        channels, begin = self.recorder.channels, -1

        def enough() -> bool:
            nonlocal begin
            self.recorder.poll()
            count = channels["/r1/joint_states"].count if "/r1/joint_states" in channels else 0
            begin = count if begin < 0 else begin
            return count >= begin + messages and all(f"/r1/{t}" in channels and channels[f"/r1/{t}"].count for t in TOPICS)

        wait_until(enough, 20.0, f"{messages} joint states", tick=lambda: self.states.publish(JointState(name=["a"])))

    def kill(self) -> EpisodeRecorder:
        """Forget the recorder as a kill does: what is not flushed is lost, and its lock is free. Returns the next one."""
        self.recorder._lock.close()
        return self.make()


@pytest.fixture
def rig(ros_domain_id: int, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    rclpy.init()
    rigs: list[Rig] = []

    def make(keep_last: float = 0.0) -> Rig:
        rigs.append(Rig(tmp_path / "trials", keep_last))
        return rigs[-1]

    yield make
    for made in rigs:
        made.node.destroy_node()
        made.robot.destroy_node()
    rclpy.try_shutdown()


def test_each_episode_is_a_bag_with_outcome_note_and_task_in_its_metadata_and_as_messages(rig: Callable[..., Rig], tmp_path: Path) -> None:
    scene = rig()
    scene.recorder.note("neon_control/policy", '{"name": "reach", "policy": "policies/reach"}')
    names = []
    for outcome, note in ((SUCCESS, ""), (FAILURE, "it dropped the cube")):
        names.append(scene.recorder.begin())
        scene.run(5)
        if note:
            scene.recorder.hear_note(note)
        assert scene.recorder.end(outcome) == names[-1]
        scene.run(5)  # between episodes: in no bag
    scene.recorder.close()

    assert names == ["episode_00001", "episode_00002"]
    assert sorted(f.name for f in (tmp_path / "trials").iterdir()) == names
    with Reader(tmp_path / "trials" / names[1]) as reader:  # another's reader finds it complete
        counts = {c.topic: c.msgcount for c in reader.connections}
        assert reader.storage.metadata.custom[OUTCOME_KEY] == FAILURE and reader.storage.metadata.custom["note"] == "it dropped the cube"
        assert reader.storage.metadata.custom["task"] == "take the cube"
    assert counts["/r1/joint_states"] == 5
    assert counts["/r1/instruction"] == counts["/r1/commander"] == 1  # said long before
    with Bag(tmp_path / "trials" / names[1]) as bag:
        found, told = episode_of(bag), [read_episode(bag.decode(m).data) for m in bag.messages(["/r1/episode/state"])]
    assert found is not None and (found.number, found.policy, found.robot, found.outcome) == (2, "reach", "arm6", FAILURE)
    assert told[0] is not None and told[-1] is not None
    assert (told[0].state, told[0].outcome, told[-1].outcome, told[-1].note) == (RECORDING, "", FAILURE, "it dropped the cube")
    assert [e.outcome for e in scene.said if e.end] == [SUCCESS, FAILURE] or scene.said[-1].outcome == FAILURE


def test_a_killed_recorder_leaves_an_episode_that_says_that_it_has_no_outcome(rig: Callable[..., Rig], tmp_path: Path) -> None:
    scene = rig()
    folder = tmp_path / "trials" / scene.recorder.begin()
    with Bag(folder, lambda *_: None) as bag:  # at once, before anything was heard
        found = episode_of(bag)
    assert found is not None and (found.state, found.outcome, found.task) == (RECORDING, "", "take the cube")
    following = scene.kill()
    assert following.begin() == "episode_00002"
    following.close()
    with Bag(folder.parent / "episode_00002") as bag:
        found = episode_of(bag)
    assert found is not None and found.outcome == "" and bag.custom[OUTCOME_KEY] == ""


def test_an_outcome_that_was_said_outlives_a_kill_before_the_bag_was_closed(
    rig: Callable[..., Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = rig()
    folder = tmp_path / "trials" / scene.recorder.begin()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neon_control.replay.episode_bag.EpisodeBag.close", killed)
    with pytest.raises(KeyboardInterrupt):
        scene.recorder.end(SUCCESS)
    with Bag(folder, lambda *_: None) as bag:
        found = episode_of(bag)
    assert found is not None and found.outcome == SUCCESS and not bag.custom


def test_discard_deletes_its_own_episode_and_nothing_else(rig: Callable[..., Rig], tmp_path: Path) -> None:
    scene, trials = rig(), tmp_path / "trials"
    scene.recorder.begin()
    scene.recorder.end(SUCCESS)
    with pytest.raises(EpisodeError, match="no episode is being recorded"):
        scene.recorder.end(DISCARDED)
    second = trials / scene.recorder.begin()
    (second / "photo.png").write_bytes(b"mine")
    scene.recorder.end(DISCARDED)
    third = trials / scene.recorder.begin()
    scene.recorder.end(DISCARDED)

    assert [f.name for f in second.iterdir()] == ["photo.png"] and not third.exists()
    with Bag(trials / "episode_00001") as bag:
        assert bag.custom[OUTCOME_KEY] == SUCCESS
    assert scene.said[-1].outcome == DISCARDED
    assert scene.recorder.begin() == "episode_00004"
    scene.recorder.close()


def test_what_just_happened_becomes_the_beginning_of_an_episode(rig: Callable[..., Rig], tmp_path: Path) -> None:
    scene = rig(keep_last=0.6)
    scene.run(40)
    name = scene.recorder.begin(kept=True)
    scene.run(5)
    scene.recorder.end(SUCCESS)
    scene.recorder.close()

    with Reader(tmp_path / "trials" / name) as reader:
        files = [f.name for f in sorted((tmp_path / "trials" / name).iterdir())]
        messages = [c.topic for c, _, _ in reader.messages()]
    assert len(files) > 2 and messages.count("/r1/joint_states") >= 40
    with Bag(tmp_path / "trials" / name) as bag:
        found = episode_of(bag)
        assert found is not None and found.outcome == SUCCESS and found.begin == bag.start
        assert any(is_state(t.name, t.type) for t in bag.topics.values())
    assert not (tmp_path / "trials" / ".recorder").exists()


def test_the_ring_of_a_killed_recorder_is_kept_by_the_next_one(rig: Callable[..., Rig], tmp_path: Path) -> None:
    scene = rig(keep_last=0.6)
    scene.run(20)
    sizes = lambda: sum(f.stat().st_size for f in (tmp_path / "trials" / ".recorder").glob("*.ring"))  # noqa: E731
    before = sizes()
    wait_until(lambda: scene.run(1) or sizes() > before + 1000, 10.0, "what was heard to be flushed")
    following = scene.kill()
    assert following.rescued == tmp_path / "trials" / "episode_00001"
    with Bag(following.rescued, lambda *_: None) as bag:
        found = episode_of(bag)
        assert found is not None and found.outcome == "" and bag.topics["/r1/joint_states"].count > 1
    following.close()


def test_without_a_ring_there_is_nothing_to_keep_and_one_recorder_has_a_folder_to_itself(rig: Callable[..., Rig]) -> None:
    scene = rig()
    with pytest.raises(EpisodeError, match="--keep-last"):
        scene.recorder.begin(kept=True)
    with pytest.raises(BagError, match="another recorder"):
        scene.make()
    scene.recorder.begin()
    with pytest.raises(EpisodeError, match="say how it went first"):
        scene.recorder.begin()
    scene.recorder.close()
