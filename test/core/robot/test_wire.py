"""Names of joints in drivers' messages, and positions that come wrapped or not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neon_control.core.robot.turns import TURN
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.joint_message import JointPicker
from neon_control.core.sensing.joint_states import JointStateBuffer
from neon_control.core.sensing.measured import MeasuredJoints

WIRE = Wire("left/", frozenset({"b"}))
MS = 1_000_000


def test_names_get_the_prefix_and_lose_it() -> None:
    assert WIRE.names(["a", "b"]) == ["left/a", "left/b"]
    assert WIRE.joints(["left/a", "wheel"]) == ["a", "wheel"]
    assert PLAIN.names(["a"]) == PLAIN.joints(["a"]) == ["a"] and PLAIN.key == () != WIRE.key


def test_joints_are_picked_by_their_prefixed_names() -> None:
    picker = JointPicker(["a", "b"], wire=WIRE)
    layout, values = picker.pick(["left/b", "a", "left/a"], [1.0, 2.0, 3.0])
    assert (layout.columns.tolist(), values.tolist()) == ([0, 1], [3.0, 1.0])
    assert picker.every(["left/b", "wheel"], [1.0, 2.0]) == {"b": 1.0, "wheel": 2.0}
    assert picker.every(["left/a", "a", "b"], [1.0, 2.0, 3.0]) == {"a": 1.0}, "another robot's joints are not ours"


@pytest.mark.parametrize("wraps", [True, False])
def test_positions_of_a_joint_that_turns_without_end_go_on_from_those_before(wraps: bool) -> None:
    picker, true = JointPicker(["a", "b"], wire=WIRE), np.arange(0.0, 20.0, 0.5)
    told = np.remainder(true + math.pi, TURN) - math.pi if wraps else true
    found = [picker.pick(["left/a", "left/b"], np.array([0.1, value]))[1] for value in told]
    assert np.allclose([values[1] for values in found], true) and {values[0] for values in found} == {0.1}


def test_between_two_wrapped_measurements_the_buffer_goes_the_short_way() -> None:
    buffer = JointStateBuffer(["b"], wire=WIRE)
    buffer.add(0, ["left/b"], [3.1])
    buffer.add(10 * MS, ["left/b"], [-3.1])
    assert buffer.at(5 * MS) == pytest.approx([math.pi])


def test_a_joint_that_was_never_heard_of_has_its_missing_prefix_told() -> None:
    measured = MeasuredJoints(["a"])
    measured.update(MS, ["left/a"], [1.0])
    assert measured.explain(MS, 1.0) == {"a": "never heard of, but of left/a (`joint_prefix: left/` in the robot file?)"}
    prefixed = MeasuredJoints(["a"], wire=WIRE)
    prefixed.update(MS, ["left/a"], [1.0])
    assert prefixed.positions.tolist() == [1.0] and not prefixed.explain(MS, 1.0)


def test_what_lacks_the_prefix_is_none_of_ours_and_the_strictest_limit_of_age_counts() -> None:
    wire = Wire("left_", timeouts=(("jaw", 0.8), ("thumb", 0.5)))
    assert wire.ours(["left_jaw", "jaw", "right_jaw", "left_thumb"], ["jaw", "thumb"]) == {"left_jaw": "jaw", "left_thumb": "thumb"}
    assert (wire.timeout(["jaw", "thumb"], 0.2), wire.timeout(["jaw", "elbow"], 0.2), wire.timeout(["elbow"], 0.2)) == (0.5, 0.2, 0.2)
    assert wire.key != Wire("left_").key
