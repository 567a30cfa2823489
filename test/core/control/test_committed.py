"""Steps that pass while a chunk is computed."""

from __future__ import annotations

import pytest

from neon_control.core.control.committed import delay_steps


@pytest.mark.parametrize(
    ("delay", "dt", "steps"),
    [(0.0, 0.02, 0), (-1.0, 0.02, 0), (0.001, 0.02, 1), (0.06, 0.02, 3), (0.0601, 0.02, 4), (0.78, 0.02, 39), (0.3, 0.1, 3)],
)
def test_every_step_that_begins_before_the_chunk_is_there_is_committed(delay: float, dt: float, steps: int) -> None:
    assert delay_steps(delay, dt) == steps
