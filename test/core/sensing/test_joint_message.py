"""The one rule by which joints are read from a message."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.joint_message import LAYOUTS, JointPicker


def test_joints_come_in_our_order_whatever_theirs_is() -> None:
    picker = JointPicker(["a", "b", "c"])
    for names, values, columns in ((["x", "c", "a"], [9.0, 3.0, 1.0], [0, 2]), (("b",), [2.0], [1]), (["x"], [np.nan], [])):
        layout, picked = picker.pick(names, values)
        assert layout.columns.tolist() == columns and picked.tolist() == [1.0 + c for c in columns]


@pytest.mark.parametrize(
    ("names", "positions", "message"),
    [
        (["a", "b"], [1.0], r"2 names but positions of shape \(1,\)"),
        (["a", "b"], [], r"2 names but positions of shape \(0,\)"),
        (["a", "b"], [1.0, np.nan], r"position of \['b'\] is not finite"),
        (["a", "b"], [1.0, -np.inf], r"position of \['b'\] is not finite"),
        (["a", "a"], [1.0, 2.0], r"\['a'\] named more than once"),
    ],
)
@pytest.mark.parametrize("bound", [None, np.array([5.0, np.inf])])
def test_a_message_that_contradicts_itself_is_refused_every_time(
    names: list[str], positions: list[float], message: str, bound: np.ndarray | None
) -> None:
    picker = JointPicker(["a", "b"], upper=bound)
    for _ in range(2):
        with pytest.raises(ObservationError, match=message) as error:
            picker.pick(names, positions)
        assert error.value.inputs == ("joint_states",)


@pytest.mark.parametrize("position", [-1.6, 1.6, 1e308])
def test_a_position_that_the_joint_cannot_have_is_no_measurement(position: float) -> None:
    picker = JointPicker(["a", "b"], np.array([-1.5, -1.5]), np.array([1.5, 1.5]))
    with pytest.raises(ObservationError, match=r"far outside the joint's range: b = .*is the encoder homed"):
        picker.pick(["a", "b"], [0.0, position])
    assert picker.pick(["b", "a"], [1.5, -1.5])[1].tolist() == [-1.5, 1.5]


@pytest.mark.parametrize(("names", "positions"), [([], []), (["x"], []), (["x", "x"], [np.nan, 0.0])])
def test_what_is_said_about_other_joints_does_not_matter(names: list[str], positions: list[float]) -> None:
    picker = JointPicker(["a"])
    assert not picker.needs(names) and not picker.pick(names, positions)[0].count
    assert picker.pick(["x", "a"], [np.nan, 1.0])[1].tolist() == [1.0]


def test_names_that_never_repeat_do_not_fill_the_memory() -> None:
    picker = JointPicker(["a"])
    for i in range(3 * LAYOUTS):
        assert picker.pick([f"x{i}", "a"], [0.0, 1.0])[1].tolist() == [1.0]
    assert len(picker._layouts) <= LAYOUTS


def test_who_shows_all_joints_gets_the_others_where_they_are_finite() -> None:
    picker = JointPicker(["a"])
    assert picker.every(["a", "x", "y"], [1.0, np.nan, 2.0]) == {"a": 1.0, "y": 2.0}
    assert picker.every(["x"], []) == {}
    with pytest.raises(ObservationError, match="not finite"):
        picker.every(["a", "y"], [np.nan, 2.0])
