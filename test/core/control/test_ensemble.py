"""The temporal ensemble against the formulas and check values of its sources."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neon_control.core.common.errors import ChunkError, ConfigError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.ensemble import FADES, METHODS, Ensemble, EnsembleSettings

MS = 1_000_000
DT = 0.02
STEP = 20 * MS
H = 16


def ensemble(method: str = "act", dim: int = 2, **coefficients: object) -> Ensemble:
    return Ensemble(H, dim, EnsembleSettings(method=method, **coefficients))


def chunk_of(stamp: int, values: np.ndarray, dt: float = DT) -> ActionChunk:
    return ActionChunk(stamp, dt, tuple(f"joint_{d}" for d in range(values.shape[1])), values)


def smooth(stamp: int, dim: int = 2) -> np.ndarray:
    """A chunk (H, D) that samples one smooth function of time, whatever its stamp."""
    t = stamp * 1e-9 + DT * np.arange(H)
    return np.stack([np.sin(3.0 * t + d) for d in range(dim)], axis=1)


def test_act_weights_match_the_check_values_of_a_full_window():
    e = ensemble(dim=1, m=0.01)
    for k in range(H):  # chunk k casts its own number, so the result shows the weights
        e.add(chunk_of(k * STEP + 1, np.full((H, 1), float(k))), k * STEP + 1)
    t = (H - 1) * STEP + 1
    weights = np.exp(-0.01 * np.arange(H))
    weights /= weights.sum()
    assert weights[0] == pytest.approx(0.067296, abs=5e-7) and weights[-1] == pytest.approx(0.057922, abs=5e-7)
    assert e.evaluate(t)[0] == pytest.approx(weights @ np.arange(H), abs=1e-9)
    assert e.votes == H
    ages = np.arange(H)[::-1]
    assert weights @ ages == pytest.approx(7.71, abs=0.005)


@pytest.mark.parametrize("m", [0.01, 0.0, -0.1, 0.5])
def test_act_equals_the_online_formula_for_regular_arrivals(m):
    rng = np.random.default_rng(3)
    chunks = rng.normal(size=(40, H, 2))
    e = ensemble(m=m)
    weights = np.exp(-m * np.arange(H))
    total = np.cumsum(weights)
    online = np.zeros((0, 2))  # one running average for each step still to come
    counts = np.zeros(0, dtype=int)
    for k, chunk in enumerate(chunks):
        stamp = (k + 1) * STEP
        e.add(chunk_of(stamp, chunk), stamp)
        c = counts[:, None]
        online = (online * total[c - 1] + chunk[: len(online)] * weights[c]) / total[c]
        counts = np.concatenate([counts + 1, np.ones(H - len(counts), dtype=int)])
        online = np.concatenate([online, chunk[len(online) :]])
        np.testing.assert_allclose(e.evaluate(stamp), online[0], atol=1e-9, rtol=0)
        online, counts = online[1:], counts[1:]


@pytest.mark.parametrize("method", METHODS)
def test_identical_chunks_ensemble_to_themselves(method):
    e = ensemble(method)
    for k in range(1, 8):
        e.add(chunk_of(k * 37 * MS, np.tile([1.5, -0.25], (H, 1))), k * 37 * MS + 5 * MS)
    np.testing.assert_allclose(e.evaluate(7 * 37 * MS + 11 * MS), [1.5, -0.25], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20)
@given(latencies=st.lists(st.integers(0, 180), min_size=30, max_size=30))
def test_latency_moves_nothing_when_all_chunks_tell_the_same_motion(method, latencies):
    e = ensemble(method)
    arrivals = sorted((s + latency * MS, s) for s, latency in zip(range(STEP, 91 * STEP, 3 * STEP), latencies, strict=True))
    for arrival, stamp in arrivals:
        e.add(chunk_of(stamp, smooth(stamp)), arrival)
        for t in (arrival, arrival + 7 * MS):
            target = e.evaluate(t)
            if target is not None:
                truth = [np.sin(3.0 * t * 1e-9 + d) for d in range(2)]
                np.testing.assert_allclose(target, truth, atol=0.125 * (3.0 * DT) ** 2 + 1e-9)  # linear interpolation's error


def test_a_chunk_that_is_120_ms_late_is_read_at_its_seventh_step():
    e = ensemble(dim=1)
    stamp = 5 * STEP
    e.add(chunk_of(stamp, np.arange(H, dtype=float)[:, None]), stamp + 120 * MS)
    assert e.evaluate(stamp + 120 * MS)[0] == pytest.approx(6.0)
    assert e.evaluate(stamp + 130 * MS)[0] == pytest.approx(6.5)


def test_nothing_is_extrapolated():
    e = ensemble(dim=1)
    stamp = 5 * STEP
    e.add(chunk_of(stamp, np.arange(H, dtype=float)[:, None]), stamp)
    assert e.evaluate(stamp - 1) is None
    assert e.evaluate(stamp)[0] == 0.0
    assert e.evaluate(stamp + (H - 1) * STEP)[0] == pytest.approx(H - 1)
    assert e.evaluate(stamp + (H - 1) * STEP + MS) is None
    assert e.votes == 0


def test_age_weights_by_seconds_and_latest_takes_the_newest():
    for method, expected in (("age", (0.0 * np.exp(-2.0) + 1.0) / (1.0 + np.exp(-2.0))), ("latest", 1.0)):
        e = ensemble(method, dim=1, tau=0.05)
        e.add(chunk_of(1, np.zeros((H, 1))), 1)
        e.add(chunk_of(1 + 100 * MS, np.ones((H, 1))), 1 + 120 * MS)
        assert e.evaluate(1 + 150 * MS)[0] == pytest.approx(expected)


@pytest.mark.parametrize("fade", FADES)
def test_blend_goes_from_the_old_chunk_to_the_new_one_without_a_jump(fade):
    e = ensemble("blend", dim=1, blend_horizon=0.1, blend_fade=fade)
    e.add(chunk_of(1, np.zeros((H, 1))), 1)
    arrival = 1 + 100 * MS
    e.add(chunk_of(1 + 60 * MS, np.ones((H, 1))), arrival)
    values = np.array([e.evaluate(arrival + k * MS)[0] for k in range(0, 151)])
    assert values[0] == 0.0 and values[100] == pytest.approx(1.0) and values[150] == pytest.approx(1.0)
    assert (np.diff(values) >= -1e-12).all() and np.diff(values).max() < 0.03
    middle = {"linear": 0.5, "exponential": 0.5 * (np.exp(0.5) - 1.0) / (np.e - 1.0)}[fade]
    assert values[50] == pytest.approx(middle, abs=1e-6)


@settings(max_examples=40)
@given(
    gaps=st.lists(st.integers(5, 150), min_size=3, max_size=12),
    levels=st.lists(st.floats(-1.0, 1.0), min_size=12, max_size=12),
    fade=st.sampled_from(FADES),
)
def test_blend_never_jumps_however_chunks_overlap(gaps, levels, fade):
    e = ensemble("blend", dim=1, blend_horizon=0.05, blend_fade=fade)
    t, before = 1, None
    for gap, level in zip(gaps, levels, strict=False):
        e.add(chunk_of(t - 1, np.full((H, 1), level)), t)
        for k in range(gap):
            now = float(e.evaluate(t + k * MS)[0])
            if before is not None:
                assert abs(now - before) <= 2.0 * 3.0 / 50.0 + 1e-9  # at most the steepest fade over the whole band in a millisecond
            before = now
        t += gap * MS


def test_blend_does_not_jump_to_a_chunk_whose_stamp_lies_a_little_ahead():
    e = ensemble("blend", dim=1, blend_horizon=0.1)
    e.add(chunk_of(1000 * MS, np.zeros((H, 1))), 1000 * MS)
    e.add(chunk_of(1140 * MS, np.ones((H, 1))), 1100 * MS)
    values = [e.evaluate(t * MS)[0] for t in range(1100, 1300)]
    assert np.abs(np.diff(values)).max() <= 0.0101 and values[-1] == pytest.approx(1.0)


def test_a_look_ahead_does_not_let_stamps_lie_further_ahead_of_the_clock():
    e = ensemble()
    with pytest.raises(ChunkError, match=r"0\.300 s ahead of this clock") as refusal:
        e.add(chunk_of(1300 * MS, smooth(1300 * MS)), 1500 * MS, look_ahead=500 * MS)
    assert refusal.value.reason == "future"


def test_late_future_duplicate_and_out_of_order_chunks():
    e = ensemble()
    now = 10_000 * MS
    chunk = np.zeros((H, 2))
    for stamp, reason in ((now - 10_000 * MS + 1, "late"), (now + 10_000 * MS, "future")):
        with pytest.raises(ChunkError) as error:
            e.add(chunk_of(stamp, chunk), now)
        assert error.value.reason == reason
    e.add(chunk_of(now - 50 * MS, chunk), now)
    with pytest.raises(ChunkError) as error:
        e.add(chunk_of(now - 50 * MS, chunk), now)
    assert error.value.reason == "duplicate"
    e.add(chunk_of(now - 90 * MS, chunk + 1.0), now)
    assert e.out_of_order == 1 and e.newest_stamp == now - 50 * MS
    e.evaluate(now)
    assert e.votes == 2


def test_the_oldest_chunk_makes_room_and_the_rest_stays_in_order():
    e = Ensemble(H, 1, EnsembleSettings(method="latest"), capacity=4)
    for k in range(10):
        e.add(chunk_of(1 + k * MS, np.full((H, 1), float(k))), 1 + k * MS)
    assert e.evaluate(1 + 10 * MS)[0] == pytest.approx(9.0)
    assert e.votes == 4


def test_cleared_means_empty():
    e = ensemble()
    e.add(chunk_of(1, np.zeros((H, 2))), 1)
    e.clear()
    assert e.evaluate(1) is None and e.newest_stamp is None


def test_chunks_of_different_dt_are_read_at_the_same_instant():
    e = ensemble("act", dim=1, m=0.0)
    e.add(chunk_of(1, 0.02 * np.arange(H)[:, None], 0.02), 1)  # both say: value = seconds since the stamp
    e.add(chunk_of(2, 0.05 * np.arange(H)[:, None], 0.05), 2)
    assert e.evaluate(1 + 130 * MS)[0] == pytest.approx(0.13, abs=1e-6)


def test_one_step_is_no_function_of_time():
    with pytest.raises(ConfigError, match="at least 2 steps"):
        Ensemble(1, 3)
