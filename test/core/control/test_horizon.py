"""A latency beyond the horizon is told with its figures and the mend."""

from __future__ import annotations

from neon_control.core.control.horizon import too_late


def test_a_latency_within_the_horizon_is_nothing_to_tell():
    assert too_late("observation to chunk", 0.3, 0.02, 16) == ""


def test_a_latency_beyond_it_is_told_with_figures_and_mend():
    assert too_late("observation to chunk", 0.78, 0.02, 16) == (
        "observation to chunk 780 ms, horizon 300 ms (16 steps of 20 ms): raise num_action_steps to 50 or use head_rate_hz"
    )


def test_who_already_runs_at_two_rates_is_not_told_to():
    assert "head_rate_hz" not in too_late("observation to chunk", 0.78, 0.02, 16, two_rates=True)


def test_a_longer_horizon_is_of_no_use_without_a_longer_chunk_timeout():
    text = too_late("observation to command", 0.78, 0.02, 16, chunk_timeout=0.3)
    assert text.endswith("raise num_action_steps to 50 or use head_rate_hz, and chunk_timeout to 0.98 s")
    assert "chunk_timeout" not in too_late("observation to command", 0.78, 0.02, 16, chunk_timeout=1.5)


def test_what_is_told_would_mend_it():
    for latency in (0.31, 0.5, 0.78, 1.0, 3.0):
        for dt in (0.01, 0.02, 0.1):
            text = too_late("", latency, dt, 2)
            steps = int(text.split("num_action_steps to ")[1].split()[0])
            assert too_late("", latency, dt, steps) == ""
