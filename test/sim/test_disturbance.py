"""Pushes of the joints."""

from __future__ import annotations

import numpy as np

from neon_control.sim.disturbance import BETWEEN, DURATION, Disturbance

DT = 0.02  # [s]


def test_pushes_come_and_go_smoothly_and_leave_grippers_alone() -> None:
    size = np.array([0.03, 0.0, 0.01])
    disturbance = Disturbance(np.random.default_rng(0), size, DT)
    way = np.array([disturbance.next() for _ in range(20_000)])
    assert np.array_equal(way[:, 1], np.zeros(len(way)))
    assert (np.abs(np.diff(way, axis=0)) <= np.abs(way).max(axis=0) * np.pi * DT / DURATION + 1e-9).all()
    pushed = (way[:, 0] != 0.0).mean()
    assert abs(pushed - DURATION / (DURATION + BETWEEN)) < 0.03
    assert abs(way[:, 0].std() / way[:, 2].std() - 3.0) < 0.3
