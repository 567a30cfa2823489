"""Columns with gaps, and names that are none."""

from __future__ import annotations

import numpy as np
import pyarrow as arrow
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.recordings.lerobot.columns import filled, frames_in_words, known_at, places, to_matrix

NAN = np.nan


def test_what_is_missing_or_of_another_length_is_nan() -> None:
    found = to_matrix(arrow.array([[1.0, 2.0], None, [3.0, None], [4.0], [5.0, 6.0]]))
    assert np.array_equal(found, [[1.0, 2.0], [NAN, NAN], [3.0, NAN], [NAN, NAN], [5.0, 6.0]], equal_nan=True)
    assert np.array_equal(to_matrix(arrow.array([1.0, None])), [[1.0], [NAN]], equal_nan=True)


def test_joints_are_found_by_name_or_by_place() -> None:
    theirs = ["a.pos", "b.pos", "c.pos"]
    assert places(["one", "two"], {"one": "c.pos", "two": "0"}, theirs, 3, "state", "field") == [2, 0]
    for unnamed in ([], ["state"]):
        assert places(["one", "two"], {"one": "2", "two": "0"}, unnamed, 3, "state", "field") == [2, 0]
    assert places(["one"], {"one": "7"}, ["3", "7", "5"], 3, "state", "field") == [1], "a name that is a number is a name"
    with pytest.raises(ConfigError, match=r"state needs the names \['two', '3'\], has \['state'\] for 3 numbers; field of the robot file"):
        places(["one", "two", "three"], {"one": "2", "three": "3"}, ["state"], 3, "state", "field")


def test_gaps_are_filled_and_what_rests_on_them_is_not_known() -> None:
    assert filled(np.array([[0.0, NAN], [NAN, NAN], [2.0, NAN]])).tolist() == [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    stamps, good = np.array([0, 10, 20, 30]), np.array([True, True, False, True])
    assert known_at(np.array([0, 5, 10, 11, 20, 29, 30, 40]), stamps, good).tolist() == [True, True, True, False, False, False, True, True]


def test_many_frames_are_counted() -> None:
    assert frames_in_words(np.array([3])) == "frame 3" and frames_in_words(np.arange(12)) == "frames 0, 1, 2, 3, 4, 5, 6, 7 and 4 more"
