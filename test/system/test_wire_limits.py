"""The judge on the wire is judged itself: what it has to refuse, and what a busy computer does to good commands."""

from __future__ import annotations

import numpy as np
from wire_limits import Recording, WireLimits, followed, joint_violations

DT = 0.01  # [s]
WIDE = np.full(1, 10.0)
LIMITS = WireLimits(-WIDE, WIDE, WIDE, 0.1 * WIDE, WIDE, WIDE)
SPEED = 0.2  # [rad/s], at rest after SPEED / 1.0 rad/s^2


def record(skips: list[int], delays: dict[int, int] | None = None, forgetful: bool = False) -> Recording:
    """A joint that moves evenly; before command i, `skips[i]` periods are slept through, and its message is `delays[i]` periods late.

    A forgetful executor goes on from where it was; a good one from where the trajectory controller has braked to.
    """
    recording = Recording()
    period, value, speed = 0, 0.0, SPEED
    for i, skipped in enumerate(skips):
        if i:
            period += 1 + skipped
            braked = 0.0 if forgetful else skipped * DT
            (reached,), (speed,) = followed(recording.values[-1], recording.velocities[-1], recording.rests[-1], braked)
            speed = min(SPEED, speed + 1.0 * DT)
            value = reached + speed * DT
        length = max(speed, DT) / 1.0
        recording.times.append(period * DT)
        recording.sent.append(round((period + 0.05 + (delays or {}).get(i, 0)) * DT * 1e9))
        recording.numbers.append(i)
        recording.values.append(np.array([value]))
        recording.velocities.append(np.array([speed]))
        recording.rests.append((np.array([length]), np.array([[value + 0.5 * speed * length]]), np.zeros((1, 1))))
    return recording


def violations(*args, **kwargs) -> list[str]:
    return joint_violations(record(*args, **kwargs), LIMITS, DT)


def test_even_motion_and_stalls_that_are_counted_are_fine() -> None:
    assert violations([0] * 10) == []
    for skipped in range(1, 9):
        assert violations([0, 0, 0, skipped, 0, 0]) == []


def test_a_stall_that_no_command_counts_is_refused() -> None:
    for skipped in range(3, 9):
        assert violations([0, 0, 0, skipped, 0, 0], forgetful=True) != []


def test_a_message_that_is_late_is_fine_when_the_next_one_counts_what_passed() -> None:
    for late in range(1, 9):
        assert violations([0, 0, 0, 0, late, 0, 0], {3: late}) == []


def test_after_a_late_message_nobody_may_forget() -> None:
    for late in range(4, 9):
        assert violations([0, 0, 0, 0, late, 0, 0], {3: late}, forgetful=True) != []


def test_a_jump_is_refused() -> None:
    recording = record([0] * 6)
    recording.values[3] = recording.values[3] + 1e-4
    assert "jumps" in joint_violations(recording, LIMITS, DT)[0]
