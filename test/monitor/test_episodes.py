"""What a recorder of episodes is told, and what is offered while it is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from episode_desk import Desk
from waiting import wait_until

from neon_control.monitor.episodes import Episodes, in_words
from neon_control.monitor.link import Link, LinkError

LIMIT = 30.0  # [s]


@pytest.fixture
def link(ros_domain_id: int) -> Iterator[Link]:
    with Link("judge") as built:
        built.start()
        yield built


def test_what_the_state_allows_is_offered_and_a_note_is_there_before_its_outcome(link: Link) -> None:
    episodes = Episodes(link)
    assert episodes.offered == ()
    desk = Desk(link.node, task="tidy up")
    wait_until(lambda: episodes.offered == ("begin",), LIMIT, "an offer")
    assert in_words(episodes.state) == "no episode is being recorded: tidy up"
    assert episodes.tell("begin") == "episode_1"
    wait_until(lambda: episodes.offered == ("success", "failure", "discard"), LIMIT, "a recording")
    assert in_words(episodes.state) == "recording episode 1: tidy up"
    with pytest.raises(LinkError, match="refused begin: not while recording"):
        episodes.tell("begin")
    episodes.tell("failure", "dropped the <b>cup</b>")
    assert desk.told[-1] == ("failure", "dropped the <b>cup</b>")
    wait_until(lambda: in_words(episodes.state) == "episode 1: failure (dropped the <b>cup</b>)", LIMIT, "its outcome")
    desk.close()
    wait_until(lambda: episodes.offered == (), LIMIT, "no offer")
    Desk(link.node, task="the next one")
    wait_until(lambda: episodes.offered == ("begin",) and episodes.state["task"] == "the next one", LIMIT, "a recorder that comes next")


def test_without_a_recorder_that_takes_the_note_nothing_is_marked(link: Link) -> None:
    episodes, desk = Episodes(link), Desk(link.node)
    wait_until(lambda: episodes.offered, LIMIT, "an offer")
    link.node.destroy_subscription(desk._notes)
    with pytest.raises(LinkError, match="success was not told"):
        episodes.tell("success", "good")
    assert not desk.told


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", '{"state": "dancing"}', '{"state": ["idle"]}', "[" * 5000])
def test_what_is_no_state_changes_nothing(link: Link, text: str) -> None:
    episodes, desk = Episodes(link), Desk(link.node)
    wait_until(lambda: episodes.offered, LIMIT, "an offer")
    desk.say(text)
    desk._change(task="after it")
    wait_until(lambda: episodes.state["task"] == "after it", LIMIT, "the next state")
    assert rclpy.ok() and episodes.offered == ("begin",)
