"""ONNX Runtime's own memory with numpy's ways: each of them gives what numpy gives."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import mean_over_the_middle, ort_array

from neon_control.runtime.compute.binding import HOST
from neon_control.runtime.compute.ort_array import MEAN, OrtArray

VALUES = np.random.default_rng(0).standard_normal((4, 6), np.float32)


def test_rows_and_shapes_are_views_of_the_same_memory() -> None:
    array = ort_array(VALUES)
    for view, expected in (
        (array[1:3], VALUES[1:3]),
        (array[:1].reshape(2, 3), VALUES[:1].reshape(2, 3)),
        (array[1:][1:2].reshape(-1), VALUES[2]),
        (array.reshape(2, 2, -1), VALUES.reshape(2, 2, 6)),
        (array[4:], VALUES[4:]),
    ):
        assert view.shape == expected.shape and view.dtype == expected.dtype
        np.testing.assert_array_equal(view.cpu(), expected)
        assert array.data_ptr() <= view.data_ptr() <= array.data_ptr() + VALUES.nbytes


def test_a_view_keeps_the_memory() -> None:
    view = ort_array(VALUES)[2:]
    others = [ort_array(np.zeros_like(VALUES)) for _ in range(100)]
    np.testing.assert_array_equal(view.cpu(), VALUES[2:])
    assert len(others) == 100


def test_a_copy_does_not_follow_the_memory() -> None:
    array = ort_array(VALUES)
    copy = array.cpu()
    np.copyto(array._memory.numpy(), 0.0)
    np.testing.assert_array_equal(copy, VALUES)


def test_the_mean_over_the_middle_axis_is_numpys_also_of_a_part() -> None:
    array = ort_array(VALUES)
    np.testing.assert_allclose(array.reshape(2, 2, -1).mean(axis=1).cpu(), VALUES.reshape(2, 2, -1).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(array[1:].reshape(1, 3, -1).mean(axis=1).cpu(), VALUES[1:].mean(axis=0)[None], atol=1e-6)


def test_the_graph_of_the_mean_is_the_one_that_is_written_here() -> None:
    assert mean_over_the_middle().SerializeToString() == MEAN


def test_what_it_cannot_do_is_an_error() -> None:
    array = ort_array(VALUES)
    with pytest.raises(IndexError, match="must follow each other"):
        array[::2]
    with pytest.raises(ValueError, match=r"reshape"):
        array.reshape(5, -1)
    with pytest.raises(ValueError, match=r"three axes over the middle one, not of \(4, 6\) over 1"):
        array.mean(axis=1)
    with pytest.raises(AttributeError, match="not in the memory of CUDA"):
        array.__cuda_array_interface__  # noqa: B018
    assert not hasattr(OrtArray.empty((1,), HOST), "__cuda_array_interface__")  # torch asks like this
