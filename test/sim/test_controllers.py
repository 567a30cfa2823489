"""The controllers' contract: what a client of ros2_control would see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.sim.controllers import CommandError, JointTrajectoryController, VelocityBase, hermite

NAMES = ("a", "b")
T0 = 1_700_000_000 * NANOSECONDS
MEASURED = np.array([0.1, -0.2])


def at(seconds: float) -> int:
    return T0 + round(seconds * NANOSECONDS)


def controller(**options: object) -> JointTrajectoryController:
    jtc = JointTrajectoryController(NAMES, **options)  # type: ignore[arg-type]
    jtc.update(T0, MEASURED)
    return jtc


def send(jtc: JointTrajectoryController, now: float, offsets: list[float], positions: object, **options: object) -> None:
    arguments = {"stamp": 0, "names": NAMES, "velocities": None, "measured": MEASURED} | options
    if isinstance(arguments["velocities"], list):
        arguments["velocities"] = np.array(arguments["velocities"], float)
    jtc.accept(now=at(now), offsets=np.array(offsets), positions=np.array(positions, float), **arguments)  # type: ignore[arg-type]


def test_before_any_command_the_first_measured_pose_is_held() -> None:
    jtc = controller()
    assert np.array_equal(jtc.update(at(1.0), MEASURED + 0.5), MEASURED)


def test_a_straight_line_leads_to_the_first_point_and_on_to_the_next() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0, 3.0], [[1.1, 0.8], [1.1, -0.2]])
    assert np.allclose(jtc.update(at(0.5), MEASURED), [0.6, 0.3])
    assert np.allclose(jtc.update(at(1.0), MEASURED), [1.1, 0.8])
    assert np.allclose(jtc.update(at(2.0), MEASURED), [1.1, 0.3])


def test_the_last_point_is_held_for_ever_without_a_timeout() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.0, 1.0]])
    assert np.array_equal(jtc.update(at(3600.0), MEASURED), [1.0, 1.0])


def test_after_the_timeout_the_measured_pose_is_held() -> None:
    jtc = controller(cmd_timeout=0.5)
    send(jtc, 0.0, [1.0], [[1.0, 1.0]])
    assert np.array_equal(jtc.update(at(1.49), MEASURED), [1.0, 1.0])
    stuck = np.array([0.7, 0.7])
    assert np.array_equal(jtc.update(at(1.51), stuck), stuck)
    assert np.array_equal(jtc.update(at(1.60), stuck + 0.1), stuck)  # held where it was, not dragged along
    send(jtc, 2.0, [1.0], [[0.0, 0.0]], measured=stuck)
    assert np.allclose(jtc.update(at(2.5), stuck), stuck / 2)


def test_joints_are_mapped_by_name() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[5.0, 6.0]], names=("b", "a"))
    assert np.array_equal(jtc.update(at(2.0), MEASURED), [6.0, 5.0])


def test_a_new_trajectory_replaces_the_running_one_without_a_jump() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    before = jtc.update(at(0.5), MEASURED).copy()
    send(jtc, 0.5, [1.0], [[0.0, 0.0]])
    assert np.allclose(jtc.update(at(0.5), MEASURED), before)
    assert np.allclose(jtc.update(at(1.0), MEASURED), before / 2)


def test_entering_from_the_measured_state_is_offered_as_in_ros2_control() -> None:
    jtc = controller(from_desired_state=False)
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    jtc.update(at(0.5), MEASURED)
    send(jtc, 0.5, [1.0], [[0.0, 0.0]], measured=np.array([0.4, 0.4]))
    assert np.allclose(jtc.update(at(0.5), MEASURED), [0.4, 0.4])


def test_a_stamp_in_the_past_enters_the_trajectory_in_its_middle() -> None:
    jtc = controller()
    send(jtc, 0.5, [0.0, 1.0], [[0.0, 0.0], [1.0, 2.0]], stamp=at(0.0))
    assert np.allclose(jtc.update(at(0.5), MEASURED), [0.5, 1.0])


def test_a_stamp_in_the_future_is_approached_until_then() -> None:
    jtc = controller()
    send(jtc, 0.0, [0.0], [[1.1, 0.8]], stamp=at(2.0))
    assert np.allclose(jtc.update(at(1.0), MEASURED), [0.6, 0.3])


def test_a_point_that_is_due_at_once_is_taken_at_once() -> None:
    jtc = controller()
    send(jtc, 0.0, [0.0], [[1.0, 1.0]])
    assert np.array_equal(jtc.update(at(0.0), MEASURED), [1.0, 1.0])


def test_velocities_make_the_path_a_cubic() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0, 2.0], [[0.0, 0.0], [1.0, 1.0]], velocities=[[0.0, 0.0], [0.0, 0.0]])
    assert np.allclose(jtc.update(at(1.25), MEASURED), 0.15625)  # 3u^2 - 2u^3 at u = 1/4
    assert np.allclose(jtc.update(at(1.5), MEASURED), 0.5)


@given(
    coefficients=st.tuples(*[st.floats(-3, 3)] * 4),
    u=st.floats(0.0, 1.0),
    length=st.floats(0.01, 3.0),
)
def test_a_cubic_is_reproduced_exactly(coefficients: tuple[float, ...], u: float, length: float) -> None:
    polynomial = np.polynomial.Polynomial(coefficients)
    slope = polynomial.deriv()
    ends = [np.array([f(t)]) for f in (polynomial, slope) for t in (0.0, length)]
    position, velocity = hermite(u, length, ends[0], ends[1], ends[2], ends[3])
    assert position[0] == pytest.approx(polynomial(u * length), abs=1e-9)
    assert velocity[0] == pytest.approx(slope(u * length), abs=1e-6)


@given(times=st.lists(st.floats(0.0, 0.5), min_size=1, max_size=30), seed=st.integers(0, 2**31))
def test_a_stream_of_short_trajectories_never_jumps(times: list[float], seed: int) -> None:
    """Whatever the points and the moments of their arrival: desired positions stay between the state at arrival and the points."""
    rng = np.random.default_rng(seed)
    jtc = controller()
    now = 0.0
    for pause in times:
        before = jtc.update(at(now), MEASURED).copy()
        target = rng.uniform(-1, 1, (1, 2))
        send(jtc, now, [0.02], target)
        assert np.allclose(jtc.update(at(now), MEASURED), before, atol=1e-9)
        now += pause
        reached = jtc.update(at(now), MEASURED)
        low, high = np.minimum(before, target[0]), np.maximum(before, target[0])
        assert ((reached >= low - 1e-9) & (reached <= high + 1e-9)).all()


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
    assert np.allclose(jtc.update(at(0.5), MEASURED), [0.6, 0.3])


def test_stop_holds_the_pose_that_is_measured_next() -> None:
    jtc = controller()
    send(jtc, 0.0, [1.0], [[1.1, 0.8]])
    jtc.stop()
    assert np.array_equal(jtc.update(at(0.1), MEASURED + 1.0), MEASURED + 1.0)
    assert np.array_equal(jtc.update(at(0.2), MEASURED + 2.0), MEASURED + 1.0)


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
