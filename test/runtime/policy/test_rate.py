"""Which images are worth an inference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neon_control.runtime.policy.rate import InferenceRate

S = 1_000_000_000


def test_of_15_images_a_second_10_are_chosen_two_of_three() -> None:
    limit = InferenceRate(10.0)
    chosen = [i for i in range(30) if limit.allows(i * S // 15)]
    assert chosen[:5] == [0, 2, 3, 5, 6]
    assert len(chosen) == 20


@given(camera_hz=st.floats(1.0, 100.0), rate_hz=st.floats(0.5, 50.0), jitter=st.floats(0.0, 0.4), seed=st.integers(0, 100))
def test_the_mean_rate_is_the_smaller_of_both(camera_hz: float, rate_hz: float, jitter: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = (np.arange(600) + jitter * rng.random(600)) / camera_hz
    limit = InferenceRate(rate_hz)
    chosen = sum(limit.allows(int(t * S)) for t in times)
    expected = min(1.0, rate_hz / camera_hz) * 600
    assert abs(chosen - expected) <= 3 + 0.01 * expected


def test_a_pause_does_not_allow_a_burst() -> None:
    limit = InferenceRate(10.0)
    limit.allows(0)
    allowed = [limit.allows(100 * S + i * 10_000_000) for i in range(10)]  # ten images within 0.1 s
    assert sum(allowed) <= 3


def test_a_clock_that_is_set_back_neither_blocks_nor_pays() -> None:
    limit = InferenceRate(10.0)
    assert limit.allows(1000 * S)
    assert not limit.allows(1 * S)
    assert limit.allows(1 * S + S // 10)
