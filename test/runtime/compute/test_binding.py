"""Inputs and outputs where they are: read there, copied once, into memory that stays; and refused where they do not fit.

The CPU's memory is a device's like any other here; only what a GPU does differently needs one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from graphs import ort_array, write_sum
from onnx import TensorProto

from neon_control.core.common.errors import PolicyError
from neon_control.runtime.compute.binding import HOST, Binding
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.compute.ort_array import OrtArray
from neon_control.runtime.compute.sessions import open_session

LARGE = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
SMALL = np.full((1, 1, 3), 10, np.float32)


@pytest.fixture
def binding(tmp_path: Path) -> Binding:
    return Binding(open_session(write_sum(tmp_path / "sum.onnx"), provider="cpu"))


def test_a_binding_knows_its_device_and_the_shapes_for_a_batch_of_one(binding: Binding) -> None:
    assert binding.device == ("cpu", 0)
    assert binding.inputs == {"large": (1, 2, 3), "small": (1, 1, 3)} and binding.output == (1, 2, 3)


@pytest.mark.parametrize("place", [np.array, torch.tensor, ort_array])
def test_the_output_is_what_the_graph_computes_of_numpy_torch_and_onnx_runtimes_own_arrays(binding: Binding, place) -> None:
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("large", place(LARGE))
    binding.bind("small", SMALL)
    binding.run()
    np.testing.assert_array_equal(actions, LARGE + SMALL)


def test_an_input_stays_bound_until_another_one_takes_its_name(binding: Binding) -> None:
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("large", LARGE)
    for i in range(3):
        binding.bind("small", i * SMALL)
        binding.run()
        np.testing.assert_array_equal(actions, LARGE + i * SMALL)


def test_numpy_is_copied_into_memory_that_is_reserved_once(binding: Binding) -> None:
    given = SMALL.copy()
    binding.bind("small", given)
    address = binding._reserved["small"].data_ptr()
    given[:] = 0.0  # nobody has to keep, or leave alone, what was bound
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("large", LARGE[:, ::-1, ::-1])  # gaps and all
    binding.run()
    np.testing.assert_array_equal(actions, LARGE[:, ::-1, ::-1] + SMALL)
    for i in range(100):
        binding.bind("small", np.full_like(SMALL, i))
        assert binding._reserved["small"].data_ptr() == address


@pytest.mark.parametrize("place", [torch.tensor, ort_array])
def test_an_array_on_the_device_is_read_where_it_is_and_kept_as_long_as_it_is_bound(binding: Binding, place) -> None:
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("small", SMALL)
    values = place(LARGE)
    memory = np.from_dlpack(values) if isinstance(values, torch.Tensor) else values._memory.numpy()
    binding.bind("large", values)
    assert "large" not in binding._reserved
    memory[:] += 1.0
    binding.run()
    np.testing.assert_array_equal(actions, LARGE + 1.0 + SMALL)
    del values, memory
    garbage = [np.full((1, 2, 3), np.nan, np.float32) for _ in range(1000)]
    binding.run()
    np.testing.assert_array_equal(actions, LARGE + 1.0 + SMALL)
    assert len(garbage) == 1000


def test_a_tensor_with_gaps_is_bound_without_them(binding: Binding) -> None:
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("large", torch.tensor(LARGE.transpose(0, 2, 1)).transpose(1, 2))
    binding.bind("small", SMALL)
    binding.run()
    np.testing.assert_array_equal(actions, LARGE + SMALL)


def test_rows_of_one_array_are_outputs_of_several_runs(binding: Binding) -> None:
    rows = OrtArray.empty((3, 2, 3), HOST)
    binding.bind("large", LARGE)
    for i in range(3):
        binding.bind("small", i * SMALL)
        binding.bind_output(rows[i : i + 1])
        binding.run()
    np.testing.assert_array_equal(rows.cpu(), np.concatenate([LARGE + i * SMALL for i in range(3)]))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("large", LARGE[:, :1], r"'large' is \(1, 1, 3\) float32, but the graph needs \(1, 2, 3\) float32"),
        ("large", np.concatenate([LARGE, LARGE]), r"'large' is \(2, 2, 3\) float32, but"),
        ("large", torch.tensor(LARGE[0]), r"'large' is \(2, 3\) float32, but"),
        ("small", SMALL.astype(np.float64), r"'small' is \(1, 1, 3\) float64, but the graph needs \(1, 1, 3\) float32"),
        ("small", torch.tensor(SMALL, dtype=torch.bfloat16), r"'small' is \(1, 1, 3\) bfloat16, but"),
        ("actions", LARGE, "no input 'actions'"),
        ("noise", SMALL, r"no input 'noise', only \['large', 'small'\]"),
    ],
)
def test_what_does_not_fit_is_refused_and_what_was_bound_stays(binding: Binding, name: str, values: Array, message: str) -> None:
    actions = np.empty((1, 2, 3), np.float32)
    binding.bind_output(actions)
    binding.bind("large", LARGE)
    binding.bind("small", SMALL)
    with pytest.raises(PolicyError, match=message):
        binding.bind(name, values)
    binding.run()
    np.testing.assert_array_equal(actions, LARGE + SMALL)


def test_an_output_that_does_not_fit_is_refused(binding: Binding) -> None:
    with pytest.raises(PolicyError, match=r"'actions' is \(2, 2, 3\) float32, but the graph needs \(1, 2, 3\)"):
        binding.bind_output(np.empty((2, 2, 3), np.float32))


def test_a_graph_of_half_precision_is_refused_by_its_types(tmp_path: Path) -> None:
    session = open_session(write_sum(tmp_path / "half.onnx", TensorProto.FLOAT16), provider="cpu")
    with pytest.raises(PolicyError, match=r"'large': 'tensor\(float16\)'.*, can have \['tensor\(float\)'"):
        Binding(session)


def test_a_run_without_one_of_the_inputs_is_an_error(binding: Binding) -> None:
    binding.bind_output(np.empty((1, 2, 3), np.float32))
    binding.bind("large", LARGE)
    with pytest.raises(Exception, match="small"):
        binding.run()
