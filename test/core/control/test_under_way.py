"""Committed steps for the next chunk: where they come from, and when there are none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.foresight import Foreseen, nothing
from neon_control.core.control.under_way import ANSWER, LEAST, WARM_UP, Prefix, UnderWay
from neon_control.core.robot.action_space import BASE_NAMES

MS, SECOND = 1_000_000, 1_000_000_000
DT, STEP, H = 0.02, 20 * MS, 16
NAMES = ("a", "b")
KNOWN = WARM_UP + LEAST  # chunks until the delay is known


@dataclass
class Robot:
    """Observations every 100 ms, chunks 60 ms later, an executor whose next command is another 45 ms away.

    Every value of chunk k is k: so each number of a prefix says which chunk it comes from. `truth` is what is commanded from when on.
    """

    most: int = 8
    names: tuple[str, ...] = NAMES
    tells: bool = True
    reach: int = 0
    period: int = 100 * MS
    latency: int = 60 * MS
    first: int = 6  # (60 + 45) / 20 ms, rounded up
    now: int = 1000 * SECOND
    count: int = 0
    stamp: int = 0
    truth: list[tuple[int, float]] = field(default_factory=list)  # from when [ns] on, which chunk
    ends: int = 0  # [ns] of what is commanded

    def __post_init__(self) -> None:
        self.under_way = UnderWay(self.names, DT, self.most, self.reach)

    @property
    def streams(self) -> list[str]:
        return [JOINTS, BASE] if len(self.names) > 2 else [JOINTS]

    def observe(self) -> Prefix:
        """The next observation, and its prefix."""
        self.now += self.period
        self.stamp = self.now
        return self.under_way.prefix(self.stamp, self.now + 20 * MS)

    def send(self, followed: bool = True, told: bool = True, streams: list[str] | None = None) -> None:
        """The observation's chunk goes out; the executor follows it, and tells."""
        self.count += 1
        chunk = ActionChunk(self.stamp, DT, self.names, np.full((H, len(self.names)), float(self.count)))
        self.under_way.goes_out(chunk, self.stamp + self.latency)
        if followed:
            begin = self.stamp + self.first * STEP
            before = self.commanded(begin - STEP)
            if math.isfinite(before):
                self.truth = [(t, k) for t, k in self.truth if t < begin] + [(begin, float(self.count))]
            else:
                self.truth = [(begin - STEP, float(self.count))]
            self.ends = chunk.end
            if self.tells and told:
                for stream in streams or self.streams:
                    self.tell(stream, self.stamp, float(self.count), self.first, before)

    def tell(self, stream: str, stamp: int, value: float, first: int, before: float = math.nan) -> None:
        """A chunk is followed that changes steps from `first` on; the one before is what is still commanded of an older one."""
        names = BASE_NAMES if stream == BASE else NAMES
        rows = np.full((H - first + 1, len(names)), value)
        rows[0] = before if math.isfinite(before) else value
        self.under_way.told(stream, Foreseen(stamp, first - 1, DT, names, rows))

    def stop(self) -> None:
        """The executor stops."""
        self.truth.clear()
        if self.tells:
            for stream in self.streams:
                self.under_way.told(stream, nothing(NAMES))

    def run(self, chunks: int) -> Prefix:
        """So many more; the last prefix."""
        for _ in range(chunks):
            prefix = self.observe()
            self.send()
        return prefix

    def commanded(self, instant: int) -> float:
        """Which chunk is commanded at an instant [ns]; NaN: none, or between two."""
        ours = [k for t, k in self.truth if t <= instant]
        between = any(t - STEP < instant < t for t, _ in self.truth[1:])
        return math.nan if not ours or between or instant > self.ends else ours[-1]


@pytest.mark.parametrize("names", [NAMES, (*NAMES, *BASE_NAMES)], ids=["joints", "joints and base"])
@pytest.mark.parametrize("tells", [True, False], ids=["the executor tells", "own chunks alone"])
def test_the_prefix_is_what_is_commanded_from_the_observation_on(names: tuple[str, ...], tells: bool):
    robot = Robot(names=names, tells=tells, first=6 if tells else 5)  # of an executor that does not tell, 40 ms are taken for granted
    robot.run(KNOWN)
    for _ in range(5):
        prefix = robot.observe()
        assert prefix.values.shape == (robot.first, len(names)) and not prefix.reason
        np.testing.assert_array_equal(prefix.values[0], robot.commanded(robot.stamp))
        robot.send()


def test_a_chunk_that_is_not_yet_answered_counts_from_the_step_on_that_it_can_change():
    robot = Robot(period=40 * MS, latency=35 * MS)
    robot.run(KNOWN)
    prefix = robot.observe()
    robot.send(told=False)
    newest = robot.count
    robot.now = robot.stamp + 20 * MS - robot.period  # the next observation is 20 ms younger
    prefix = robot.observe()
    assert prefix.values[-1, 0] == newest, "what it changes is under way"
    assert prefix.values[0, 0] < newest, "what it cannot change is not"


def test_before_the_delay_is_known_there_is_none_and_the_warm_up_does_not_count():
    robot = Robot()
    robot.first = 15  # a first inference is slow
    for _ in range(WARM_UP):
        assert not robot.observe()
        robot.send()
    robot.first = 6
    for k in range(LEAST):
        prefix = robot.observe()
        assert not prefix and prefix.reason == "delay", k
        robot.send()
    assert len(robot.observe()) == 6 == robot.under_way.delay


def test_the_delay_is_a_high_quantile_of_the_newest():
    robot = Robot()
    robot.run(KNOWN + 50)
    robot.first = 8
    robot.run(1)
    assert len(robot.observe()) == 6, "one of forty"
    robot.send()
    robot.run(2)
    assert len(robot.observe()) == 8


@pytest.mark.parametrize("tells", [True, False])
def test_a_delay_beyond_what_the_policy_takes_gives_none_and_says_so(tells: bool):
    robot = Robot(most=4, tells=tells)
    prefix = robot.run(KNOWN + 2)
    assert prefix.reason == "long_delay"
    assert prefix.why == f"{6 if tells else 5} steps of 20 ms pass from observation to command, max_prefix is 4"


def test_a_policy_that_takes_none_gets_none():
    assert Robot(most=0).run(KNOWN + 2).reason == "policy"


def test_a_stop_is_the_end_of_all_that_was_foreseen_and_the_next_chunk_that_is_followed_the_begin():
    robot = Robot()
    assert len(robot.run(KNOWN + 1)) == 6
    robot.stop()
    for _ in range(5):  # it goes on to send chunks, which nobody follows
        prefix = robot.observe()
        assert not prefix and prefix.reason == "stopped"
        robot.send(followed=False)
    robot.run(1)
    early = robot.under_way.prefix(robot.stamp + 4 * STEP, robot.stamp + 5 * STEP)
    assert early.reason == "gap", "before the first step that it can change it stood, which nobody has told"
    assert len(robot.observe()) == 6
    robot.send()
    assert len(robot.observe()) == 6


def test_after_a_swap_nothing_is_known_and_what_the_executor_says_of_the_old_policys_chunks_is_not_taken():
    robot = Robot()
    robot.run(KNOWN)
    robot.observe()
    robot.send(told=False)
    robot.under_way.begin(NAMES, DT, 8, "swap", "the first chunks of another policy")
    robot.tell(JOINTS, robot.stamp, float(robot.count), robot.first)
    for k in range(KNOWN):
        prefix = robot.observe()
        assert not prefix and prefix.reason == ("swap" if not k else "delay")
        robot.send()
    assert len(robot.observe()) == 6


def test_after_a_gap_there_is_none():
    robot = Robot()
    robot.run(KNOWN + 1)
    robot.now += 300 * MS
    assert robot.observe().reason == "gap"
    robot.send()
    robot.run(1)
    assert len(robot.observe()) == 6


def test_an_executor_that_does_not_answer_is_not_believed_any_more():
    robot = Robot()
    robot.run(KNOWN + 1)
    robot.observe()
    robot.send(told=False)
    late = robot.under_way.prefix(robot.stamp, robot.stamp + robot.latency + round(ANSWER * SECOND) + MS)
    assert late.reason == "unanswered" and "0.10 s ago" in late.why


def test_an_executor_that_follows_the_chunks_of_somebody_else_says_nothing_about_ours():
    robot = Robot()
    robot.run(KNOWN + 1)
    robot.tell(JOINTS, robot.now + 7 * MS, 0.5, 6)
    prefix = robot.observe()
    assert prefix.reason == "others"


def test_a_base_of_which_nothing_is_told_is_not_guessed():
    robot = Robot(names=(*NAMES, *BASE_NAMES))
    for _ in range(KNOWN + 1):
        prefix = robot.observe()
        robot.send(streams=[JOINTS])
    assert not prefix and prefix.reason == "start"


def test_a_clock_that_was_set_back_begins_anew():
    robot = Robot()
    robot.run(KNOWN + 1)
    robot.now -= 10 * SECOND
    prefix = robot.observe()
    assert prefix.reason == "clock" and robot.under_way.delay is None
    robot.run(KNOWN)
    assert len(robot.observe()) == 6


def test_what_was_guessed_before_an_executor_tells_is_forgotten_when_it_does():
    robot = Robot(tells=False)
    assert len(robot.run(KNOWN + 1)) == 5
    robot.tells = True
    robot.stop()
    assert robot.observe().reason == "start"
    assert robot.under_way.delay is None


EVENTS = ("chunk", "stop", "swap", "gap", "silent", "refused", "other", "back", "slow")


@given(st.lists(st.sampled_from(EVENTS), max_size=60), st.sampled_from([NAMES, (*NAMES, *BASE_NAMES)]))
def test_whatever_happens_no_step_is_given_that_is_not_commanded(events: list[str], names: tuple[str, ...]):
    robot = Robot(names=names)
    robot.run(KNOWN)
    least = 0  # the oldest chunk of which anything may be under way
    for event in events:
        if event == "stop":
            robot.stop()
        elif event == "gap":
            robot.now += 250 * MS
        elif event == "back":
            robot.now -= 5 * SECOND
            robot.truth.clear()
            least = robot.count + 1
        elif event == "swap":
            robot.under_way.begin(names, DT, 8, "swap", "another policy")
            least = robot.count + 1
        elif event == "other":
            for stream in robot.streams:
                robot.tell(stream, robot.now + 1, -1.0, 6)
            robot.truth.clear()
        robot.first = 7 if event == "slow" else 6
        prefix = robot.observe()
        if prefix:
            assert not prefix.reason and len(prefix) <= robot.most
            for i, row in enumerate(prefix.values):
                wanted = robot.commanded(robot.stamp + i * STEP)
                if math.isfinite(wanted):
                    assert (row == wanted).all(), (i, row, wanted)
            assert prefix.values.min() >= max(least, 1)
            assert robot.truth, "nothing is commanded"
        else:
            assert prefix.reason and prefix.why
        robot.send(followed=event not in ("refused", "stop"), told=event != "silent")
        if event in ("silent", "refused"):  # for as long as an answer takes, a chunk is believed to be followed
            robot.now += 60 * MS
            late = robot.under_way.prefix(robot.stamp, robot.stamp + robot.latency + round(ANSWER * SECOND) + MS)
            assert not late


def test_the_prefix_of_a_motion_between_two_steps_is_its_value_there():
    robot = Robot()
    robot.run(KNOWN)
    ramp = np.arange(H, dtype=float)[5:, None].repeat(2, axis=1)
    robot.observe()
    robot.count += 1
    robot.under_way.goes_out(ActionChunk(robot.stamp, DT, NAMES, np.zeros((H, 2))), robot.stamp + robot.latency)
    robot.under_way.told(JOINTS, Foreseen(robot.stamp, 5, DT, NAMES, ramp))
    prefix = robot.under_way.prefix(robot.stamp + 6 * STEP + 5 * MS, robot.stamp + 6 * STEP + 25 * MS)
    np.testing.assert_allclose(prefix.values[:, 0], 6.25 + np.arange(6))


@pytest.mark.parametrize("names", [NAMES, (*NAMES, *BASE_NAMES)], ids=["joints", "joints and base"])
def test_who_wants_to_know_the_rest_is_told_it_up_to_where_it_ends(names: tuple[str, ...]):
    robot = Robot(names=names, reach=H)
    robot.run(KNOWN)
    prefix = robot.observe()
    ends = (robot.ends - robot.stamp) // STEP  # the last step that is under way, counted from this observation
    assert len(prefix) == 6 and len(prefix.further) == ends + 1 - 6
    np.testing.assert_array_equal(prefix.further, np.full((ends - 5, len(names)), robot.commanded(robot.ends)))
    robot.under_way.reach = 8
    assert len(robot.under_way.prefix(robot.stamp, robot.now + 20 * MS).further) == 2, "no more than was asked for"
    assert not len(Robot().run(KNOWN + 2).further), "who does not ask is told none"
