"""The newest measured positions."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.measured import MeasuredJoints

MS = 1_000_000


def test_positions_are_mapped_by_name_and_foreign_joints_ignored():
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["x", "b", "a"], [9.0, 2.0, 1.0])
    assert joints.positions.tolist() == [1.0, 2.0]
    joints.update(1001 * MS, ["a", "b"], [3.0, 4.0])
    assert joints.positions.tolist() == [3.0, 4.0]


def test_every_joint_has_its_own_age():
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["a"], [1.0])
    assert joints.stale(1000 * MS, 0.1) == ["b"]
    joints.update(1090 * MS, ["b"], [1.0])
    assert joints.is_fresh(1100 * MS, 0.1)
    assert joints.stale(1101 * MS, 0.1) == ["a"]


def test_stamps_from_the_future_are_not_fresh():
    joints = MeasuredJoints(("a",))
    joints.update(1000 * MS, ["a"], [1.0])
    assert joints.is_fresh(960 * MS, 0.1) and not joints.is_fresh(900 * MS, 0.1)


def test_forgotten_means_never_received():
    joints = MeasuredJoints(("a",))
    joints.update(1000 * MS, ["a"], [1.0])
    joints.forget()
    assert joints.stale(1000 * MS, 0.1) == ["a"]


@pytest.mark.parametrize(
    ("names", "positions", "message"),
    [
        (["a", "b"], [1.0], "1 positions for 2 names"),
        (["a", "b"], [], "0 positions for 2 names"),
        (["a", "b"], [1.0, np.nan], r"\['b'\] is not finite"),
        (["a", "b"], [1.0, -np.inf], r"\['b'\] is not finite"),
        (["a", "a"], [1.0, 2.0], r"\['a'\] named more than once"),
    ],
)
def test_malformed_messages_change_nothing(names, positions, message):
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["a", "b"], [5.0, 6.0])
    with pytest.raises(ObservationError, match=message):
        joints.update(1001 * MS, names, positions)
    assert joints.positions.tolist() == [5.0, 6.0]


def test_nan_of_a_joint_that_is_not_ours_does_not_matter():
    joints = MeasuredJoints(("a",))
    joints.update(1000 * MS, ["gripper", "a"], [np.nan, 1.0])
    assert joints.positions.tolist() == [1.0]


def test_a_joint_named_twice_is_refused_every_time_and_makes_no_other_joint_known():
    joints = MeasuredJoints(("a", "b"))
    for _ in range(2):
        with pytest.raises(ObservationError, match="named more than once"):
            joints.update(1000 * MS, ["a", "a"], [1.0, 1.0])
    assert joints.stale(1000 * MS, 0.1) == ["a", "b"]


@pytest.mark.parametrize("position", [-1.6, 1.6, 1e308])
def test_a_position_that_the_joint_cannot_have_is_no_measurement(position):
    joints = MeasuredJoints(("a", "b"), np.array([-1.5, -1.5]), np.array([1.5, 1.5]))
    with pytest.raises(ObservationError, match=r"far outside the joint's range: b = .*is the encoder homed"):
        joints.update(1000 * MS, ["a", "b"], [0.0, position])
    joints.update(1000 * MS, ["b", "a"], [1.5, -1.5])
    assert joints.is_fresh(1000 * MS, 0.1)
