"""Chunks from any thread, taken once per period."""

from __future__ import annotations

import numpy as np

from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.ensemble import Ensemble, EnsembleSettings
from neon_control.core.control.sources import SourceGuard
from neon_control.core.control.streams import QUEUE, Stream, Streams

SECOND = 1_000_000_000
NOW = 1000 * SECOND
AHEAD = {"a": 0, "b": 0}


def streams() -> Streams:
    return Streams(*(Stream(name, Ensemble(4, 1, EnsembleSettings()), SourceGuard(0.3)) for name in "ab"))


def chunk(stamp: int, value: float = 1.0) -> ActionChunk:
    return ActionChunk(stamp, 0.1, ("x",), np.full((4, 1), value))


def test_nothing_is_known_before_a_chunk_is_taken():
    both = streams()
    both.put("a", chunk(NOW), "policy")
    assert both.targets(dict.fromkeys("ab", NOW)) == {"a": None, "b": None} and both.age(NOW) == np.inf
    both.take(NOW, AHEAD)
    targets = both.targets(dict.fromkeys("ab", NOW + SECOND // 10))
    assert targets["a"].tolist() == [1.0] and targets["b"] is None and both["a"].accepted == 1


def test_the_age_is_that_of_the_stream_that_is_behind():
    both = streams()
    both.put("a", chunk(NOW), "policy")
    both.put("b", chunk(NOW - SECOND // 10), "policy")
    both.take(NOW, AHEAD)
    assert both.age(NOW + SECOND // 10) == 0.2


def test_a_flood_pushes_its_own_oldest_out_and_is_counted():
    both = streams()
    for k in range(QUEUE + 5):
        both.put("a", chunk(NOW + k), "policy")
    both.take(NOW, AHEAD)
    assert both.rejected == {"a/flood": 5} and both["a"].accepted == QUEUE


def test_a_second_publisher_is_refused_and_a_chunk_ends_the_loss_of_the_first():
    both = streams()
    both["a"].lost = True
    assert not both.alive
    both.put("a", chunk(NOW), "policy")
    both.put("a", chunk(NOW), "another")
    both.take(NOW, AHEAD)
    assert both.alive and both.rejected == {"a/other_publisher": 1}


def test_what_belongs_to_another_time_is_dropped_but_not_the_counters():
    both = streams()
    both.put("a", chunk(NOW), "policy")
    both.take(NOW, AHEAD)
    both.put("a", chunk(NOW), "policy")
    both.forget()
    both.take(NOW, AHEAD)
    assert both.targets(dict.fromkeys("ab", NOW))["a"] is None and both["a"].accepted == 1
    both.put("a", chunk(NOW - 9 * SECOND), "another")
    both.take(NOW - 9 * SECOND, AHEAD)
    assert both["a"].accepted == 2, "the guard has let go"


def test_a_chunk_that_is_over_before_it_comes_is_remembered_with_its_figures_until_one_is_in_time():
    both = Streams(Stream(JOINTS, Ensemble(4, 1, EnsembleSettings()), SourceGuard(0.3)))
    both.put(JOINTS, chunk(NOW - SECOND), "policy")
    both.take(NOW, {JOINTS: SECOND // 20})
    assert both.rejected == {"joints/late": 1} and both.late == (1.05, 0.1, 4)
    both.put(JOINTS, chunk(NOW), "policy")
    both.take(NOW, {JOINTS: 0})
    assert both.late is None
