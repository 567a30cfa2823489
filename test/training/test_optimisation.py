from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from neon_control.training.optimisation import moving_average  # noqa: E402


def test_the_average_forgets_where_training_began_also_in_a_short_run() -> None:
    follow, average = moving_average(0.998), torch.tensor(1.0)
    for count in range(1, 101):
        average = follow(average, torch.tensor(0.0), count)
    assert float(average) < 1e-3, "a constant 0.998 would have kept 82 %"
    late = follow(torch.tensor(1.0), torch.tensor(0.0), 100_000)
    assert float(late) == pytest.approx(0.998)
