import numpy as np
import pytest

from neon_control.doctor.timing import stream_figures


def test_the_worked_example_of_the_docstring() -> None:
    figures = stream_figures(np.array([0.0, 0.1, 0.2, 0.6, 0.7]), 0.0, 1.0)
    assert figures.rate_hz == pytest.approx(10.0) and figures.jitter_s == pytest.approx(0.0, abs=1e-12)
    assert figures.gaps == ((pytest.approx(0.2), pytest.approx(0.4)),)
    assert figures.lost == pytest.approx(0.7) and figures.longest_s == pytest.approx(0.4) and figures.messages == 5


def test_messages_that_come_in_turns_early_and_late_have_that_jitter_and_the_rate_of_all() -> None:
    times = 0.05 * np.arange(100) + 0.01 * (np.arange(100) % 2)  # intervals of 60 and 40 ms
    figures = stream_figures(times, 0.0, 5.0)
    assert figures.jitter_s == pytest.approx(0.01, rel=0.02) and figures.rate_hz == pytest.approx(20.0, rel=0.01)
    assert figures.gaps == () and figures.lost == 0.0


def test_one_lost_image_is_no_gap_and_a_gap_does_not_change_the_rate() -> None:
    times = np.arange(0.0, 10.0, 0.1)
    assert stream_figures(np.delete(times, 50), 0.0, 9.9).gaps == ()
    figures = stream_figures(np.delete(times, slice(50, 70)), 0.0, 9.9)
    assert figures.rate_hz == pytest.approx(10.0) and figures.gaps == ((pytest.approx(4.9), pytest.approx(2.1)),)


def test_messages_out_of_order_are_counted_and_sorted() -> None:
    figures = stream_figures(np.array([0.0, 0.2, 0.1, 0.3]), 0.0, 0.3)
    assert figures.backwards == 1 and figures.rate_hz == pytest.approx(10.0)


@pytest.mark.parametrize("times", [[], [0.5]])
def test_less_than_two_messages_have_no_rate_and_have_lost_everything(times: list[float]) -> None:
    figures = stream_figures(np.array(times), 0.0, 1.0)
    assert np.isnan(figures.rate_hz) and figures.lost == 1.0 and figures.messages == len(times)
