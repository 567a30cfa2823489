"""The figures of a headless run, from known trials."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neon_control.demo.link import Commands, ImageCount
from neon_control.demo.trials import Trial, control_rate, mean_absolute_jerk, report

KEYS = {
    "episodes", "successes", "success_rate", "mean_time_to_reach_s", "inference_ms", "observation_to_command_ms",
    "control_rate_hz", "mean_absolute_jerk", "images_sent", "images_received",
}  # fmt: skip
DIAGNOSTICS = {
    ("inference_node", "inference_ms/p50"): 30.0,
    ("inference_node", "inference_ms/p99"): 60.0,
    ("executor_node", "observation_to_command_ms/p50"): 80.0,
    ("executor_node", "observation_to_command_ms/p99"): 120.0,
}


def number(node: str, key: str) -> float | None:
    return DIAGNOSTICS.get((node, key))


def trial(outcome: str, time_to_reach: float | None = None, times: tuple[int, ...] = ()) -> Trial:
    return Trial("red", outcome, 12.0, time_to_reach, Commands(times, times, np.zeros((len(times), 7))))


def test_the_report_has_exactly_the_agreed_fields_and_figures() -> None:
    times = tuple(range(0, 1_000_000_000, 10_000_000))
    trials = [trial("success", 4.0, times), trial("timeout", None, times), trial("success", 6.0), trial("wrong_cube")]
    figures = report(trials, number, ImageCount(100, 95), ImageCount(400, 394))
    assert set(figures) == KEYS
    assert figures == {
        "episodes": 4,
        "successes": 2,
        "success_rate": 0.5,
        "mean_time_to_reach_s": 5.0,
        "inference_ms": {"p50": 30.0, "p99": 60.0},
        "observation_to_command_ms": {"p50": 80.0, "p99": 120.0},
        "control_rate_hz": 100.0,
        "mean_absolute_jerk": 0.0,
        "images_sent": 300,
        "images_received": 299,
    }


def test_what_could_not_be_measured_is_null_not_nan() -> None:
    figures = report([trial("timeout")], lambda node, key: None, ImageCount(0, 0), ImageCount(0, 0))
    assert figures["mean_time_to_reach_s"] is None
    assert figures["control_rate_hz"] is None
    assert figures["mean_absolute_jerk"] is None
    assert figures["inference_ms"] == {"p50": None, "p99": None}
    json.dumps(figures, allow_nan=False)


def test_pauses_between_trials_do_not_slow_the_control_rate() -> None:
    first = [i * 10_000_000 for i in range(11)]
    later = [60_000_000_000 + i * 20_000_000 for i in range(6)]
    assert control_rate([first, [], [5], later]) == pytest.approx(75.0)  # 15 intervals in 0.2 s


def test_nor_does_a_stop_within_a_trial_although_late_commands_do() -> None:
    stopped = [0, 10_000_000, 20_000_000, 920_000_000, 930_000_000]  # [ns]
    assert control_rate([stopped]) == pytest.approx(100.0)
    assert control_rate([[0, 10_000_000, 40_000_000]]) == pytest.approx(50.0)
    assert control_rate([]) is None


def test_the_jerk_of_a_cubic_is_its_third_derivative_whatever_the_jitter_of_single_commands() -> None:
    seconds = 0.01 * np.arange(100)
    sent = np.round(1e9 * seconds).astype(int)
    sent[50] += 4_000_000
    commands = Commands((), tuple(sent), np.stack([2.0 * seconds**3, -(seconds**3)], axis=1))  # [rad]
    assert mean_absolute_jerk([commands, Commands((), (), np.zeros(0))]) == pytest.approx((12.0 + 6.0) / 2, abs=0.01)
