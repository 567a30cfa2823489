"""The inference thread: whenever it is asked, it turns the newest observation into a chunk.

Requests never queue: while one inference runs, further requests are counted and dropped, so a slow computer makes fewer
chunks and never older ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from neon_control.core.chunk import ActionChunk
from neon_control.core.errors import ChunkError, ObservationError
from neon_control.core.observation import ObservationBuilder
from neon_control.runtime.policy import Policy
from neon_control.runtime.statistics import Statistics

STOP_LIMIT_S = 1.5  # [s] longest wait for a running inference when stopping


class InferenceLoop:
    """Runs a policy in a thread of its own.

    Counters: `chunks_published`, `requests_skipped` (one was still running), `unchanged_images` (no new image since the last
    chunk), `refusals_<input>` and `refusals` in all. Latencies: see `_infer`.

    Args:
        policy: what to run.
        builder: where the observations come from.
        now: [ns] the clock by which stamps are judged.
        publish: takes each chunk, in this object's thread.
        report: takes a kind (to limit repetition by; "failure" is one) and a line for the log, at every refusal and failure.
        statistics: where counters and latencies go.
    """

    def __init__(
        self,
        policy: Policy,
        builder: ObservationBuilder,
        now: Callable[[], int],
        publish: Callable[[ActionChunk], None],
        report: Callable[[str, str], None],
        statistics: Statistics,
    ) -> None:
        self._policy = policy
        self._builder = builder
        self._now = now
        self._publish = publish
        self._report = report
        self._statistics = statistics
        self._wanted = threading.Event()
        self._stopping = False
        self._last_stamp: int | None = None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self.problem = "no chunk yet"  # why the newest request gave no chunk; empty when it gave one
        self.last_requested = time.monotonic()  # [s]
        self.last_published = time.monotonic()  # [s] when the newest chunk went out, or when this object was made

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the running inference and end; returns when nothing more will be published."""
        self._stopping = True
        self._wanted.set()
        self._thread.join(STOP_LIMIT_S)

    def request(self) -> None:
        """Ask for one inference; returns at once."""
        self.last_requested = time.monotonic()
        if self._wanted.is_set():
            self._statistics.count("requests_skipped")
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait()
            if self._stopping:
                return
            try:
                self.problem = self._infer()
            except ObservationError as error:
                self._refuse(error.inputs or ("observation",), str(error))
            except ChunkError as error:
                self._refuse((error.reason,), str(error))
            except Exception as error:  # the thread must outlive what a driver or a library throws at it, and must say so
                self.problem = f"{type(error).__name__}: {error}"
                self._statistics.count("failures")
                self._report("failure", f"inference failed: {self.problem}")
            self._wanted.clear()  # a request that came meanwhile is dropped: the next one is due soon, and fresher

    def _infer(self) -> str:
        start = time.perf_counter()
        observation = self._builder.build(self._now())
        if observation.stamp == self._last_stamp:
            self._statistics.count("unchanged_images")
            return self.problem
        built = time.perf_counter()
        chunk = self._policy.predict(observation)
        predicted = time.perf_counter()
        if self._stopping:
            return self.problem
        self._publish(chunk)
        done = time.perf_counter()
        self._last_stamp = observation.stamp
        self.last_requested = time.monotonic()  # [s]
        self.last_published = time.monotonic()
        parts = self._policy.last_ms
        self._statistics.count("chunks_published")
        self._statistics.record(
            inference_ms=1e3 * (done - start),
            build_ms=1e3 * (built - start),
            vision_ms=parts["vision"],
            audio_ms=parts["audio"],
            action_layer_ms=parts["action_layer"],
            publish_ms=1e3 * (done - predicted),
            observation_to_chunk_ms=1e-6 * (self._now() - observation.stamp),
        )
        return ""

    def _refuse(self, reasons: tuple[str, ...], text: str) -> None:
        self.problem = text
        self._statistics.count("refusals")
        for reason in reasons:
            self._statistics.count(f"refusals_{reason}")
        self._report("no chunk: " + ", ".join(reasons), f"no chunk: {text}")
