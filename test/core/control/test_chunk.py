import numpy as np
import pytest

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.chunk import ActionChunk


def chunk(**changes: object) -> ActionChunk:
    fields: dict[str, object] = {"stamp": 5, "dt": 0.02, "joint_names": ("a", "b"), "joints": np.zeros((16, 2)), "base": np.zeros((16, 3))}
    return ActionChunk(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_good_chunk_is_taken_with_and_without_a_base() -> None:
    assert chunk().num_steps == 16
    assert chunk(base=np.zeros((16, 0))).base.shape == (16, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"joints": np.zeros((16, 3))}, "shape"),
        ({"joints": np.zeros(2)}, "shape"),
        ({"base": np.zeros((15, 3))}, "shape"),
        ({"dt": 0.0}, "dt"),
        ({"dt": float("nan")}, "dt"),
        ({"joints": np.full((16, 2), np.nan)}, "non_finite"),
        ({"base": np.full((16, 3), np.inf)}, "non_finite"),
    ],
)
def test_a_bad_chunk_is_refused_with_its_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ChunkError) as error:
        chunk(**changes)
    assert error.value.reason == reason
