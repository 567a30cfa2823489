"""What the fault log keeps, and what it leaves out."""

from __future__ import annotations

from neon_control.monitor import html
from neon_control.monitor.faults import Count, FaultLog
from neon_control.nodes.status import Status


def status(level: int, message: str, node: str = "executor_node", **values: object) -> Status:
    return Status(node, "control", level, message, {k.replace("__", "/"): str(v) for k, v in values.items()}, 0.0)


def texts(log: FaultLog) -> list[str]:
    return [f"{e.node} {e.level} {e.text}" for e in log.newest(99)]


def test_a_complaint_is_kept_once_with_its_first_time_and_so_is_the_recovery() -> None:
    log = FaultLog()
    for second, (level, message) in enumerate([(0, "fine"), (1, "no chunk for 1.2 s"), (1, "no chunk for 2.2 s"), (0, "fine")]):
        log.add(status(level, message), now=100.0 + second)
    assert texts(log) == ["executor_node 0 fine", "executor_node 1 no chunk for 1.2 s"]
    assert [e.time for e in log.newest(99)] == [103.0, 101.0]


def test_a_node_that_is_well_from_the_start_is_no_event() -> None:
    log = FaultLog()
    log.add(status(0, "fine"))
    assert log.newest(99) == []


def test_silence_is_noted_once_and_so_is_the_return() -> None:
    log = FaultLog()
    log.add(status(0, "fine"))
    for seconds in (3.0, 4.0, 5.0):
        log.note_silence("executor_node", seconds)
    log.add(status(0, "fine"))
    assert texts(log) == ["executor_node 0 is back", "executor_node 3 fell silent"]


def test_a_counter_that_goes_back_tells_of_a_restart() -> None:
    log = FaultLog()
    log.add(status(0, "fine", ticks=500))
    log.add(status(0, "fine", ticks=600))
    log.add(status(0, "fine", ticks=20))
    assert texts(log) == ["executor_node 1 started anew"]


def test_a_stop_that_ended_before_the_next_report_is_told_with_its_reason() -> None:
    reason = "clearance: left_rubber_hand 0.019 m from table"
    log = FaultLog()
    log.add(status(0, "following the policy", stops__clearance=3, last_stop="chunks: none"))
    log.add(status(0, "following the policy", stops__clearance=3, last_stop="chunks: none"))
    log.add(status(0, "following the policy", stops__clearance=4, last_stop=reason))
    log.add(status(1, f"holding the pose ({reason})", stops__clearance=5, last_stop=reason))
    log.add(status(0, "following the policy", stops__clearance=5, last_stop=reason))
    assert texts(log) == [
        "executor_node 0 following the policy",
        f"executor_node 1 holding the pose ({reason})",
        f"executor_node 1 had stopped ({reason})",
    ]


def test_counters_say_how_often_and_when_last() -> None:
    log = FaultLog()
    log.add(status(0, "fine", rejected__joints__late=7, limited__rate__left_elbow=0, ticks=5), now=10.0)
    log.add(status(0, "fine", rejected__joints__late=7, limited__rate__left_elbow=2, stops__chunks=1, ticks=6), now=11.0)
    log.add(status(0, "fine", rejected__joints__late=7, limited__rate__left_elbow=2, stops__chunks=1, ticks=7), now=12.0)
    assert log.counts() == [
        Count("rejected", "joints/late", 7, None),  # before this page came
        Count("limited", "rate/left_elbow", 2, 11.0),
        Count("stops", "chunks", 1, 11.0),
    ]


def test_what_came_over_the_network_cannot_become_part_of_the_page() -> None:
    assert "<script>" not in html.card("<script>", "<script>", html.RED) + html.heading("<script>") + html.legend(
        "<script>", [("<script>", html.RED)]
    )
