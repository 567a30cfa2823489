"""Which measurements are believed, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.measured import MeasuredJoints, in_words
from neon_control.core.sensing.witnesses import QUIET, SETTLE_UNTOLD, SILENT, Witnesses

MS, START = 1_000_000, 10**18
NAMES = ("a", "b")
A, B = b"\x0a" * 16, b"\x0b" * 16  # two publishers
TRUE, FALSE = [1.5, -1.2], [0.0, 0.0]


class Arm:
    """Joints of 4 rad range that are commanded at 2 rad/s at most, and what is measured of them."""

    def __init__(self, *jumping: str, met_for: float = 0.0) -> None:
        four, two = np.full(2, 4.0), np.full(2, 2.0)
        self.witnesses = Witnesses(NAMES, -four / 2, four / 2, two, jumping=jumping, met_for=met_for)
        self.measured = MeasuredJoints(NAMES, -four, four, self.witnesses)
        self.now = START
        self.refused: list[str] = []

    def say(self, positions: list[float], source: bytes | None = A, names: tuple[str, ...] = NAMES, stamp: int | None = None) -> None:
        try:
            self.measured.update(self.now if stamp is None else stamp, names, positions, source, self.now)
        except ObservationError as error:
            self.refused.append(str(error))

    def play(self, seconds: float, *publishers: tuple[float, bytes | None, list[float]]) -> Iterator[bool]:
        """Publishers of (rate, source, positions) for a while; after each message, whether the pose counts as measured."""
        end = self.now + round(seconds * 1e9)
        due = sorted(
            (self.now + round(k * 1e9 / rate) + 100_000 * n, n) for n, (rate, _, _) in enumerate(publishers) for k in range(10_000)
        )
        for moment, n in due:
            if moment > end:
                break
            self.now = moment
            self.say(publishers[n][2], publishers[n][1])
            yield self.fresh
        self.now = end

    @property
    def fresh(self) -> bool:
        return self.measured.is_fresh(self.now, 0.2)


def settled(positions: list[float] = TRUE, source: bytes | None = A) -> Arm:
    arm = Arm()
    list(arm.play(1.0, (100.0, source, positions)))
    assert arm.fresh and arm.refused == []
    return arm


@pytest.mark.parametrize(("rate", "after"), [(1000.0, 0.05), (200.0, 0.05), (100.0, 0.05), (30.0, 0.0667), (10.0, 0.2)])
def test_a_publisher_is_believed_after_50_ms_and_three_messages(rate: float, after: float) -> None:
    arm = Arm()
    fresh = list(arm.play(0.5, (rate, A, TRUE)))
    assert fresh.index(True) / rate == pytest.approx(after, abs=1e-4)
    assert arm.measured.positions.tolist() == TRUE


def test_where_publishers_are_not_told_apart_it_takes_longer() -> None:
    fresh = list(Arm().play(1.0, (100.0, None, TRUE)))
    assert fresh.index(True) / 100.0 == pytest.approx(SETTLE_UNTOLD)


@pytest.mark.parametrize(("told", "rates"), [(True, (50.0, 50.0)), (True, (100.0, 10.0)), (False, (50.0, 50.0)), (False, (10.0, 100.0))])
def test_no_pose_is_taken_while_two_publishers_disagree(told: bool, rates: tuple[float, float]) -> None:
    """The wound: a second publisher's zeros were taken for the pose, 1.5 rad away."""
    arm = Arm()
    assert not any(arm.play(5.0, (rates[0], A if told else None, TRUE), (rates[1], B if told else None, FALSE)))
    text = in_words(arm.measured.explain(arm.now, 0.2))
    assert "a, b: in doubt: a " in text and "1.500" in text and "0.000" in text
    assert not told or (A.hex() in text and B.hex() in text)


@pytest.mark.parametrize("told", [True, False])
def test_a_second_publisher_that_disagrees_ends_the_belief_in_both_at_its_second_message(told: bool) -> None:
    arm = settled(source=A if told else None)
    fresh = list(arm.play(1.0, (100.0, A if told else None, TRUE), (20.0, B if told else None, FALSE)))
    first = fresh.index(False)
    assert first <= 1 + 6 * (not told) and not any(fresh[first:])
    assert arm.measured.positions.tolist() == TRUE


def test_who_falls_silent_contradicts_nobody_any_more() -> None:
    arm = settled()
    list(arm.play(1.0, (100.0, A, TRUE), (100.0, B, FALSE)))
    fresh = list(arm.play(2.0, (100.0, A, TRUE)))
    assert 0.05 < fresh.index(True) / 100.0 <= SILENT + 0.06 and all(fresh[fresh.index(True) :])


def test_it_waits_for_three_messages_of_each_publisher() -> None:
    """Two that differ by what a joint moves in 0.1 s: between the messages of the slow one, the fast one may not be believed."""
    assert not any(Arm().play(5.0, (100.0, A, [0.0, 0.0]), (10.0, B, [0.3, 0.0])))
    fresh = list(Arm().play(1.0, (100.0, A, [0.0, 0.0]), (10.0, B, [0.01, 0.0])))
    assert fresh.index(True) == pytest.approx(23, abs=2)  # of both together, in 0.2 s


def test_publishers_that_agree_are_both_believed() -> None:
    arm = settled()
    assert all(arm.play(1.0, (100.0, A, TRUE), (30.0, B, [1.51, -1.19])))
    assert arm.refused == []


def test_publishers_of_other_joints_have_nothing_to_agree_on() -> None:
    arm = Arm()
    for _ in range(100):
        arm.now += 10 * MS
        arm.say([1.5], A, ("a",))
        arm.say([0.0], B, ("b",))
    assert arm.fresh and arm.refused == []


def test_one_message_that_cannot_be_true_is_left_out_and_said() -> None:
    arm = settled()
    arm.now += 10 * MS
    arm.say([0.0, -1.2])
    assert arm.fresh and arm.measured.positions.tolist() == TRUE
    assert arm.refused == [f"joint_states: a jumped from 1.500 to 0.000 within 0.010 s by {A.hex()}"]
    assert all(arm.play(1.0, (100.0, A, TRUE)))


def test_a_joint_that_stays_where_it_jumped_is_measured_again_after_50_ms() -> None:
    arm = settled()
    arm.now += 10 * MS
    fresh = list(arm.play(1.0, (100.0, A, FALSE)))
    assert fresh[:2] == [True, False]
    assert fresh.index(True, 1) / 100.0 == pytest.approx(0.05)
    assert arm.measured.positions.tolist() == FALSE


def test_a_joint_that_flickers_is_not_measured_before_it_has_been_quiet() -> None:
    arm = settled()
    for _ in range(5):
        arm.now += 10 * MS
        arm.say(FALSE)
        list(arm.play(0.1, (100.0, A, TRUE)))
    assert not arm.fresh
    fresh = list(arm.play(2.0, (100.0, A, TRUE)))
    assert fresh.index(True) / 100.0 == pytest.approx(QUIET - 0.1, abs=0.03)


@given(st.floats(-1.0, 1.0), st.floats(20.0, 1000.0), st.lists(st.booleans(), max_size=60))
def test_a_joint_that_moves_as_fast_as_it_may_is_never_doubted(speed: float, rate: float, lost: list[bool]) -> None:
    """Up to twice the limit, also where messages are lost."""
    arm = settled([0.0, 0.0])
    position = 0.0
    for gone in lost:
        arm.now += round(1e9 / rate)
        step = 4.0 * speed / rate
        position += step if abs(position + step) < 2.0 else 0.0
        if not gone:
            arm.say([position, -position])
    assert arm.refused == [] and arm.witnesses.doubted == {}


@given(
    st.lists(st.tuples(st.sampled_from([A, B, None]), st.sampled_from([0.0, 1.5]), st.integers(1, 40)), min_size=1, max_size=200),
)
def test_what_is_believed_was_said_by_all_for_a_while(messages: list[tuple[bytes | None, float, int]]) -> None:
    """Whatever is said in whatever order: a pose that is fresh was contradicted by at most one message a publisher in its last 50 ms."""
    arm, said = Arm(), []
    for source, value, gap in messages:
        arm.now += gap * MS
        arm.say([value, value], source)
        said.append((arm.now, source, value))
        if arm.fresh:
            against = [who for moment, who, v in said if arm.now - moment <= 50 * MS and v != arm.measured.positions[0]]
            assert len(set(against)) == len(against)


def test_time_that_is_reset_is_no_contradiction() -> None:
    arm = settled()
    arm.now -= 100_000 * MS
    arm.measured.forget()
    fresh = list(arm.play(1.0, (100.0, A, FALSE)))
    assert fresh[-1] and arm.refused == []


def test_publishers_without_end_are_not_remembered_without_end() -> None:
    arm = settled()
    for number in range(1000):
        arm.now += MS
        arm.say(TRUE, number.to_bytes(16, "big"))
        if number % 10 == 0:
            arm.say(TRUE)
    assert len(arm.witnesses._known) <= 64
    assert arm.fresh


def test_a_gripper_may_jump_and_the_arm_beside_it_may_not() -> None:
    arm = Arm("b")
    list(arm.play(1.0, (100.0, A, TRUE)))
    for grip in (1.9, -1.9, 1.9, -1.9):  # a driver that knows open and closed alone
        assert all(arm.play(0.2, (100.0, A, [TRUE[0], grip]))) and arm.refused == []
    arm.say([0.0, 1.9])
    assert "a jumped" in arm.refused[-1]


def test_two_publishers_of_a_gripper_still_have_to_agree() -> None:
    arm = Arm("b")
    list(arm.play(1.0, (100.0, A, TRUE), (100.0, B, [TRUE[0], -TRUE[1]])))
    assert not arm.fresh and any("b is" in text for text in arm.refused)


def test_who_is_found_first_is_not_believed_before_others_can_have_been_found() -> None:
    arm = Arm(met_for=0.5)
    assert not any(arm.play(0.3, (100.0, A, FALSE)))
    assert not any(arm.play(1.0, (100.0, A, FALSE), (50.0, B, TRUE)))
    alone = Arm(met_for=0.5)
    first = [fresh for fresh in alone.play(1.0, (100.0, A, TRUE))].index(True)
    assert first == pytest.approx(50, abs=1)


def test_who_has_been_met_is_believed_soon_after_another_activation_and_still_not_beside_somebody_else() -> None:
    arm = Arm(met_for=0.5)
    assert list(arm.play(1.0, (100.0, A, TRUE)))[-1]
    arm.measured.forget()
    again = [fresh for fresh in arm.play(0.3, (100.0, A, TRUE))].index(True)
    assert again == pytest.approx(5, abs=2)  # what it takes to agree with oneself
    arm.measured.forget()
    assert not any(arm.play(1.0, (100.0, A, FALSE), (100.0, B, TRUE)))
