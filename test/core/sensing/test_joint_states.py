"""Joint positions over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.wire import Wire
from neon_control.core.sensing.joint_states import JointStateBuffer, JointStreams

MS = 1_000_000
S = 1_000_000_000


@given(
    slope=st.floats(-3.0, 3.0),
    offset=st.floats(-3.0, 3.0),
    steps=st.lists(st.integers(1, 20), min_size=2, max_size=40),
    part=st.floats(0.0, 1.0),
)
def test_a_joint_that_moves_evenly_is_interpolated_exactly(slope: float, offset: float, steps: list[int], part: float) -> None:
    stamps = S + np.cumsum(steps) * MS
    buffer = JointStateBuffer(["a"])
    for stamp in stamps.tolist():
        buffer.add(stamp, ["a"], [offset + slope * stamp / S])
    asked = round(stamps[0] + part * (stamps[-1] - stamps[0]))
    assert buffer.at(asked)[0] == pytest.approx(offset + slope * asked / S, abs=1e-6)


@given(st.permutations(["a", "b", "c", "not ours"]))
def test_joints_are_found_by_name_in_any_order(names: list[str]) -> None:
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "not ours": np.nan}
    buffer = JointStateBuffer(["c", "a", "b"])
    buffer.add(1, names, [values[n] for n in names])
    buffer.add(2, names[::-1], [values[n] for n in names[::-1]])
    assert buffer.at(1).tolist() == buffer.at(2).tolist() == [3.0, 1.0, 2.0]


def test_outside_the_span_the_nearest_state_answers_within_the_tolerance_only() -> None:
    buffer = JointStateBuffer(["a"], tolerance_s=0.05)
    buffer.add(S, ["a"], [1.0])
    buffer.add(2 * S, ["a"], [2.0])
    assert buffer.at(S - 50 * MS)[0] == 1.0
    assert buffer.at(2 * S + 50 * MS)[0] == 2.0
    with pytest.raises(ObservationError, match=r"0\.051 s before the oldest.*limit 0\.050"):
        buffer.at(S - 51 * MS)
    with pytest.raises(ObservationError, match=r"0\.051 s after the newest"):
        buffer.at(2 * S + 51 * MS)


def test_old_states_are_forgotten() -> None:
    buffer = JointStateBuffer(["a"], horizon_s=1.0, tolerance_s=0.0)
    for i in range(40):
        buffer.add(i * 100 * MS, ["a"], [float(i)])
    assert buffer.at(2900 * MS)[0] == 29.0
    with pytest.raises(ObservationError, match="before the oldest"):
        buffer.at(2899 * MS)


def test_a_late_message_is_dropped_and_counted_but_a_reset_clock_starts_over() -> None:
    buffer = JointStateBuffer(["a"])
    buffer.add(10 * S, ["a"], [1.0])
    buffer.add(10 * S - 100 * MS, ["a"], [5.0])
    assert buffer.late == 1 and buffer.latest()[1][0] == 1.0
    buffer.add(1 * S, ["a"], [7.0])
    assert buffer.latest()[0] == S and buffer.latest()[1][0] == 7.0


@pytest.mark.parametrize(
    ("names", "positions", "text"),
    [
        (["a", "a"], [1.0, 1.0], r"\['a'\] named more than once"),
        (["a", "b"], [1.0, np.nan], r"\['b'\] is not finite"),
        (["a", "b"], [1.0, np.inf], r"\['b'\] is not finite"),
        (["a", "b"], [1.0], "2 names but positions of shape"),
        (["a", "b"], [], "2 names but positions of shape"),
    ],
)
def test_unusable_messages_are_refused_and_change_nothing(names: list[str], positions: list[float], text: str) -> None:
    buffer = JointStateBuffer(["a", "b"])
    buffer.add(1, ["a", "b"], [1.0, 2.0])
    with pytest.raises(ObservationError, match=text) as error:
        buffer.add(2, names, positions)
    assert error.value.inputs == ("joint_states",)
    assert buffer.latest()[0] == 1


def test_where_states_are_missing_the_nearest_one_answers_within_the_tolerance_only() -> None:
    """The wound: after a second without joint states, positions were made up from a state of before."""
    buffer = JointStateBuffer(["a"], tolerance_s=0.05, gap_s=0.2)
    for stamp, position in ((S, 0.0), (S + 200 * MS, 2.0), (2 * S, 10.0)):
        buffer.add(stamp, ["a"], [position])
    assert buffer.at(S + 100 * MS)[0] == pytest.approx(1.0)
    assert buffer.at(S + 250 * MS)[0] == 2.0 and buffer.at(2 * S - 50 * MS)[0] == 10.0 and buffer.at(2 * S)[0] == 10.0
    with pytest.raises(ObservationError, match=r"0\.100 s from the nearest of 3 states, limit 0\.050"):
        buffer.at(2 * S - 100 * MS)


def test_an_empty_buffer_says_so() -> None:
    buffer = JointStateBuffer(["a"])
    for ask in (buffer.latest, lambda: buffer.at(0)):
        with pytest.raises(ObservationError, match="nothing received"):
            ask()


def test_what_comes_out_is_the_callers_to_change() -> None:
    buffer = JointStateBuffer(["a"])
    buffer.add(1, ["a"], [1.0])
    buffer.at(1)[0] = 9.0
    buffer.latest()[1][0] = 9.0
    assert buffer.at(1)[0] == 1.0


def split(a: range, b: range) -> JointStateBuffer:
    """Two drivers: joints a and c at the times of `a` [ms], joint b at those of `b`; positions are stamps [s], times 1, 3 and 2."""
    buffer = JointStateBuffer(["a", "b", "c"])
    for stamp in sorted({*a, *b}):
        if stamp in a:
            buffer.add(S + stamp * MS, ["c", "a"], [3.0 * (1.0 + stamp / 1e3), 1.0 + stamp / 1e3])
        if stamp in b:
            buffer.add(S + stamp * MS, ["b"], [2.0 * (1.0 + stamp / 1e3)])
    return buffer


@given(st.integers(0, 100), st.integers(1, 40), st.integers(1, 40), st.integers(0, 40))
def test_joints_that_come_in_several_messages_are_each_interpolated_in_their_own_stream(at: int, a: int, b: int, shift: int) -> None:
    buffer = split(range(0, 200, a), range(-shift, 200, b))
    np.testing.assert_allclose(buffer.at(S + at * MS), (1.0 + at / 1e3) * np.array([1.0, 2.0, 3.0]), atol=1e-9)
    assert buffer.late == 0


def test_the_latest_state_is_of_the_newest_time_that_every_joint_has_reached() -> None:
    buffer = split(range(0, 101, 10), range(0, 101, 33))
    stamp, state = buffer.latest()
    assert stamp == S + 99 * MS
    np.testing.assert_allclose(state, 1.099 * np.array([1.0, 2.0, 3.0]), atol=1e-9)


def test_until_every_joint_was_received_there_is_no_state() -> None:
    buffer = split(range(0, 100, 10), range(0))
    for ask in (buffer.latest, lambda: buffer.at(S)):
        with pytest.raises(ObservationError, match=r"joint_states: \['b'\]: nothing received"):
            ask()


def test_a_joint_that_is_no_longer_reported_is_named() -> None:
    buffer = split(range(0, 5000, 10), range(0, 200, 10))
    with pytest.raises(ObservationError, match=r"joint_states: \['b'\]: the asked time is 0\.110 s after the newest"):
        split(range(0, 500, 10), range(0, 200, 10)).at(S + 300 * MS)
    with pytest.raises(ObservationError, match=r"joint_states: \['b'\]: nothing received since 2\.800 s before"):
        buffer.latest()


def test_joints_that_come_together_at_first_may_come_apart_later() -> None:
    buffer = JointStateBuffer(["a", "b"])
    buffer.add(S, ["a", "b"], [0.0, 0.0])
    buffer.add(S + 20 * MS, ["b"], [2.0])
    buffer.add(S + 40 * MS, ["a"], [4.0])
    assert buffer.at(S + 10 * MS).tolist() == [1.0, 1.0]
    buffer.add(S + 60 * MS, ["b", "a"], [6.0, 6.0])
    assert buffer.at(S + 50 * MS) == pytest.approx([5.0, 5.0])


def test_a_joint_is_late_by_its_own_newest_measurement() -> None:
    buffer = JointStateBuffer(["a", "b"])
    buffer.add(S + 10 * MS, ["a"], [1.0])
    buffer.add(S, ["b"], [2.0])
    buffer.add(S + 5 * MS, ["a", "b"], [9.0, 3.0])
    assert buffer.late == 1 and buffer.at(S + 10 * MS).tolist() == [1.0, 3.0]


@pytest.mark.parametrize("positions", [[], [0.5, np.nan]])
def test_a_message_without_a_joint_of_ours_is_nobodys_business(positions: list[float]) -> None:
    buffer = JointStateBuffer(["a"])
    buffer.add(1, ["finger", "thumb"], positions)
    assert buffer.newest_stamps == [(["a"], None)] and buffer.late == 0


def test_streams_are_joined_at_all_times_of_their_common_span() -> None:
    joints = JointStreams(["a", "b"])
    for stamp, name in ((0, "a"), (10, "b"), (20, "a"), (30, "b"), (40, "a")):
        for stream, state in joints.take([name], [float(stamp)]):
            stream.stamps.append(stamp)
            stream.positions.append(state)
    stamps, states = joints.joined()
    assert stamps == [10, 20, 30] and [s.tolist() for s in states] == [[10.0, 10.0], [20.0, 20.0], [30.0, 30.0]]


def test_rare_joints_are_held_for_as_long_as_their_robot_file_says_and_nobody_waits_for_them() -> None:
    buffer = JointStateBuffer(["a", "jaw"], wire=Wire(timeouts=(("jaw", 0.8),)))
    for i in range(101):
        buffer.add(i * 10 * MS, ["a"], [0.01 * i])
    for stamp, opening in ((0, 0.0), (500 * MS, 1.0)):
        buffer.add(stamp, ["jaw"], [opening])
    assert buffer.at(495 * MS) == pytest.approx([0.495, 0.0]), "nothing is interpolated: live, the next one is not there yet"
    assert buffer.at(500 * MS) == pytest.approx([0.5, 1.0])
    stamp, state = buffer.latest()
    assert stamp == 1000 * MS and state == pytest.approx([1.0, 1.0])
    for i in range(101, 132):
        buffer.add(i * 10 * MS, ["a"], [0.01 * i])
    with pytest.raises(ObservationError, match=r"jaw.*0\.810 s after the newest of 2 states, limit 0\.800 s"):
        buffer.latest()
