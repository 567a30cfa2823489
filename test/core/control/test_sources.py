"""One publisher at a time."""

from __future__ import annotations

import pytest

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.sources import FloodLimit, SourceGuard

MS = 1_000_000


def test_the_first_publisher_is_followed_and_a_second_one_refused():
    guard = SourceGuard(0.3)
    assert not guard.accept("a", 0)
    with pytest.raises(ChunkError) as error:
        guard.accept("b", 100 * MS)
    assert error.value.reason == "other_publisher"
    assert not guard.accept("a", 200 * MS)
    assert guard.changes == 0


def test_after_silence_whoever_speaks_is_followed_and_counted():
    guard = SourceGuard(0.3)
    guard.accept("a", 0)
    assert guard.accept("b", 300 * MS)
    assert guard.changes == 1
    with pytest.raises(ChunkError):
        guard.accept("a", 310 * MS)


def test_a_clock_that_was_set_back_a_little_lets_no_other_in():
    guard = SourceGuard(0.3)
    guard.accept("a", 1000 * MS)
    with pytest.raises(ChunkError):
        guard.accept("b", 990 * MS)


def test_once_released_whoever_speaks_is_followed_whatever_the_clock_says():
    guard = SourceGuard(0.3)
    guard.accept("a", 1000 * MS)
    guard.release()
    assert guard.accept("b", 10 * MS)


def test_without_publisher_identities_all_chunks_are_of_one_source():
    guard = SourceGuard(0.3)
    assert not any(guard.accept(None, k * MS) for k in range(5))


def test_a_burst_passes_and_then_the_rate_holds():
    limit = FloodLimit(rate=100.0, burst=5)
    assert [limit.allow(1.0) for _ in range(7)] == [True] * 5 + [False] * 2
    passed = sum(limit.allow(1.0 + k / 2000.0) for k in range(1, 2001))  # one second of a flood at 2 kHz
    assert 99 <= passed <= 100


def test_regular_chunks_always_pass():
    limit = FloodLimit(rate=200.0, burst=4)
    assert all(limit.allow(k * 0.02) for k in range(500))
