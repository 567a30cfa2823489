"""The inference threads: images become features, features become chunks.

`decisions.py` says when; here are the threads, the pacing and the measuring. At one rate (head rate 0) a single thread does both: an image
gives features, and these give one chunk, stamped with the image's time. At two rates that thread only computes features, as often as it is
asked and can, and a second one runs the action layer at the head rate on the newest features and the newest joint state; such a chunk is
stamped with the joint state's time. Worked example, a backbone that takes 250 ms and a head at 50 Hz: each features result serves about 12
chunks, every one of which starts where the arm is now.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.statistics import Statistics
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.horizon import too_late
from neon_control.core.control.pacing import Pacer
from neon_control.runtime.policy.decisions import ChunkStart, InferenceDecisions

STOP_LIMIT_S = 1.5  # [s] longest wait for a running inference when stopping
NO_CHUNK = "no chunk yet"


class InferenceLoop:
    """Runs a policy in threads of its own.

    Counters: those of the decisions, `features_computed`, `chunks_published` and `failures`. Latencies: see `_look` and `_make_chunk`.

    Args:
        decisions: what to do when; nobody else may ask them while this runs.
        now: [ns] the clock by which stamps are judged.
        publish: takes each chunk, in one of this object's threads.
        report: takes a kind (to limit repetition by; "failure" is one) and a line for the log, at every refusal and failure.
        statistics: where counters and latencies go.
        simulated_time: whether the head's rate is kept on `now`; otherwise on the monotonic clock.
        steady: [ns] the clock by which missing images are found out; simulated time may stand still.
        added_latency: [s] by which features are kept back, as if the backbone took so much longer; no other image is looked at meanwhile.
    """

    def __init__(
        self,
        decisions: InferenceDecisions,
        now: Callable[[], int],
        publish: Callable[[ActionChunk], None],
        report: Callable[[str, str], None],
        statistics: Statistics,
        simulated_time: bool = False,
        steady: Callable[[], int] = time.monotonic_ns,
        added_latency: float = 0.0,
    ) -> None:
        self._decisions = decisions
        self._now = now
        self._steady = steady
        self._publish = publish
        self._report = report
        self.too_late = ""  # why no step of the newest chunk can be in time, with figures and what would mend it
        self._statistics = statistics
        self._wanted = threading.Event()
        self._added_latency = added_latency
        self._ended = threading.Event()
        self._features_ms = 0.0  # how long the newest features took to compute
        self._threads = [threading.Thread(target=self._run, name="inference", daemon=True)]
        self._problems = {self._look: NO_CHUNK}
        if decisions.two_rates:
            pacer = Pacer(1e-9 * decisions.head_period, now if simulated_time else None, lambda: not self._ended.is_set())
            self._threads.append(threading.Thread(target=self._run_head, args=(pacer,), name="head", daemon=True))
            self._problems[self._act] = NO_CHUNK
        self.last_published = time.monotonic()  # [s] when the newest chunk went out, or when this object was made

    @property
    def problem(self) -> str:
        """Why the newest attempt gave no features or no chunk; empty when all is well."""
        return "; ".join(dict.fromkeys(text for text in self._problems.values() if text))

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the running inference and end; returns when nothing more will be published."""
        self._ended.set()
        self._wanted.set()
        deadline = time.monotonic() + STOP_LIMIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def image_arrived(self) -> None:
        """Look at it, if it is its turn; returns at once."""
        if self._decisions.image_arrived(self._now(), self._steady()):
            self._wanted.set()

    def watch(self) -> None:
        """To be called now and then: looks also where no images come, if only to say so; returns at once."""
        if self._decisions.silent(self._steady()):
            self._wanted.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait()
            self._wanted.clear()
            if self._ended.is_set():
                return
            self._attempt(self._look)
            self._decisions.finish(self._steady())

    def _run_head(self, pacer: Pacer) -> None:
        while not self._ended.is_set():
            pacer.wait()
            if self._ended.is_set():
                return
            self._attempt(self._act)

    def _attempt(self, step: Callable[[], bool]) -> None:
        try:
            if step():
                self._problems[step] = ""
        except (ObservationError, ChunkError) as error:
            self._problems[step] = str(error)
            self._report("no chunk: " + ", ".join(self._decisions.refused(error)), f"no chunk: {error}")
        except Exception as error:  # the thread must outlive what a driver or a library throws at it, and must say so
            self._problems[step] = f"{type(error).__name__}: {error}"
            self._statistics.count("failures")
            self._report("failure", f"inference failed: {self._problems[step]}")

    def _look(self) -> bool:
        """Newest image to features, and at one rate to a chunk; False without a new image."""
        start = time.perf_counter()
        look = self._decisions.look(self._now())
        if look is None:
            return False
        built, look_age = time.perf_counter(), self._now() - look.observation.stamp
        features = look.policy.encode(look.observation)
        if self._added_latency and self._ended.wait(self._added_latency):
            return False
        self._features_ms = 1e3 * (time.perf_counter() - start)
        parts = look.policy.last_ms
        self._statistics.count("features_computed")
        self._statistics.record(
            look_age_ms=1e-6 * look_age,
            build_ms=1e3 * (built - start),
            vision_ms=parts["vision"],
            audio_ms=parts["audio"],
            features_ms=self._features_ms,
        )
        if look.observation.others:
            self._statistics.record(skew_ms=1e3 * look.observation.skew)
        chunk_start = self._decisions.keep(look, features)
        if chunk_start is not None:
            self._make_chunk(chunk_start)
        return True

    def _act(self) -> bool:
        """Newest features and joint state to a chunk; False without a new joint state, or before the first features."""
        chunk_start = self._decisions.next_start(self._now())
        if chunk_start is None:
            return False
        self._make_chunk(chunk_start)
        return True

    def _make_chunk(self, chunk_start: ChunkStart) -> None:
        start, policy = time.perf_counter(), chunk_start.policy
        age = self._now() - chunk_start.features.stamp
        chunk = chunk_start.chunk(self._decisions.prefix(chunk_start, self._now()))
        acted = time.perf_counter()
        if self._ended.is_set():
            return
        self._decisions.goes_out(chunk, self._now())
        self._publish(chunk)
        self._decisions.acted(chunk_start)
        done = time.perf_counter()
        self.last_published = time.monotonic()
        latency = 1e-9 * (self._now() - chunk.stamp)
        two_rates, observation_to_chunk = self._decisions.two_rates, 1e3 * latency
        self.too_late = too_late("observation to chunk", latency, chunk.dt, chunk.num_steps, two_rates)
        if self.too_late:
            self._statistics.count("chunks_too_late")
            self._report("too late", self.too_late)
        parts = policy.last_ms
        computing = parts["action_layer"] if two_rates else sum(parts.values())  # the rest is transport, waiting and wiring
        self._statistics.count("chunks_published")
        self._statistics.record(
            inference_ms=self._features_ms + 1e3 * (done - start),  # of computing, behind this chunk
            action_layer_ms=parts["action_layer"],
            publish_ms=1e3 * (done - acted),
            features_age_ms=1e-6 * age,
            observation_to_chunk_ms=observation_to_chunk,
            overhead_ms=observation_to_chunk - computing,
        )
