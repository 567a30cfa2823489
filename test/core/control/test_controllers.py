"""The controllers' contract: what a client of ros2_control would see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.controllers import CommandError, JointTrajectoryController, VelocityBase

NAMES = ("a", "b")
T0 = 1_700_000_000 * NANOSECONDS
MEASURED = np.array([0.1, -0.2])


def near(values: object) -> object:
    return pytest.approx(np.broadcast_to(values, (len(NAMES),)), abs=1e-5)  # what a joint moves in a cycle of 1 us


def at(seconds: float) -> int:
    return T0 + round(seconds * NANOSECONDS)


def controller(**options: object) -> JointTrajectoryController:
    """Active, with cycles of 1 us, so that what is sampled is due when it is sampled, unless `period` says otherwise."""
    jtc = JointTrajectoryController(NAMES, **{"period": 1e-6, **options})  # type: ignore[arg-type]
    jtc.activate(MEASURED)
    jtc.update(T0 - 1, MEASURED)
    return jtc


def send(jtc: JointTrajectoryController, now: float, offsets: list[float], positions: object, **options: object) -> None:
    arguments = {"stamp": 0, "names": NAMES, "velocities": None} | options
    for key in ("velocities", "accelerations"):
        if isinstance(arguments.get(key), list):
            arguments[key] = np.array(arguments[key], float)
    jtc.accept(now=at(now), offsets=np.array(offsets), positions=np.array(positions, float), **arguments)  # type: ignore[arg-type]


def read(jtc: JointTrajectoryController, now: float, measured: np.ndarray = MEASURED, velocity: np.ndarray | None = None) -> np.ndarray:
    set_point = jtc.update(at(now), measured, velocity)
    assert set_point is not None
    return set_point


def test_before_activation_and_after_deactivation_nothing_drives_the_motors_and_messages_are_ignored() -> None:
    jtc = JointTrajectoryController(NAMES)
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    assert jtc.update(at(0.0), MEASURED) is None
    jtc.activate(MEASURED)
    assert np.array_equal(read(jtc, 2.0, MEASURED + 0.5), MEASURED)  # nothing of what came before
    send(jtc, 2.0, [1.0], [[1.1, 0.8]])
    jtc.deactivate()
    assert jtc.update(at(2.5), MEASURED) is None
    jtc.activate(MEASURED + 1.0)
    assert np.array_equal(read(jtc, 3.0), MEASURED + 1.0)


def test_before_any_command_the_pose_measured_at_activation_is_held() -> None:
    assert np.array_equal(read(controller(), 1.0, MEASURED + 0.5), MEASURED)


def test_a_straight_line_leads_to_the_first_point_and_on_to_the_next() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0, 3.0], [[1.1, 0.8], [1.1, -0.2]])
    read(jtc, 0.0)
    assert read(jtc, 0.5) == near([0.6, 0.3])
    assert read(jtc, 1.0) == near([1.1, 0.8])
    assert read(jtc, 2.0) == near([1.1, 0.3])


def test_the_set_point_is_that_of_one_period_later() -> None:
    jtc = controller(period=0.1)
    send(jtc, 0.0, [0.0, 1.0], [[0.0, 0.0], [1.0, 2.0]])
    assert read(jtc, 0.0) == near([0.1, 0.2])
    assert read(jtc, 0.55) == near([0.65, 1.3])  # a late cycle looks one nominal period ahead, too


def test_without_a_stamp_the_path_starts_when_it_is_picked_up_and_with_one_when_it_says() -> None:
    unstamped, stamped = controller(), controller()
    for jtc, stamp in ((unstamped, 0), (stamped, at(0.0))):
        send(jtc, 0.0, [0.0, 1.0], [[0.0, 0.0], [1.0, 1.0]], stamp=stamp)
        read(jtc, 0.25)
    assert read(unstamped, 0.5) == near([0.25, 0.25])
    assert read(stamped, 0.5) == near([0.5, 0.5])


def test_of_two_messages_between_two_cycles_the_later_one_counts() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[5.0, 5.0]])
    send(jtc, 0.01, [0.0], [[0.3, 0.3]])
    assert np.array_equal(read(jtc, 0.02), [0.3, 0.3])


def test_the_last_point_is_held_for_ever_without_a_timeout() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.0, 1.0]])
    read(jtc, 0.0)
    assert np.array_equal(read(jtc, 3600.0), [1.0, 1.0])


def test_after_the_timeout_the_measured_pose_is_held() -> None:
    jtc = controller(cmd_timeout=0.5)
    send(jtc, 0.0, [1.0], [[1.0, 1.0]])
    read(jtc, 0.0)
    assert np.array_equal(read(jtc, 1.49), [1.0, 1.0])
    stuck = np.array([0.7, 0.7])
    assert np.array_equal(read(jtc, 1.51, stuck), stuck)
    assert np.array_equal(read(jtc, 1.60, stuck + 0.1), stuck)  # held where it was, not dragged along
    send(jtc, 2.0, [1.0], [[0.0, 0.0]])
    read(jtc, 2.0, stuck)
    assert read(jtc, 2.5, stuck) == near(stuck / 2)


def test_joints_are_mapped_by_name() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[5.0, 6.0]], names=("b", "a"))
    read(jtc, 0.0)
    assert np.array_equal(read(jtc, 2.0), [6.0, 5.0])


def test_by_default_the_way_to_the_first_point_begins_at_the_measured_pose() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    read(jtc, 0.0)
    read(jtc, 0.5)
    send(jtc, 0.5, [1.0], [[0.0, 0.0]])
    assert read(jtc, 0.6, np.array([0.4, 0.4])) == near([0.4, 0.4])
    assert read(jtc, 1.1) == near([0.2, 0.2])


def test_from_the_measured_state_its_velocity_counts_where_it_is_measured() -> None:
    fast = np.array([1.0, -1.0])
    jtc = controller()
    send(jtc, 0.0, [1.0], [[0.0, 0.0]], velocities=[[0.0, 0.0]])
    assert read(jtc, 0.0, np.zeros(2), fast) == near([0.0, 0.0])
    assert read(jtc, 0.5) == near(fast * 0.125)  # the cubic's v0 (u - 2 u^2 + u^3) at 1/2
    blind = controller()
    send(blind, 0.0, [1.0], [[0.4, 0.4]], velocities=[[0.0, 0.0]])
    read(blind, 0.0, np.zeros(2))
    assert read(blind, 0.25) == near([0.1, 0.1])  # a straight line, since the velocity is not known at both ends


def test_the_last_desired_state_counts_from_the_moment_of_its_cycle_although_it_was_meant_for_one_period_later() -> None:
    """Commanded 0.1 s ahead at 0.5 s, it is taken for where the path was at 0.5 s: this is what makes a stream of messages wobble."""
    jtc = controller(from_desired_state=True, period=0.1)
    send(jtc, 0.0, [0.0, 1.0], [[0.0, 0.0], [1.0, 1.0]])
    read(jtc, 0.0)
    assert read(jtc, 0.5) == near([0.6, 0.6])
    send(jtc, 0.55, [0.2], [[0.8, 0.8]])
    assert read(jtc, 0.6) == near(0.6 + 0.2 * (0.7 - 0.5) / (0.8 - 0.5))  # it was 0.6 at 0.5 s, and shall be 0.8 at 0.8 s


@pytest.mark.parametrize("from_desired_state", [False, True])
def test_the_state_before_plays_no_part_when_the_first_point_is_due(from_desired_state: bool) -> None:
    jtc = controller(from_desired_state=from_desired_state)
    send(jtc, 0.0, [0.0, 1.0], [[0.0, 0.0], [1.0, 2.0]])
    assert read(jtc, 0.0, MEASURED + 3.0) == near([0.0, 0.0])
    send(jtc, 0.5, [0.0, 1.0], [[0.0, 0.0], [1.0, 2.0]], stamp=at(0.25))
    assert read(jtc, 0.5, MEASURED + 3.0) == near([0.25, 0.5])


def test_a_stamp_in_the_future_is_approached_until_then() -> None:
    jtc = controller()
    send(jtc, 0.0, [0.0], [[1.1, 0.8]], stamp=at(2.0))
    read(jtc, 0.0)
    assert read(jtc, 1.0) == near([0.6, 0.3])


@given(times=st.lists(st.floats(0.001, 0.5), min_size=1, max_size=30), seed=st.integers(0, 2**31))
def test_a_stream_of_short_trajectories_stays_between_the_state_before_and_the_point(times: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    jtc = controller(from_desired_state=True)
    now, before = 0.0, MEASURED
    for pause in times:
        target = rng.uniform(-1, 1, (1, 2))
        send(jtc, now, [0.02], target)
        low, high = np.minimum(before, target[0]), np.maximum(before, target[0])
        for instant in (now, now + pause):
            before = read(jtc, instant)
            assert ((before >= low - 1e-9) & (before <= high + 1e-9)).all()
        now += pause


@pytest.mark.parametrize(
    ("offsets", "positions", "options", "message"),
    [
        ([1.0], [[0.0]], {"names": ("a",)}, r"missing: \['b'\]"),
        ([1.0], [[0.0, 0.0, 0.0]], {"names": ("a", "b", "c")}, r"unknown: \['c'\]"),
        ([1.0], [[0.0, 0.0]], {"names": ("a", "a")}, r"missing: \['b'\]"),
        ([1.0], [[0.0, 0.0, 0.0]], {"names": ("a", "b", "b")}, "3 names for 2 joints"),
        ([1.0], [[0.0]], {}, r"shape \(1, 1\), needs \(1, 2\)"),
        ([], np.zeros((0, 2)), {}, r"needs \(1, 2\)"),
        ([1.0], [[np.nan, 0.0]], {}, "NaN"),
        ([1.0], [[0.0, 0.0]], {"velocities": [[np.inf, 0.0]]}, "velocities hold NaN or infinity"),
        ([1.0, 1.0], np.zeros((2, 2)), {}, "increase strictly"),
        ([-0.1], [[0.0, 0.0]], {}, "increase strictly"),
        ([1.0], [[0.0, 0.0]], {"velocities": [[0.0, 0.0]], "accelerations": [[np.nan, 0.0]]}, "accelerations hold NaN or infinity"),
        ([1.0], [[0.0, 0.0]], {"velocities": [[0.0, 0.1]]}, r"must be at rest, but moves \['b'\]"),
        ([1.0], [[0.0, 0.0]], {"stamp": at(-2.0)}, "ended 1.000 s in the past"),
    ],
)
def test_what_ros2_control_refuses_is_refused_and_changes_nothing(
    offsets: list[float], positions: object, options: dict, message: str
) -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    with pytest.raises(CommandError, match=message):
        send(jtc, 0.0, offsets, positions, **options)
    read(jtc, 0.0)
    assert read(jtc, 0.5) == near([0.6, 0.3])


def test_the_base_follows_and_stops_when_commands_stop() -> None:
    base = VelocityBase(timeout=0.5)
    assert np.array_equal(base.update(at(0.0)), [0, 0, 0])
    base.command(at(0.0), 0, np.array([0.3, -0.1, 0.5]))
    assert np.array_equal(base.update(at(0.49)), [0.3, -0.1, 0.5])
    assert np.array_equal(base.update(at(0.51)), [0, 0, 0])


def test_the_base_counts_age_from_the_stamp() -> None:
    base = VelocityBase(timeout=0.5)
    base.command(at(0.3), at(0.0), np.array([0.3, 0.0, 0.0]))
    assert base.update(at(0.4))[0] == 0.3
    assert base.update(at(0.6))[0] == 0.0
    with pytest.raises(CommandError, match=r"0\.700 s old"):
        base.command(at(0.7), at(0.0), np.ones(3))


def test_the_base_refuses_nan_and_keeps_the_last_command() -> None:
    base = VelocityBase()
    base.command(at(0.0), 0, np.array([0.2, 0.0, 0.0]))
    with pytest.raises(CommandError, match="finite"):
        base.command(at(0.1), 0, np.array([np.nan, 0.0, 0.0]))
    assert base.update(at(0.1))[0] == 0.2
