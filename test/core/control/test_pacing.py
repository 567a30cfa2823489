"""Absolute deadlines, with a scripted clock where time has to misbehave."""

from __future__ import annotations

import itertools
import time

import pytest

from neon_control.core.control.pacing import Pacer

MS = 1_000_000


class ScriptedClock:
    """Advances by `step` at each reading, and by what the script says at the given readings."""

    def __init__(self, step: int = MS, jumps: dict[int, int] | None = None) -> None:
        self.now, self.reads, self.step, self.jumps = 0, 0, step, jumps or {}

    def __call__(self) -> int:
        self.reads += 1
        self.now += self.step + self.jumps.get(self.reads, 0)
        return self.now


def test_deadlines_do_not_drift_with_the_time_of_the_work():
    pacer = Pacer(0.002)
    deadlines = []
    for _ in range(50):
        deadlines.append(pacer.wait().deadline)
        end = time.monotonic_ns() + MS // 2
        while time.monotonic_ns() < end:
            pass
    assert all((b - a) % (2 * MS) == 0 for a, b in itertools.pairwise(deadlines))


def test_no_wake_up_is_early():
    pacer = Pacer(0.001)
    assert all(pacer.wait().lateness >= 0.0 for _ in range(30))


def test_an_overrun_is_skipped_and_counted_not_caught_up():
    pacer = Pacer(0.005)
    pacer.wait()
    pacer.skipped = 0
    end = time.monotonic_ns() + 23 * MS  # 4.6 periods of work
    while time.monotonic_ns() < end:
        pass
    ticks = [pacer.wait() for _ in range(4)]
    assert ticks[0].skipped >= 4 and pacer.skipped == sum(t.skipped for t in ticks)
    assert all(t.lateness >= 0.0 for t in ticks)
    assert all(b.deadline - a.deadline >= 5 * MS for a, b in itertools.pairwise(ticks)), "deadlines came in a burst"


def test_a_wake_up_that_is_late_by_periods_skips_them_at_once(monkeypatch):
    """Otherwise the next tick would hear of a stall that is over, and follow at its heels."""
    clock = ScriptedClock(step=0)
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock.now)
    naps = iter([10 * MS, 10 * MS, 57 * MS, 3 * MS])
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(clock, "now", clock.now + next(naps)))
    pacer = Pacer(0.010)
    ticks = [pacer.wait() for _ in range(4)]
    assert [t.skipped for t in ticks] == [0, 0, 4, 0] and pacer.skipped == 4
    assert [t.deadline // MS for t in ticks] == [10, 20, 70, 80]
    assert ticks[2].lateness == pytest.approx(0.047), "the stall is told"


def test_simulated_time_sets_the_pace():
    clock = ScriptedClock(step=1 * MS)
    pacer = Pacer(0.010, clock)
    deadlines = [pacer.wait().deadline for _ in range(4)]
    assert [b - a for a, b in itertools.pairwise(deadlines)] == [10 * MS] * 3


def test_a_jump_ahead_is_skipped_without_a_burst():
    clock = ScriptedClock(jumps={5: 10_000 * MS})
    pacer = Pacer(0.010, clock)
    tick = pacer.wait()
    assert tick.skipped >= 990 and tick.lateness < 0.010
    assert pacer.wait().deadline - tick.deadline == 10 * MS


@pytest.mark.parametrize("reading", [1, 4, 14])
def test_a_jump_back_starts_the_deadlines_anew(reading):
    clock = ScriptedClock(jumps={1: 100_000 * MS, reading + 10: -90_000 * MS})
    pacer = Pacer(0.010, clock)
    ticks = [pacer.wait() for _ in range(4)]
    assert ticks[-1].deadline < 20_000 * MS
    assert clock.reads < 100


def test_a_clock_that_stands_still_does_not_block_the_end():
    answers = iter([True, True, True, False])
    pacer = Pacer(0.010, lambda: 5, running=lambda: next(answers))
    pacer.wait()
    assert next(answers, None) is None
