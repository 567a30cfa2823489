"""Where the base has been: the last seconds, whatever the clock does."""

from __future__ import annotations

import numpy as np

from neon_control.nodes.driven_way import KEPT, MOST_POSES, DrivenWay

SECOND = 1_000_000_000
NOW = 1000 * SECOND


def pose(x: float) -> np.ndarray:
    return np.array([x, 0.0, 0.0])


def test_poses_of_the_last_seconds_are_kept_and_each_counts_once() -> None:
    way = DrivenWay()
    assert way.poses(NOW).shape == (0, 3)
    for stamp in (0, 1, 1, 2):
        way.add(NOW + stamp * SECOND, pose(stamp))
    assert way.poses(NOW + 2 * SECOND)[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert way.poses(NOW + round((KEPT + 0.5) * SECOND))[:, 0].tolist() == [1.0, 2.0]


def test_a_clock_that_runs_ahead_does_not_fill_the_memory() -> None:
    way = DrivenWay()
    for i in range(MOST_POSES + 50):
        way.add(NOW + 3600 * SECOND + i, pose(i))
    poses = way.poses(NOW)
    assert (len(poses), poses[-1][0]) == (MOST_POSES, MOST_POSES + 49)


def test_another_run_of_the_clock_begins_anew() -> None:
    way = DrivenWay()
    way.add(NOW + 1, pose(1.0))
    way.add(NOW, pose(2.0))
    assert way.poses(NOW)[:, 0].tolist() == [2.0]
