from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.recordings.leaders import FAR, LEADERS, LED_BY_NOBODY, LED_BY_PERSON, LED_BY_POLICY, NEVER, SHOWN, Leaders, leaders_topic

WORDS = st.lists(st.tuples(st.sampled_from(sorted(LEADERS)), st.integers(1, 50)), min_size=1, max_size=12)


def said(words: list[tuple[str, int]]) -> tuple[Leaders, list[tuple[int, str]]]:
    leaders, events, time = Leaders(), [], 0
    for word, gap in words:
        time += gap
        leaders.say(word, time)
        events.append((time, word))
    return leaders, events


@given(WORDS, st.integers(0, 700))
def test_what_was_said_last_counts_and_what_was_said_first_counted_before(words: list[tuple[str, int]], time: int) -> None:
    leaders, events = said(words)
    past = [word for at, word in events if at <= time]
    assert leaders.at(time) == LEADERS[past[-1] if past else events[0][1]]


@given(WORDS, st.integers(0, 700))
def test_somebody_else_leads_from_until_on_and_nobody_else_before(words: list[tuple[str, int]], time: int) -> None:
    leaders, _ = said(words)
    until = leaders.until(time)
    assert until > time
    assert all(leaders.at(t) == leaders.at(time) for t in range(time, min(until, 701)))
    assert until == FAR or leaders.at(until) != leaders.at(time)


@given(WORDS, st.integers(0, 700), st.integers(0, 700))
def test_the_next_takeover_is_the_next_begin_of_a_persons_lead_in_the_episode(words: list[tuple[str, int]], time: int, end: int) -> None:
    leaders, _ = said(words)
    begins = [t for t in range(time + 1, end) if leaders.at(t) == LED_BY_PERSON != leaders.at(t - 1)]
    assert leaders.before_takeover(time, end) == ((begins[0] - time) / NANOSECONDS if begins else NEVER)


def test_without_the_topic_a_recording_is_a_demonstration_and_an_unknown_word_is_nobody() -> None:
    leaders = Leaders()
    assert leaders.at(5) == SHOWN and leaders.until(5) == FAR and leaders.before_takeover(5, FAR) == NEVER
    leaders.say("policy", 3)
    leaders.say("a ghost", 6)
    assert (leaders.at(0), leaders.at(7)) == (LED_BY_POLICY, LED_BY_NOBODY)


def test_the_topic_is_found_in_a_namespace_and_only_as_text() -> None:
    text = "std_msgs/msg/String"
    assert leaders_topic({"left/commander": text, "camera": "x"}) == "left/commander"
    assert leaders_topic({"commander": "std_msgs/msg/Bool"}) == "" == leaders_topic({})
