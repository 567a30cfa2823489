"""Playing a bag: the same bytes, the same order, the bag's own time, and a hand on the keyboard."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until

from neon_control.core.common.keyboard import Keyboard
from neon_control.nodes.polling import PolledSubscription
from neon_control.recordings.bag.bag_file import Bag
from neon_control.replay.player import BagTime, Player, played_qos
from neon_control.sim.demonstration_bag import START, EpisodeRecorder

COUNT, PERIOD = 20, 0.02  # joint states, [s]
INFINITE = QosTime(9223372036, 854775807)


class Stopwatch:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_bag_time_runs_at_its_rate_stands_while_paused_and_goes_on_from_there() -> None:
    watch = Stopwatch()
    time = BagTime(1000, 2.0, watch)

    watch.now = 100
    assert time.now() == 1200
    time.toggle()
    watch.now = 500
    assert (time.now(), time.paused) == (1200, True)
    time.set(1300)
    watch.now = 600
    assert time.now() == 1300
    time.toggle()
    watch.now = 650
    assert time.now() == 1400


def offered(reliability: QosReliability, deadline: QosTime = INFINITE, depth: int = 0) -> Qos:
    history = QosHistory.KEEP_LAST if depth else QosHistory.UNKNOWN
    durability, liveliness = QosDurability.VOLATILE, QosLiveliness.AUTOMATIC
    return Qos(history, depth, reliability, durability, deadline, INFINITE, liveliness, INFINITE, False)


def test_a_topic_is_played_with_the_qos_that_was_offered_on_the_day() -> None:
    profile = played_qos((offered(QosReliability.RELIABLE, QosTime(0, 500_000_000), depth=2),))

    assert (profile.reliability, profile.depth, profile.deadline.nanoseconds) == (ReliabilityPolicy.RELIABLE, 2, 500_000_000)


def test_of_several_publishers_the_weakest_promise_is_kept() -> None:
    profile = played_qos((offered(QosReliability.RELIABLE, QosTime(1, 0)), offered(QosReliability.BEST_EFFORT)))

    assert profile.reliability is ReliabilityPolicy.BEST_EFFORT
    assert profile.deadline.nanoseconds > 2**62


def test_what_foxy_recorded_as_infinite_is_infinite() -> None:
    profile = played_qos((offered(QosReliability.RELIABLE, QosTime(2**31 - 1, 2**32 - 1)),))

    assert profile.deadline.nanoseconds > 2**62


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "bag"
    with EpisodeRecorder(path) as recorder:
        for i in range(COUNT):
            recorder.joint_states(i * PERIOD, ("a",), np.array([float(i)]), np.zeros(1))
            recorder.command(i * PERIOD, ("a",), np.array([float(i)]), np.zeros(3))
    return path


@pytest.fixture
def node(ros_domain_id: int) -> Iterator[Node]:
    rclpy.init()
    node = Node("player")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def play(
    node: Node, bag: Path, rate: float = 1.0, keys: Sequence[str] = (), cut: tuple[float, float] = (0.0, np.inf)
) -> tuple[Player, dict[str, list[bytes]], list[bool]]:
    """Everything that arrived, by topic, and whether time stood still at each look."""
    kinds = {
        "/joint_states": JointState,
        "/recorded/arm": JointTrajectory,
        "/arm_controller/joint_trajectory": JointTrajectory,
        "/clock": Clock,
    }
    reliable = QoSProfile(depth=5000)
    effort = QoSProfile(depth=5000, reliability=ReliabilityPolicy.BEST_EFFORT)
    pressed = iter(keys)
    heard = {t: PolledSubscription(node, kind, t, effort if t == "/clock" else reliable) for t, kind in kinds.items()}
    paused = []
    with Bag(bag) as opened:
        opened.cut(*cut)
        player = Player(node, opened, {"/arm_controller/joint_trajectory": "/recorded/arm"}, rate)
        wait_until(lambda: player.listeners("/joint_states") and player.listeners("/clock"), 5.0, "listeners")
        player.play(lambda: next(pressed, ""), lambda now, still: paused.append(still))
        wait_until(lambda: len(player.publishers) == 3, 1.0, "publishers")
        arrived = {t: list(h.take()) for t, h in heard.items()}
        return player, arrived, paused


@pytest.mark.system
def test_the_bytes_are_those_of_the_bag_and_commands_do_not_reach_a_controller(node: Node, bag: Path) -> None:
    player, arrived, _ = play(node, bag, 2.0)

    with Bag(bag) as opened:
        recorded = [m.data for m in opened.messages(["/joint_states"])]
    assert [a[: len(r)] for a, r in zip(arrived["/joint_states"], recorded, strict=True)] == recorded
    assert len(arrived["/recorded/arm"]) == COUNT and arrived["/arm_controller/joint_trajectory"] == []
    assert (player.sent, player.problems) == (3 * COUNT, {})


@pytest.mark.system
def test_what_the_policy_was_told_is_played_latched_and_still_holds_after_a_cut(node: Node, tmp_path: Path) -> None:
    """A bag of our own demonstrations tells no QoS, and the inference node hears only who is latched."""
    with EpisodeRecorder(tmp_path / "told") as recorder:
        for time, words in ((0.0, "first"), (0.1, "second"), (0.4, "third")):
            recorder.instruction(time, words)
        recorder.joint_states(0.5, ("a",), np.zeros(1), np.zeros(1))
    late = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    with Bag(tmp_path / "told") as opened:
        opened.cut(0.3, 1.0)
        player = Player(node, opened, {}, 10.0)
        heard = PolledSubscription(node, String, "/instruction", late)
        wait_until(lambda: player.listeners("/instruction"), 5.0, "a listener")
        player.play(lambda: "", lambda now, still: None)
        words: list[str] = []
        wait_until(lambda: words.extend(deserialize_message(m, String).data for m in heard.take()) or len(words) > 1, 5.0, "both texts")
        assert words == ["second", "third"]
        one = PolledSubscription(node, String, "/instruction", late)
        wait_until(lambda: words.extend(deserialize_message(m, String).data for m in one.take()) or len(words) > 2, 5.0, "what holds")
        assert words[-1] == "third"


def times(messages: list[bytes]) -> np.ndarray:
    """(n,) [s] since the bag's begin, of serialised Clock messages."""
    fields = np.array([np.frombuffer(m, np.uint32, 2, 4) for m in messages], np.int64)
    return (fields[:, 0] * 1_000_000_000 + fields[:, 1] - START) * 1e-9


@pytest.mark.system
def test_the_clock_runs_at_200_hz_never_back_and_covers_what_was_asked_for(node: Node, bag: Path) -> None:
    player, arrived, _ = play(node, bag, cut=(0.1, 0.2))
    clock = times(arrived["/clock"])

    assert (np.diff(clock) >= 0.0).all()
    assert clock[0] == pytest.approx(0.1, abs=1e-6) and 0.2 < clock[-1] <= 0.3 + 1e-6
    assert len(clock) > 20  # 40 on a quiet computer
    assert player.sent == 3 * 11  # the messages from 0.1 s to 0.3 s


@pytest.mark.system
def test_space_pauses_s_and_right_send_one_message_each_and_space_goes_on(node: Node, bag: Path) -> None:
    keys = [" ", *12 * [""], "s", "right", *12 * [""], " "]

    player, arrived, paused = play(node, bag, 4.0, keys)

    assert True in paused and paused[-1] is False
    assert player.sent == 3 * COUNT and len(arrived["/joint_states"]) == COUNT


def test_single_keys_and_arrows_are_read_from_a_terminal_and_it_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(terminal)
        with Keyboard() as keys:
            assert keys.present and keys.read() == ""
            os.write(master, b"s")
            assert wait_until(keys.read, 2.0, "a key") == "s"
            os.write(master, b"\x1b[C")
            assert wait_until(keys.read, 2.0, "a key") == "right"
        assert termios.tcgetattr(terminal) == before
    os.close(master)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "input").write_text(" ")
    with (tmp_path / "input").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with Keyboard() as keys:
            assert (keys.present, keys.read()) == (False, "")
