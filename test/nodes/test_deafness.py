from __future__ import annotations

from neon_control.nodes.deafness import Deafness

LIMIT = 30.0


class Topic:
    """What is known of one topic: when it was heard, and its publishers."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.heard: float | None = None
        self.publishers = 0
        self.deafness = Deafness(limit, lambda topic: self.publishers)
        self.deafness.watch("joint_states", lambda: self.heard)

    def deaf(self, *times: float) -> dict[str, float]:
        for time in times[:-1]:
            assert self.deafness.deaf(time) == {}
        return self.deafness.deaf(times[-1])


def test_a_topic_with_a_publisher_that_was_heard_and_is_silent_is_deaf() -> None:
    topic = Topic()
    topic.heard, topic.publishers = 5.0, 1
    assert topic.deaf(5.0, 20.0, 34.9, 35.0) == {"joint_states": 30.0}


def test_a_topic_without_a_publisher_is_not() -> None:
    topic = Topic()
    topic.heard = 5.0
    assert topic.deaf(5.0, 100.0) == {}


def test_a_publisher_that_came_back_has_the_whole_time_to_speak() -> None:
    topic = Topic()
    topic.heard = 5.0
    assert topic.deaf(50.0) == {}
    topic.publishers = 1
    assert topic.deaf(60.0, 89.9, 90.0) == {"joint_states": 85.0}
    topic.publishers = 0
    assert topic.deaf(91.0) == {}
    topic.publishers = 1
    assert topic.deaf(92.0, 121.9) == {}


def test_a_topic_that_was_never_heard_is_not_so_that_one_silence_leads_to_one_try() -> None:
    topic = Topic()
    topic.publishers = 1
    assert topic.deaf(0.0, 1000.0) == {}


def test_it_can_be_turned_off() -> None:
    topic = Topic(limit=0.0)
    topic.heard, topic.publishers = 5.0, 1
    assert topic.deaf(5.0, 1000.0) == {}


def test_a_port_that_stays_lost_is_told_but_not_by_a_node_that_works() -> None:
    lost = {"fastdds_port7413"}
    deafness = Deafness(LIMIT, lambda topic: 0, lambda: lost)
    assert deafness.deaf(0.0) == {} and deafness.deaf(29.9) == {}
    assert deafness.deaf(30.0) == {"fastdds_port7413": 30.0}
    assert deafness.deaf(31.0, works=True) == {} and deafness.deaf(32.0) == {}
    assert deafness.deaf(62.0) == {"fastdds_port7413": 30.0}
    lost.clear()
    assert deafness.deaf(63.0) == {}
