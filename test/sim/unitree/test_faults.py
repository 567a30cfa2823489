"""A way on which things are late or get lost."""

from __future__ import annotations

from neon_control.sim.unitree.faults import Line

MS = 1_000_000


def test_things_arrive_in_order_after_the_delay_that_held_when_they_were_sent() -> None:
    line: Line[str] = Line()
    line.put(0, "first", 0.05, 0.0)
    line.put(10 * MS, "second", 0.0, 0.0)  # the delay was taken away: it still does not overtake
    assert list(line.arrived(49 * MS)) == []
    assert list(line.arrived(50 * MS)) == ["first", "second"]
    assert list(line.arrived(60 * MS)) == []


def test_as_many_get_lost_as_the_share_says() -> None:
    line: Line[int] = Line()
    for i in range(10_000):
        line.put(i, i, 0.0, 0.3)
    assert 0.68 < len(list(line.arrived(10_000))) / 10_000 < 0.72
    line.put(0, 1, 0.0, 1.0)
    assert list(line.arrived(1)) == []
