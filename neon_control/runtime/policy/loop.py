"""The inference threads: images become features, features become chunks.

At one rate (head rate 0) a single thread does both: an image gives features, and these give one chunk, stamped with the image's time.
At two rates that thread only computes features, as often as it is asked and can, and a second one runs the action layer at the head rate on
the newest features and the newest joint state; such a chunk is stamped with the joint state's time. Worked example, a backbone that takes
250 ms and a head at 50 Hz: each features result serves about 12 chunks, every one of which starts where the arm is now.

Requests never queue: while features are being computed, further requests are counted and dropped, so a slow computer computes fewer
features and never older ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.common.statistics import Statistics
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.pacing import Pacer
from neon_control.core.sensing.observation import FUTURE_S, ObservationBuilder
from neon_control.runtime.policy.policy import Features, Policy

STOP_LIMIT_S = 1.5  # [s] longest wait for a running inference when stopping
NO_CHUNK = "no chunk yet"


@dataclass(frozen=True)
class _Seen:
    """Features, and the policy that they belong to: after a swap, another one cannot read them."""

    policy: Policy
    features: Features
    ms: float  # how long they took to compute


class InferenceLoop:
    """Runs a policy in threads of its own.

    Counters: `features_computed`, `chunks_published`, `requests_skipped` (features were still being computed), `unchanged_images` and
    `unchanged_joint_states` (nothing new since the last time), `refusals_<input>` and `refusals` in all.
    Latencies: see `_see` and `_make_chunk`.

    Args:
        policy: what to run.
        builder: where the observations come from.
        now: [ns] the clock by which stamps are judged.
        publish: takes each chunk, in one of this object's threads.
        report: takes a kind (to limit repetition by; "failure" is one) and a line for the log, at every refusal and failure.
        statistics: where counters and latencies go.
        head_rate_hz: [Hz] rate of the action layer; 0 for one chunk per features result.
        simulated_time: whether the head's rate is kept on `now`; otherwise on the monotonic clock.
    """

    def __init__(
        self,
        policy: Policy,
        builder: ObservationBuilder,
        now: Callable[[], int],
        publish: Callable[[ActionChunk], None],
        report: Callable[[str, str], None],
        statistics: Statistics,
        head_rate_hz: float = 0.0,
        simulated_time: bool = False,
    ) -> None:
        self._policy = policy
        self._builder = builder
        self._now = now
        self._publish = publish
        self._report = report
        self._statistics = statistics
        self._wanted = threading.Event()
        self._stopping = False
        self._seen: _Seen | None = None
        self._last_image: int | None = None  # [ns]
        self._last_joints: int | None = None  # [ns]
        self._threads = [threading.Thread(target=self._run, name="inference", daemon=True)]
        self._problems = {self._see: NO_CHUNK}
        self._pacer: Pacer | None = None
        if head_rate_hz > 0.0:
            self._pacer = Pacer(1.0 / head_rate_hz, now if simulated_time else None, lambda: not self._stopping)
            self._threads.append(threading.Thread(target=self._run_head, args=(self._pacer,), name="head", daemon=True))
            self._problems[self._act] = NO_CHUNK
        self.last_requested = time.monotonic()  # [s]
        self.last_published = time.monotonic()  # [s] when the newest chunk went out, or when this object was made

    @property
    def problem(self) -> str:
        """Why the newest attempt gave no features or no chunk; empty when all is well."""
        return "; ".join(dict.fromkeys(text for text in self._problems.values() if text))

    @property
    def busy(self) -> bool:
        """Whether features are being computed."""
        return self._wanted.is_set()

    @property
    def features_stamp(self) -> int | None:
        """[ns] time of the image that the newest features were made of; None before the first."""
        seen = self._seen
        return None if seen is None else seen.features.stamp

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the running inference and end; returns when nothing more will be published."""
        self._stopping = True
        self._wanted.set()
        deadline = time.monotonic() + STOP_LIMIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def request(self) -> None:
        """Ask for new features, and at one rate for a chunk; returns at once."""
        self.last_requested = time.monotonic()
        if self._wanted.is_set():
            self._statistics.count("requests_skipped")
        self._wanted.set()

    def swap(self, policy: Policy) -> None:
        """Run `policy`, which needs the same joints, from the next features on; until these are there, the old one goes on to act."""
        self._policy = policy

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait()
            if self._stopping:
                return
            self._attempt(self._see)
            self._wanted.clear()  # a request that came meanwhile is dropped: the next one is due soon, and fresher

    def _run_head(self, pacer: Pacer) -> None:
        while not self._stopping:
            pacer.wait()
            if self._stopping:
                return
            self._attempt(self._act)

    def _attempt(self, step: Callable[[], bool]) -> None:
        try:
            if step():
                self._problems[step] = ""
        except ObservationError as error:
            self._refuse(step, error.inputs or ("observation",), str(error))
        except ChunkError as error:
            self._refuse(step, (error.reason,), str(error))
        except Exception as error:  # the thread must outlive what a driver or a library throws at it, and must say so
            self._problems[step] = f"{type(error).__name__}: {error}"
            self._statistics.count("failures")
            self._report("failure", f"inference failed: {self._problems[step]}")

    def _refuse(self, step: Callable[[], bool], reasons: tuple[str, ...], text: str) -> None:
        self._problems[step] = text
        self._statistics.count("refusals")
        for reason in reasons:
            self._statistics.count(f"refusals_{reason}")
        self._report("no chunk: " + ", ".join(reasons), f"no chunk: {text}")

    def _see(self) -> bool:
        """Newest image to features, and at one rate to a chunk; False without a new image."""
        start = time.perf_counter()
        policy = self._policy
        self._builder.use_audio = policy.uses_audio
        self._builder.look_at(policy.file.vision.clip, policy.file.vision.cameras)
        observation = self._builder.build(self._now(), use_joints=self._pacer is None)
        if observation.stamp == self._last_image:
            self._statistics.count("unchanged_images")
            return False
        built = time.perf_counter()
        features = policy.encode(observation)
        ms = 1e3 * (time.perf_counter() - start)
        seen = self._seen = _Seen(policy, features, ms)
        parts = policy.last_ms
        self._statistics.count("features_computed")
        self._statistics.record(build_ms=1e3 * (built - start), vision_ms=parts["vision"], audio_ms=parts["audio"], features_ms=ms)
        if self._pacer is None:
            self._make_chunk(seen, observation.joint_positions, observation.stamp)
        self._last_image = observation.stamp
        self.last_requested = time.monotonic()
        return True

    def _act(self) -> bool:
        """Newest features and joint state to a chunk; False without a new joint state, or before the first features."""
        seen = self._seen
        if seen is None:  # `_see` has said why
            return False
        stamp, joint_positions = self._builder.joint_states.latest()
        now = self._now()
        if seen.features.stamp > now + FUTURE_S * NANOSECONDS:  # the clock was set back: refused now, they must not become fresh again
            self._seen = None
        self._builder.check(now, {"features": seen.features.stamp, "joint_states": stamp})
        if stamp == self._last_joints:
            self._statistics.count("unchanged_joint_states")
            return False
        self._make_chunk(seen, joint_positions, stamp)
        self._last_joints = stamp
        return True

    def _make_chunk(self, seen: _Seen, joint_positions: np.ndarray, stamp: int) -> None:
        start = time.perf_counter()
        age = self._now() - seen.features.stamp
        chunk = seen.policy.act(seen.features, joint_positions, stamp)
        acted = time.perf_counter()
        if self._stopping:
            return
        self._publish(chunk)
        done = time.perf_counter()
        self.last_published = time.monotonic()
        observation_to_chunk = 1e-6 * (self._now() - stamp)
        parts = seen.policy.last_ms
        computing = sum(parts.values()) if self._pacer is None else parts["action_layer"]  # the rest is transport, waiting and wiring
        self._statistics.count("chunks_published")
        self._statistics.record(
            inference_ms=seen.ms + 1e3 * (done - start),  # of computing, behind this chunk
            action_layer_ms=parts["action_layer"],
            publish_ms=1e3 * (done - acted),
            features_age_ms=1e-6 * age,
            observation_to_chunk_ms=observation_to_chunk,
            overhead_ms=observation_to_chunk - computing,
        )
