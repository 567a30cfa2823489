"""The inference thread, with a real policy on small inputs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from policies import write_policy
from waiting import wait_until

from neon_control.core.common.statistics import Statistics
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.sensing.observation import Observation, ObservationBuilder
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.loop import InferenceLoop
from neon_control.runtime.policy.policy import Policy

S = 1_000_000_000


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    robot = write_policy(folder)[2]
    return Policy.load(folder, robot)


@pytest.fixture(scope="module")
def other_policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policies") / "other"
    robot = write_policy(folder, seed=1)[2]
    return Policy.load(folder, robot)


class Rig:
    """A loop with its inputs and everything that came out of it."""

    def __init__(self, policy: Policy, head_rate_hz: float = 0.0, simulated_time: bool = False, added_latency: float = 0.0) -> None:
        self.clock = 10 * S
        self.chunks: list[ActionChunk] = []
        self.reports: list[tuple[str, str]] = []
        self.statistics = Statistics()
        self.publishing = threading.Event()
        self.publish_gate = threading.Event()
        self.publish_gate.set()
        self.builder = ObservationBuilder(policy.file.space.joint_names)
        # Every period of this rate is over when the loop is asked, so `watch` always asks for a look.
        self.decisions = InferenceDecisions(policy, self.builder, 1e9, head_rate_hz, self.statistics.count)
        self.loop = InferenceLoop(
            self.decisions,
            lambda: self.clock,
            self._publish,
            lambda *r: self.reports.append(r),
            self.statistics,
            simulated_time,
            added_latency=added_latency,
        )

    def _publish(self, chunk: ActionChunk) -> None:
        self.publishing.set()
        self.publish_gate.wait(10.0)
        self.chunks.append(chunk)

    def feed(self, stamp: int) -> None:
        self.clock = stamp
        names = self.builder.joint_states.joint_names
        self.builder.images.add(stamp, np.zeros((24, 32, 3), np.uint8))
        self.builder.joint_states.add(stamp, names, [0.0] * len(names))
        self.builder.audio.add(stamp, np.zeros(320, np.int16))

    def feel(self, stamp: int, position: float = 0.0, clock: int | None = None) -> None:
        """A joint state, of all joints at `position` [rad]; the clock goes to its stamp, or to `clock`, first."""
        self.clock = clock or stamp
        names = self.builder.joint_states.joint_names
        self.builder.joint_states.add(stamp, names, [position] * len(names))

    def chunk_at(self, stamp: int) -> ActionChunk:
        """Wait for the chunk of this stamp."""
        wait_until(lambda: any(c.stamp == stamp for c in self.chunks), 30.0, f"a chunk stamped {stamp}")
        return next(c for c in self.chunks if c.stamp == stamp)

    def request_until(self, counter: str, value: int) -> None:
        def done() -> bool:
            return self.statistics.counter(counter) >= value

        wait_until(done, 30.0, f"{counter} to reach {value}", tick=lambda: (self.loop.watch(), threading.Event().wait(0.01)))


@pytest.fixture
def rig(policy: Policy) -> Iterator[Rig]:
    rig = Rig(policy)
    rig.loop.start()
    yield rig
    rig.publish_gate.set()
    rig.loop.stop()


def test_a_new_image_gives_one_chunk_however_often_it_is_asked_for(rig: Rig) -> None:
    rig.feed(10 * S)
    rig.request_until("unchanged_images", 3)
    assert [c.stamp for c in rig.chunks] == [10 * S]
    assert rig.loop.problem == ""
    rig.feed(11 * S)
    rig.request_until("chunks_published", 2)
    assert [c.stamp for c in rig.chunks] == [10 * S, 11 * S]


def test_what_is_missing_is_counted_and_reported(rig: Rig) -> None:
    rig.request_until("refusals", 2)
    summary = rig.statistics.summary()
    assert summary["refusals_camera"] == summary["refusals_joint_states"] == summary["refusals_audio"] >= 2
    assert rig.reports[0] == (
        "no chunk: camera, joint_states, audio",
        "no chunk: camera: nothing received; joint_states: nothing received; audio: nothing received",
    )
    assert rig.loop.problem.startswith("camera: nothing received")
    assert not rig.chunks


def test_while_one_inference_runs_the_next_requests_are_dropped_not_queued(rig: Rig) -> None:
    rig.publish_gate.clear()
    rig.feed(10 * S)
    rig.loop.watch()
    assert rig.publishing.wait(30.0)
    assert rig.decisions.busy
    for i in range(1, 6):
        rig.feed(10 * S + i * S // 10)
        rig.loop.watch()
    assert rig.statistics.counter("requests_skipped") == 5
    rig.publish_gate.set()
    rig.request_until("chunks_published", 2)
    assert [c.stamp for c in rig.chunks] == [10 * S, 10 * S + S // 2], "after a slow inference the newest image is next, not the oldest"


def test_an_unexpected_error_is_reported_and_the_thread_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.feed(10 * S)

    def broken(*_: Any) -> None:
        raise RuntimeError("the library gave up")

    with monkeypatch.context() as patch:
        patch.setattr(rig.loop, "_publish", broken)
        rig.request_until("failures", 1)
    assert ("failure", "inference failed: RuntimeError: the library gave up") in rig.reports
    rig.request_until("chunks_published", 1)


def test_latencies_add_up(rig: Rig) -> None:
    rig.feed(10 * S)
    rig.request_until("chunks_published", 1)
    s = rig.statistics.summary()
    parts = sum(s[f"{name}/p50"] for name in ("build_ms", "vision_ms", "audio_ms", "action_layer_ms", "publish_ms"))
    assert 0.5 * s["inference_ms/p50"] < parts <= s["inference_ms/p50"]


def test_stop_ends_the_thread_also_while_nothing_is_asked(policy: Policy) -> None:
    rig = Rig(policy)
    rig.loop.start()
    rig.loop.stop()
    assert not any(thread.is_alive() for thread in rig.loop._threads)
    rig.feed(10 * S)
    rig.loop.watch()
    assert not rig.chunks


# --- two rates ---


@contextmanager
def two_rates(policy: Policy, simulated_time: bool = False) -> Iterator[Rig]:
    """A running loop with a head at 100 Hz, which has seen one image at 10 s."""
    rig = Rig(policy, 100.0, simulated_time)
    rig.loop.start()
    try:
        rig.feed(10 * S)
        rig.request_until("features_computed", 1)
        yield rig
    finally:
        rig.publish_gate.set()
        rig.loop.stop()
        assert not any(thread.is_alive() for thread in rig.loop._threads)


def expected(policy: Policy, stamp: int, position: float) -> ActionChunk:
    """What `policy` makes of the black image of `Rig.feed` and of joints at `position` [rad]."""
    space = policy.file.space
    observation = Observation(stamp, np.zeros((24, 32, 3), np.uint8), np.zeros(space.num_joints), np.zeros(32000, np.float32))
    return policy.act(policy.encode(observation), np.full(space.num_joints, position), stamp)


def test_at_two_rates_one_image_serves_many_chunks_each_of_which_starts_at_its_joint_state(policy: Policy) -> None:
    with two_rates(policy) as rig:
        stamps = [10 * S + i * S // 100 for i in range(6)]
        rig.chunk_at(stamps[0])
        for i, stamp in enumerate(stamps[1:], 1):
            rig.feel(stamp, 0.1 * i)
            chunk = rig.chunk_at(stamp)
            np.testing.assert_array_equal(chunk.joints, expected(policy, stamp, 0.1 * i).joints)
        assert [c.stamp for c in rig.chunks] == stamps
        assert not np.array_equal(rig.chunks[1].joints, rig.chunks[2].joints), "the test would pass without joint states"
        assert rig.statistics.counter("features_computed") == 1
        assert rig.statistics.summary()["features_age_ms/p99"] == pytest.approx(50.0, abs=1.0)
        assert rig.decisions.features_stamp == 10 * S and rig.loop.problem == ""


def test_without_a_new_joint_state_the_head_repeats_nothing(policy: Policy) -> None:
    with two_rates(policy) as rig:
        wait_until(lambda: rig.statistics.counter("unchanged_joint_states") >= 5, 30.0, "five idle turns of the head")
        assert [c.stamp for c in rig.chunks] == [10 * S]


def test_features_beyond_their_limit_are_refused_until_there_are_new_ones(policy: Policy) -> None:
    with two_rates(policy) as rig:
        rig.feel(10 * S + S // 2)
        rig.chunk_at(10 * S + S // 2)
        rig.feel(10 * S + 6 * S // 10)
        wait_until(lambda: rig.statistics.counter("refusals_features") >= 3, 30.0, "refusals of old features")
        assert rig.loop.problem == "features: 0.60 s old, limit 0.5 s"
        assert ("no chunk: features", "no chunk: features: 0.60 s old, limit 0.5 s") in rig.reports
        assert rig.chunks[-1].stamp == 10 * S + S // 2
        rig.feed(10 * S + 7 * S // 10)
        rig.request_until("features_computed", 2)
        rig.chunk_at(10 * S + 7 * S // 10)
        wait_until(lambda: rig.loop.problem == "", 30.0, "the end of the complaint")


def test_features_of_before_the_clock_was_set_back_never_become_fresh_again(policy: Policy) -> None:
    with two_rates(policy) as rig:
        rig.chunk_at(10 * S)
        rig.feel(S)
        wait_until(lambda: rig.statistics.counter("refusals_features"), 30.0, "a refusal of features from the future")
        assert rig.decisions.features_stamp is None
        rig.feel(10 * S + S // 100)
        rig.request_until("refusals_camera", 1)
        assert [c.stamp for c in rig.chunks] == [10 * S]


def test_the_head_refuses_stale_joint_states_and_the_backbone_says_what_it_misses(policy: Policy) -> None:
    with two_rates(policy) as rig:
        rig.chunk_at(10 * S)
        rig.clock = 10 * S + 3 * S // 10
        wait_until(lambda: rig.statistics.counter("refusals_joint_states") >= 3, 30.0, "refusals of old joint states")
        assert "joint_states: 0.30 s old, limit 0.2 s" in rig.loop.problem
        rig.request_until("refusals_camera", 1)
        wait_until(lambda: "camera: 0.30 s old, limit 0.2 s" in rig.loop.problem, 30.0, "the backbone's own complaint")
        assert [c.stamp for c in rig.chunks] == [10 * S]


def test_features_need_no_joint_states(policy: Policy) -> None:
    rig = Rig(policy, 100.0)
    rig.loop.start()
    rig.clock = 10 * S
    rig.builder.images.add(10 * S, np.zeros((24, 32, 3), np.uint8))
    rig.builder.audio.add(10 * S, np.zeros(320, np.int16))
    rig.request_until("features_computed", 1)
    wait_until(lambda: rig.statistics.counter("refusals_joint_states"), 30.0, "the head's complaint")
    assert rig.loop.problem == "joint_states: nothing received"
    rig.loop.stop()


def test_an_unexpected_error_does_not_end_the_head(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_rates(policy) as rig:
        rig.chunk_at(10 * S)

        def broken(*_: Any) -> None:
            raise RuntimeError("the library gave up")

        with monkeypatch.context() as patch:
            patch.setattr(rig.loop, "_publish", broken)
            rig.feel(10 * S + S // 100)
            wait_until(lambda: rig.statistics.counter("failures"), 30.0, "a failure")
        rig.chunk_at(10 * S + S // 100)


def test_under_simulated_time_the_head_keeps_its_rate_on_that_clock(policy: Policy) -> None:
    with two_rates(policy, simulated_time=True) as rig:
        for i in range(1, 20):
            stamp = 10 * S + i * S // 100
            rig.feel(stamp, clock=rig.clock)
            rig.clock = stamp
            rig.chunk_at(stamp)  # looks every 20 ms: a head on the computer's clock would turn twice meanwhile
        assert rig.statistics.counter("unchanged_joint_states") == 0


# --- another policy ---


def test_a_swap_at_one_rate_takes_effect_with_the_next_image(rig: Rig, policy: Policy, other_policy: Policy) -> None:
    for i, running in enumerate((policy, other_policy, policy)):
        stamp = (10 + i) * S
        rig.decisions.change(running, rig.clock)
        rig.feed(stamp)
        rig.request_until("chunks_published", i + 1)
        np.testing.assert_array_equal(rig.chunks[-1].joints, expected(running, stamp, 0.0).joints)
    assert not np.array_equal(rig.chunks[0].joints, rig.chunks[1].joints), "the test would pass without a swap"


def test_a_swap_at_two_rates_never_mixes_one_policys_features_with_anothers_head(policy: Policy, other_policy: Policy) -> None:
    with two_rates(policy) as rig:
        rig.decisions.change(other_policy, rig.clock)
        stamp = 10 * S + S // 100
        rig.feel(stamp)
        np.testing.assert_array_equal(rig.chunk_at(stamp).joints, expected(policy, stamp, 0.0).joints)
        stamp = 10 * S + S // 10
        rig.feed(stamp)
        rig.request_until("features_computed", 2)
        rig.feel(stamp + S // 100)
        np.testing.assert_array_equal(rig.chunk_at(stamp + S // 100).joints, expected(other_policy, stamp, 0.0).joints)


def test_a_chunk_that_is_over_before_it_is_out_is_said_to_be_with_the_mend(rig: Rig) -> None:
    """The wound: it was published, and the executor counted it as late."""
    rig.publish_gate.clear()
    rig.feed(20 * S)
    rig.loop.watch()
    assert rig.publishing.wait(30.0)
    rig.clock += 780_000_000
    rig.publish_gate.set()
    rig.request_until("chunks_published", 1)
    wait_until(lambda: rig.loop.too_late, 30.0, "a word about it")
    mend = "raise num_action_steps to 50 or use head_rate_hz"
    assert rig.loop.too_late == f"observation to chunk 780 ms, horizon 300 ms (16 steps of 20 ms): {mend}"
    assert ("too late", rig.loop.too_late) in rig.reports and rig.statistics.counter("chunks_too_late") == 1


def test_an_added_latency_keeps_features_back_and_a_stop_does_not_wait_for_it(policy: Policy) -> None:
    rig = Rig(policy, added_latency=0.2)
    rig.loop.start()
    rig.feed(10 * S)
    rig.request_until("chunks_published", 1)
    assert rig.statistics.summary()["features_ms/p50"] >= 200.0 and rig.statistics.counter("requests_skipped") > 0
    rig.loop.stop()
    slow = Rig(policy, added_latency=60.0)
    slow.loop.start()
    slow.feed(10 * S)
    slow.request_until("requests_skipped", 1)
    slow.loop.stop()
    assert not any(thread.is_alive() for thread in slow.loop._threads) and not slow.chunks
