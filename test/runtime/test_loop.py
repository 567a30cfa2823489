"""The inference thread, with a real policy on small inputs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from policies import write_policy
from waiting import wait_until

from neon_control.core.chunk import ActionChunk
from neon_control.core.observation import ObservationBuilder
from neon_control.runtime.loop import InferenceLoop
from neon_control.runtime.policy import Policy
from neon_control.runtime.statistics import Statistics

S = 1_000_000_000


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    robot = write_policy(folder)[2]
    return Policy.load(folder, robot)


class Rig:
    """A loop with its inputs and everything that came out of it."""

    def __init__(self, policy: Policy) -> None:
        self.clock = 10 * S
        self.chunks: list[ActionChunk] = []
        self.reports: list[tuple[str, str]] = []
        self.statistics = Statistics()
        self.publishing = threading.Event()
        self.publish_gate = threading.Event()
        self.publish_gate.set()
        self.builder = ObservationBuilder(policy.file.space.joint_names)
        self.loop = InferenceLoop(
            policy, self.builder, lambda: self.clock, self._publish, lambda *r: self.reports.append(r), self.statistics
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

    def request_until(self, counter: str, value: int) -> None:
        def done() -> bool:
            return self.statistics.counter(counter) >= value

        wait_until(done, 30.0, f"{counter} to reach {value}", tick=lambda: (self.loop.request(), threading.Event().wait(0.01)))


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
    rig.loop.request()
    assert rig.publishing.wait(30.0)
    for i in range(1, 6):
        rig.feed(10 * S + i * S // 10)
        rig.loop.request()
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
    parts = sum(s[f"{name}_p50"] for name in ("build_ms", "vision_ms", "audio_ms", "action_layer_ms", "publish_ms"))
    assert 0.5 * s["inference_ms_p50"] < parts <= s["inference_ms_p50"]


def test_stop_ends_the_thread_also_while_nothing_is_asked(policy: Policy) -> None:
    rig = Rig(policy)
    rig.loop.start()
    rig.loop.stop()
    assert not rig.loop._thread.is_alive()
    rig.feed(10 * S)
    rig.loop.request()
    assert not rig.chunks
