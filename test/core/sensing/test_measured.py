"""The newest measured positions."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.wire import Wire
from neon_control.core.sensing.measured import MeasuredJoints, in_words
from neon_control.core.sensing.witnesses import Witnesses

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


def test_a_joint_with_a_limit_of_its_own_is_held_to_that_and_the_others_to_theirs() -> None:
    joints = MeasuredJoints(("a", "jaw"), wire=Wire(timeouts=(("jaw", 0.8),)))
    joints.update(1000 * MS, ["a", "jaw"], [1.0, 0.0])
    joints.update(1500 * MS, ["a"], [1.0])
    assert joints.is_fresh(1600 * MS, 0.2) and joints.stale(1600 * MS, 0.2) == []
    assert not joints.is_fresh(1701 * MS, 0.2) and joints.stale(1701 * MS, 0.2) == ["a"]
    joints.update(1801 * MS, ["a"], [1.0])
    assert not joints.is_fresh(1801 * MS, 0.2)
    assert joints.explain(1801 * MS, 0.2) == {"jaw": "0.80 s old, limit 0.8 s"}


def test_stamps_from_the_future_are_not_fresh():
    joints = MeasuredJoints(("a",))
    joints.update(1000 * MS, ["a"], [1.0])
    assert joints.is_fresh(960 * MS, 0.1) and not joints.is_fresh(900 * MS, 0.1)


def test_forgotten_means_never_received():
    joints = MeasuredJoints(("a",))
    joints.update(1000 * MS, ["a"], [1.0])
    joints.forget()
    assert joints.stale(1000 * MS, 0.1) == ["a"]


def test_what_is_older_than_a_joints_newest_measurement_changes_nothing():
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["a", "b"], [1.0, 2.0])
    joints.update(1010 * MS, ["b"], [3.0])
    joints.update(1005 * MS, ["a", "b"], [4.0, 5.0])
    assert joints.positions.tolist() == [4.0, 3.0]
    joints.update(400 * MS, ["a", "b"], [6.0, 7.0])  # time was reset
    assert joints.positions.tolist() == [6.0, 7.0]


def test_a_refused_message_changes_nothing():
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["a", "b"], [5.0, 6.0])
    with pytest.raises(ObservationError, match=r"\['b'\] is not finite"):
        joints.update(1001 * MS, ["a", "b"], [1.0, np.nan])
    assert joints.positions.tolist() == [5.0, 6.0] and joints.stale(1001 * MS, 0.0) == ["a", "b"]


def test_a_joint_named_twice_makes_no_other_joint_known():
    joints = MeasuredJoints(("a", "b"))
    with pytest.raises(ObservationError, match="named more than once"):
        joints.update(1000 * MS, ["a", "a"], [1.0, 1.0])
    assert joints.stale(1000 * MS, 0.1) == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "stamp", "text"),
    [
        (["a", "b"], 0, "stamped 0.0 s, but the clock says 1000000000.0 s; its sender gives no stamp"),
        (["a", "b"], 10**18 + 80 * MS, "stamped 0.08 s in the future, limit 0.05 s; are the clocks synchronised?"),
        (["a", "b"], 10**18 - 250 * MS, "0.25 s old, limit 0.2 s"),
        (["left/a", "left/b"], 10**18, "never heard of, but of left/"),
        (["x", "y"], 10**18, "never heard of, but of x, y"),
        ([], 10**18, "never heard of"),
    ],
)
def test_it_says_of_each_joint_why_it_cannot_be_used(names, stamp, text):
    """The wound: all of these were 'waiting for joint states'."""
    bounds = np.full(2, 3.0)
    joints = MeasuredJoints(("a", "b"), -bounds, bounds, Witnesses(("a", "b"), -bounds, bounds, bounds))
    for k in range(20):
        joints.update(stamp + k * MS * bool(stamp), names, np.zeros(len(names)), b"me", k * 10 * MS)
    reasons = joints.explain(10**18 + 19 * MS * bool(stamp) or 10**18, 0.2)
    assert set(reasons) == {"a", "b"} and all(reason.startswith(text) for reason in reasons.values()), reasons


def test_a_refusal_is_said_of_its_joints():
    joints = MeasuredJoints(("a", "b"))
    joints.update(1000 * MS, ["b"], [1.0])
    with pytest.raises(ObservationError):
        joints.update(1000 * MS, ["a"], [np.nan])
    assert joints.explain(1000 * MS, 0.2) == {"a": "refused: position of ['a'] is not finite"}
    joints.update(1001 * MS, ["a"], [1.0])
    assert joints.explain(1001 * MS, 0.2) == {}


def test_joints_with_one_reason_are_said_in_one_go():
    assert in_words({"a": "x", "b": "y", "c": "x", "d": "x", "e": "x"}) == "a, c, d and 1 more: x; b: y"
