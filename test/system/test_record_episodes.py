"""A real `neon_control record --episodes` over DDS: told by services and by keys, and killed in between."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from waiting import wait_until

from neon_control.nodes.chunk_messages import LATCHED
from neon_control.nodes.transport import PROFILES
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.episode import IDLE, RECORDING, Episode, episode_of, read_episode


class Person:
    """Watches a robot, which is in the same node, and says how it goes."""

    def __init__(self) -> None:
        self.node = Node("robot")
        self.spinner = SingleThreadedExecutor()
        self.spinner.add_node(self.node)
        self.states: list[Episode] = []
        joints = self.node.create_publisher(JointState, "joint_states", 10)
        self.node.create_timer(0.02, lambda: joints.publish(JointState(name=["a"], position=[0.5])))
        self.notes = self.node.create_publisher(String, "episode/note", 10)
        self.told = self.node.create_publisher(String, "instruction", LATCHED)
        self.told.publish(String(data="put the cube into the box"))
        self.node.create_subscription(String, "episode/state", self._hear, LATCHED)

    def _hear(self, message: String) -> None:
        self.states.append(read_episode(message.data) or Episode())

    def until(self, condition: object, what: str) -> None:
        assert callable(condition)
        wait_until(condition, 60.0, what, tick=lambda: self.spinner.spin_once(timeout_sec=0.05))

    def say(self, name: str) -> tuple[bool, str]:
        client = self.node.create_client(Trigger, f"episode/{name}")
        self.until(client.service_is_ready, f"episode/{name}")
        future = client.call_async(Trigger.Request())
        self.until(future.done, f"an answer of episode/{name}")
        self.node.destroy_client(client)
        answer = future.result()
        assert answer is not None
        return answer.success, answer.message

    def watch(self, folder: Path, states: int) -> None:
        """The robot moves until so many joint states are on disk, in an episode or in a ring's segments."""

        def enough() -> bool:
            sizes = sum(f.stat().st_size for f in folder.glob("*.ring"))
            return sizes >= 100 * states or (folder.name != ".recorder" and read(folder)[1] >= states)

        self.until(enough, f"{states} joint states in {folder}")


@pytest.fixture
def person(ros: int) -> Iterator[Person]:
    person = Person()
    yield person
    person.spinner.shutdown()
    person.node.destroy_node()


@contextmanager
def recorder(out: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process, and a terminal into which keys can be typed."""
    environment = {k: v for k, v in os.environ.items() if k != PROFILES} | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "neon_control.tools.cli", "record", "--episodes", "--out", str(out), "--robot", "arm6.yaml", *more]
    process = subprocess.Popen(line, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait(30)
        os.close(ours)


def read(folder: Path) -> tuple[Episode, int, bool]:
    """What the bag says of itself, its joint states, and whether it is complete."""
    problems: list[str] = []
    with Bag(folder, lambda where, what, when: problems.append(what)) as bag:
        found = episode_of(bag)
        states = bag.topics["/joint_states"].count if "/joint_states" in bag.topics else 0
    assert found is not None
    return found, states, not problems


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.patient
@pytest.mark.timeout(300)
def test_labels_outlive_a_kill_at_any_moment_and_what_just_happened_can_be_kept(person: Person, tmp_path: Path) -> None:
    out = tmp_path / "trials"
    with recorder(out, "--policy", "g1_reach", "--keep-last", "6") as (process, keys):
        person.until(lambda: person.states and person.states[-1].policy == "g1_reach", "the recorder")
        person.until(lambda: person.states[-1].task, "the recorder to hear the task")
        assert person.say("begin") == (True, "episode_00001")
        assert person.say("begin")[0] is False
        person.watch(out / "episode_00001", 20)
        person.until(lambda: person.notes.get_subscription_count(), "who takes notes")
        person.notes.publish(String(data="a clean grasp"))
        person.until(lambda: person.states[-1].note, "the note to be taken")
        assert person.say("success") == (True, "episode_00001")
        process.kill()  # as the answer comes
    found, states, whole = read(out / "episode_00001")
    assert (found.outcome, found.note, found.task, found.policy) == ("success", "a clean grasp", "put the cube into the box", "g1_reach")
    assert states >= 20 and whole

    with recorder(out) as (process, keys):
        person.states.clear()
        person.until(lambda: person.states, "the recorder")
        os.write(keys, b"b")
        person.until(lambda: person.states[-1].state == RECORDING, "the key to count")
        person.watch(out / "episode_00002", 10)
        process.kill()  # in the middle of it
    found, states, whole = read(out / "episode_00002")
    assert (found.state, found.outcome, whole) == (RECORDING, "", False) and states >= 10

    with recorder(out, "--keep-last", "6", "--keys", "failure=x") as (process, keys):
        person.states.clear()
        person.until(lambda: person.states and person.states[-1].task, "the recorder")
        person.watch(out / ".recorder", 50)
        assert person.say("keep") == (True, "episode_00003")
        os.write(keys, b"nslipped\rx")
        person.until(lambda: person.states[-1].state == IDLE, "the keys to count")
        assert person.say("begin") == (True, "episode_00004")
        assert person.say("discard") == (True, "episode_00004")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    found, states, whole = read(out / "episode_00003")
    assert (found.outcome, found.note) == ("failure", "slipped") and states >= 5 and whole  # though it was begun at its end
    assert sorted(f.name for f in out.iterdir()) == ["episode_00001", "episode_00002", "episode_00003"]
    rclpy.try_shutdown()
