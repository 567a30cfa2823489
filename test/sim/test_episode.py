"""The rules of a trial, at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.sim.episode import FINISHED, LIMITS, WORDS, Episode, Outcome, in_words

NEAR, FAR = {"red": 0.05, "blue": 0.5}, {"red": 0.051, "blue": 0.5}
DT = 0.005


def run(episode: Episode, seconds: float, distances: dict[str, float], start: float, touched: frozenset[str] = frozenset()) -> float:
    steps = round(seconds / DT)
    for i in range(1, steps + 1):
        episode.update(start + i * DT, distances, touched)
    return start + steps * DT


def begun(at: float = 10.0) -> Episode:
    episode = Episode("red")
    episode.begin(at)
    return episode


def test_nothing_counts_before_the_command_begins() -> None:
    episode = Episode("red")
    run(episode, 20.0, NEAR, 0.0)
    assert episode.outcome is Outcome.WAITING


def test_half_a_second_at_the_cube_is_a_success_and_the_arrival_is_timed() -> None:
    episode = begun()
    now = run(episode, 3.0, FAR, 10.0)
    now = run(episode, 0.495, NEAR, now)
    assert episode.outcome is Outcome.RUNNING
    run(episode, 0.02, NEAR, now)
    assert episode.outcome is Outcome.SUCCESS
    assert episode.time_to_reach == pytest.approx(3.005)


def test_leaving_the_cube_starts_the_half_second_anew() -> None:
    episode = begun()
    now = run(episode, 0.4, NEAR, 10.0)
    now = run(episode, 0.005, FAR, now)
    now = run(episode, 0.4, NEAR, now)
    assert episode.outcome is Outcome.RUNNING
    run(episode, 0.2, NEAR, now)
    assert episode.time_to_reach == pytest.approx(0.41)


def test_twelve_seconds_are_the_limit_also_for_a_stay_that_has_begun() -> None:
    episode = begun()
    now = run(episode, 11.6, FAR, 10.0)
    run(episode, 1.0, NEAR, now)
    assert episode.outcome is Outcome.TIMEOUT
    assert episode.elapsed == pytest.approx(12.0)
    assert episode.time_to_reach is None


def test_touching_the_other_cube_first_fails_even_at_the_right_one() -> None:
    episode = begun()
    now = run(episode, 0.3, NEAR, 10.0)
    run(episode, 5.0, NEAR, now, frozenset({"blue"}))
    assert episode.outcome is Outcome.WRONG_CUBE


def test_touching_the_right_cube_is_allowed() -> None:
    episode = begun()
    run(episode, 1.0, NEAR, 10.0, frozenset({"red"}))
    assert episode.outcome is Outcome.SUCCESS


@given(st.lists(st.tuples(st.floats(0.0, 0.2), st.booleans()), min_size=1, max_size=200))
def test_a_finished_trial_never_changes(samples: list[tuple[float, bool]]) -> None:
    episode = begun()
    final = None
    for i, (distance, other) in enumerate(samples):
        outcome = episode.update(10.0 + 0.1 * i, {"red": distance, "blue": 1.0}, frozenset({"blue"} if other else ()))
        if final is not None:
            assert (outcome, episode.elapsed, episode.time_to_reach) == final
        elif outcome in FINISHED:
            final = (outcome, episode.elapsed, episode.time_to_reach)


def test_people_are_told_what_the_task_is_about() -> None:
    assert set(WORDS) == set(LIMITS)
    assert [in_words(outcome, "pick_place") for outcome in Outcome] == [
        "listening", "picking", "placed in the tray", "touched the wrong cube", "too late",
    ]  # fmt: skip
    assert (in_words(Outcome.RUNNING, "reach"), in_words(Outcome.SUCCESS, "reach")) == ("reaching", "reached")
