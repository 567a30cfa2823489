"""Several sources of messages become one stream in the order of time, and only those that are needed are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neon_control.recordings.bag.storage import Stored, merged


def source(times: list[int], topic: int, log: list[tuple[str, int]]) -> tuple[int, Callable[[], Iterator[Stored]]]:
    def stream() -> Iterator[Stored]:
        log.append(("open", topic))
        for time in times:
            yield Stored(time, topic, b"")
        log.append(("end", topic))

    return times[0], stream


def test_messages_come_in_the_order_of_time_and_at_equal_times_in_the_order_of_the_sources() -> None:
    sources = [source([3, 5, 5], 1, []), source([1, 5, 9], 2, []), source([5], 3, [])]

    assert [(m.time, m.topic) for m in merged(sources)] == [(1, 2), (3, 1), (5, 1), (5, 1), (5, 2), (5, 3), (9, 2)]


def test_a_source_is_opened_when_its_time_has_come() -> None:
    log: list[tuple[str, int]] = []

    for message in merged([source([1, 2], 1, log), source([2, 4], 2, log), source([5, 6], 3, log)]):
        log.append(("time", message.time))

    assert log.index(("open", 2)) > log.index(("time", 1))
    assert log.index(("open", 3)) > log.index(("end", 1)) and log.index(("open", 3)) > log.index(("time", 4))


def test_a_source_without_messages_and_none_at_all_are_no_problem() -> None:
    empty: Callable[[], Iterator[Stored]] = lambda: iter(())  # noqa: E731

    assert list(merged([])) == []
    assert [m.time for m in merged([(0, empty), source([3], 1, []), (9, empty)])] == [3]
