"""A chunk is checked once, and there is one way to read it between two steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk, between_steps
from neon_control.core.robot.action_space import BASE_NAMES

NAMES = ("a", "b", *BASE_NAMES)


def chunk(**changes: object) -> ActionChunk:
    fields: dict[str, object] = {"stamp": 5, "dt": 0.02, "names": NAMES, "values": np.zeros((16, 5))}
    return ActionChunk(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_good_chunk_is_taken_with_and_without_a_base() -> None:
    assert chunk().num_steps == 16
    assert chunk().joint_names == ("a", "b")
    assert chunk(names=("a", "b"), values=np.zeros((16, 2))).base.shape == (16, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": np.zeros((16, 3))}, "shape"),
        ({"values": np.zeros(5)}, "shape"),
        ({"names": ("a", "b", "c", "d", BASE_NAMES[0])}, "shape"),
        ({"names": (*BASE_NAMES, "a", "b")}, "shape"),
        ({"dt": 0.0}, "dt"),
        ({"dt": float("nan")}, "dt"),
        ({"values": np.full((16, 5), np.nan)}, "non_finite"),
        ({"values": np.full((16, 5), np.inf)}, "non_finite"),
    ],
)
def test_a_bad_chunk_is_refused_with_its_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ChunkError) as error:
        chunk(**changes)
    assert error.value.reason == reason


def test_each_half_is_a_chunk_of_its_own() -> None:
    whole = chunk(values=np.arange(80.0).reshape(16, 5))
    halves = whole.streams()
    assert [(name, half.names) for name, half in halves.items()] == [(JOINTS, ("a", "b")), (BASE, BASE_NAMES)]
    assert np.array_equal(np.hstack([half.values for half in halves.values()]), whole.values)
    assert list(chunk(names=("a",), values=np.zeros((16, 1))).streams()) == [JOINTS]


def test_a_chunk_is_linear_between_its_steps_and_holds_its_ends() -> None:
    whole = chunk(names=("a",), values=np.arange(16.0)[:, None] ** 2)
    assert np.allclose(whole.at(whole.instants), whole.values, rtol=1e-12)
    assert whole.at(np.array([5 + 30_000_000]))[0, 0] == pytest.approx(2.5)
    assert np.array_equal(whole.at(np.array([0, whole.end + 10**9])), whole.values[[0, -1]])


@given(
    elapsed=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8),
    dt=st.floats(0.001, 1.0),
    num_steps=st.integers(2, 100),
)
def test_an_instant_lies_where_it_lay_before_numbers_and_arrays_had_one_formula(elapsed: list[float], dt: float, num_steps: int) -> None:
    last = (num_steps - 1) * dt
    seconds = np.array([round(share * last * 1e9) for share in elapsed] + [round(last * 1e9)]) * 1e-9  # whole ns: the end may be passed
    steps = seconds / dt
    first = np.minimum(steps.astype(np.intp), num_steps - 2)
    share = np.minimum(steps - first, 1.0)
    found = between_steps(seconds, np.full(len(seconds), dt), num_steps)
    assert np.array_equal(found[0], first) and np.array_equal(found[1], share)
    for number, step, after in zip(seconds.tolist(), first.tolist(), share.tolist(), strict=True):
        assert between_steps(number, dt, num_steps) == (step, after)
