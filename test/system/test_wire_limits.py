"""The judge on the wire is judged itself: what it has to refuse, and what a busy computer does to good commands."""

from __future__ import annotations

import numpy as np
from wire_limits import Recording, WireLimits, joint_violations

DT = 0.01  # [s]
MS = 1_000_000  # [ns]
WIDE = np.full(1, 10.0)
LIMITS = WireLimits(-WIDE, WIDE, WIDE, 0.1 * WIDE, WIDE, WIDE)
SPEED = 0.2  # [rad/s], at rest after SPEED / 1.0 rad/s^2


def record(sent: list[int], forgetful: bool = False) -> Recording:
    """A joint that moves evenly; each message tells it 40 ms ahead, then to rest, and leaves at `sent` [ms].

    A forgetful executor tells its first point as due when the message leaves, although it is late.
    """
    recording = Recording()
    for period, moment in enumerate(sent):
        begin = (moment if forgetful else period * 10) - 10
        due = (np.array([begin, begin + 50, begin + 250]) + 1_000_000) * MS
        value = SPEED * (period * 0.01 + np.array([-0.01, 0.04, 0.14]))[:, None]
        recording.times.append(moment * 1e-3)
        recording.sent.append((moment + 1_000_000) * MS)
        recording.numbers.append(period)
        recording.values.append(value[0])
        recording.ways.append((due, value, np.array([[SPEED], [SPEED], [0.0]])))
    return recording


def violations(sent: list[int], **kwargs) -> list[str]:
    return joint_violations(record(sent, **kwargs), LIMITS, DT)


def test_even_motion_is_fine() -> None:
    assert violations([10 * i for i in range(10)]) == []


def test_a_message_that_is_late_is_fine_as_long_as_nothing_new_is_overdue() -> None:
    for late in range(1, 30):
        assert violations([0, 10, 20, 30 + late, max(40, 30 + late), 60, 70]) == []


def test_a_message_whose_news_are_overdue_is_refused() -> None:
    """The controller was on its way to rest by then, and had to jump."""
    for late in range(90, 140, 10):
        assert violations([0, 10, 20, 30 + late, 40 + late]) != []


def test_a_late_message_that_tells_old_points_as_new_is_refused() -> None:
    for late in range(5, 50, 5):
        assert violations([0, 10, 20, 30 + late, 40 + late], forgetful=True) != []


def test_a_jump_is_refused() -> None:
    recording = record([10 * i for i in range(6)])
    times, positions, velocities = recording.ways[3]
    recording.ways[3] = times, positions + 1e-4, velocities
    assert "acceleration" in joint_violations(recording, LIMITS, DT)[0]


def test_what_is_not_finite_is_refused() -> None:
    recording = record([10 * i for i in range(6)])
    times, positions, velocities = recording.ways[3]
    recording.ways[3] = times, positions * np.nan, velocities
    assert joint_violations(recording, LIMITS, DT) != []
