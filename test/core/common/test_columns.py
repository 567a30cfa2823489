"""Places in an array: a slice where they stand side by side."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.common.columns import side_by_side


@pytest.mark.parametrize(("columns", "together"), [([3], True), ([2, 3, 4], True), ([4, 3, 2], False), ([1, 3], False), ([0, 2, 1], False)])
def test_columns_that_stand_side_by_side_are_a_slice_of_the_same_numbers(columns, together):
    places = side_by_side(np.array(columns))
    assert isinstance(places, slice) == together
    values = np.arange(10.0).reshape(2, 5)
    np.testing.assert_array_equal(values[:, places], values[:, columns])
