import numpy as np
import pytest

from neon_control.doctor.sync import skew


def test_a_camera_that_is_a_constant_time_late_is_so_far_away() -> None:
    times = np.arange(0.0, 10.0, 0.1)
    apart = skew(times, times + 0.03)
    assert apart.median_s == pytest.approx(0.03) and apart.worst_s == pytest.approx(0.03)


def test_the_nearest_counts_on_either_side() -> None:
    assert skew(np.array([1.0, 1.04, 1.09]), np.array([0.9, 1.0, 1.1])).worst_s == pytest.approx(np.quantile([0.0, 0.04, 0.01], 0.9))


def test_what_lies_outside_the_other_stream_says_nothing_of_the_skew() -> None:
    assert skew(np.array([0.0, 5.0, 99.0]), np.array([4.0, 5.0])).worst_s == 0.0


@pytest.mark.parametrize(("one", "two"), [([], [1.0]), ([1.0], []), ([2.0], [1.0])])
def test_without_common_time_it_is_not_known(one: list[float], two: list[float]) -> None:
    assert np.isnan(skew(np.array(one), np.array(two)).median_s)
