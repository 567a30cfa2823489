"""Commands over time, and the targets that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.recordings.tracks import Targets, Track

MS = 10**6  # [ns]


def at(track: Track, *times: float) -> list[float]:
    return track.at(np.array([round(t * MS) for t in times]))[:, 0].tolist()


def track(*knots: tuple[float, float], names: tuple[str, ...] = ("a",)) -> Track:
    made = Track(names)
    for time, value in knots:
        made.add(round(time * MS), [round(time * MS)], [np.full(len(names), value)], hold=True)
    return made


def test_values_are_linear_between_knots_and_held_outside() -> None:
    assert at(track((0, 1.0), (10, 3.0), (20, 0.0)), -5, 0, 5, 10, 15, 20, 99) == pytest.approx([1, 1, 2, 3, 1.5, 0, 0])
    assert at(track((7, 4.0)), 0, 7, 50) == [4.0, 4.0, 4.0]


def test_a_new_trajectory_replaces_what_was_still_to_come() -> None:
    made = Track(("a",))
    for start, target in ((0, 1.0), (10, 2.0)):  # what the executor sends: the next point, and where it would come to rest
        made.add(start * MS, [(start + 10) * MS, (start + 60) * MS], [np.array([target]), np.array([target + 9.0])])
    assert at(made, 10, 15, 20) == pytest.approx([1.0, 1.5, 2.0])
    assert at(made, 70) == pytest.approx([11.0]), "the last message's rest is reached"


def test_a_trajectory_that_is_replaced_on_its_way_counts_until_then() -> None:
    made = Track(("a",))
    made.add(0, [0, 2000 * MS], [np.array([0.0]), np.array([2.0])], hold=True)
    made.add(1000 * MS, [3000 * MS], [np.array([0.0])], hold=True)
    assert at(made, 500, 1000, 2000, 3000) == pytest.approx([0.5, 1.0, 0.5, 0.0])


def test_a_stream_of_goals_that_are_never_reached_is_what_a_controller_makes_of_it() -> None:
    made, reached, expected = Track(("a",)), 0.0, []
    for i in range(50):  # what servoing nodes send: where to be 100 ms later, every 20 ms
        made.add(20 * i * MS, [(20 * i + 100) * MS], [np.array([float(i)])], hold=True)
        if i:  # a fifth of the way to the newest goal, until the next one comes
            expected.append(reached)
            reached += 0.2 * (i - reached)
    assert made.span == (20 * MS, 1080 * MS)
    assert at(made, *(20 * i for i in range(1, 50))) == pytest.approx(expected)


def test_the_last_value_is_held_through_a_long_pause() -> None:
    assert at(track((0, 1.0), (2000, 5.0)), 1000, 1999, 2000) == pytest.approx([1.0, 1.0, 5.0])
    assert at(track((0, 1.0), (400, 5.0)), 200) == pytest.approx([3.0]), "no pause: a slow stream of commands"


def test_joints_without_commands_are_to_be_where_they_are_measured_next() -> None:
    measured = Track(("a", "b"))
    for i in range(10):
        measured.add(i * 10 * MS, [i * 10 * MS], [np.array([i, 10.0 * i])])
    targets = Targets(("a", "b"), 0, [track((0, 7.0), (100, 7.0))], measured, Track(()))
    actions, mask = targets.at(np.array([0, 20, 40, 60, 80]) * MS, dt=0.02, until=10**12)
    assert targets.measured_joints == ["b"]
    assert actions[:, 0].tolist() == [7.0] * 5
    assert actions[:, 1] == pytest.approx([20, 40, 60, 80, 90])
    assert mask.tolist() == [1, 1, 1, 1, 0], "80 ms wants the state of 100 ms, which was not measured"


def test_nothing_is_known_before_the_first_command_nor_from_the_next_episode_on() -> None:
    targets = Targets(("a",), 0, [track((100, 1.0), (500, 5.0), (900, 9.0))], Track(("a",)), Track(()))
    actions, mask = targets.at(np.array([0, 100, 500, 700, 900]) * MS, dt=0.2, until=700 * MS)
    assert mask.tolist() == [0, 1, 1, 0, 0]
    assert actions[2:, 0] == pytest.approx([5.0, 7.0, 7.0]), "padded with the last known value of the episode, not the next one's"


def test_the_base_stops_half_a_second_after_its_last_command() -> None:
    base = track((0, 1.0), (1000, 2.0), names=("vx", "vy", "yaw_rate"))
    targets = Targets(("a",), 3, [track((0, 0.0), (9000, 0.0))], Track(("a",)), base)
    actions, mask = targets.at(np.array([0, 400, 600, 999, 1000, 1500, 1600]) * MS, dt=0.2, until=10**12)
    assert actions[:, 1].tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 0.0])
    assert mask.all(), "a base that stands still is no reason to forget what the arms were told"
