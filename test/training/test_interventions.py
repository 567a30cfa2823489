from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.recordings.leaders import LED_BY_NOBODY, LED_BY_PERSON, LED_BY_POLICY, NEVER, SHOWN
from neon_control.training.config import TrainConfig
from neon_control.training.interventions import counting, draws, marked, seconds_of, weights_of

CONFIG = TrainConfig("t", "d", before_takeover=0.5, before_takeover_weight=0.25, own_successes=0.8, person_weight=2.0)
# nobody, the policy, shortly before a takeover, the person twice, the policy again
LEADER = np.array([LED_BY_NOBODY, LED_BY_POLICY, LED_BY_POLICY, LED_BY_PERSON, LED_BY_PERSON, LED_BY_POLICY], np.int32)
BEFORE = np.array([1.2, 0.6, 0.4, NEVER, NEVER, NEVER], np.float32)


def drive(leader: np.ndarray = LEADER, before: np.ndarray = BEFORE) -> dict[str, np.ndarray]:
    count = len(leader)
    stamps = np.arange(count) * 200_000_000  # [ns]
    return {"leader": leader, "before_takeover": before, "mask": np.ones((count, 4), np.float32), "stamps": stamps} | {
        "episode": np.zeros(count, np.int32)
    }


def shown(count: int = 4) -> dict[str, np.ndarray]:
    return drive(np.full(count, SHOWN, np.int32), np.full(count, NEVER, np.float32))


@pytest.mark.parametrize(
    ("outcome", "given", "expected"),
    [
        ("success", "all", [0, 0.8, 0.2, 2, 2, 0.8]),
        ("success", "successes", [0, 0.8, 0.2, 2, 2, 0.8]),
        ("failure", "all", [0, 0, 0, 2, 2, 0]),
        ("failure", "successes", [0, 0, 0, 0, 0, 0]),
        ("", "all", [0, 0, 0, 2, 2, 0]),
        ("", "successes", [0, 0, 0, 0, 0, 0]),
        ("discarded", "all", [0, 0, 0, 0, 0, 0]),
    ],
)
def test_weights_follow_the_leader_and_the_outcome(outcome: str, given: str, expected: list[float]) -> None:
    assert weights_of(drive(), outcome, replace(CONFIG, outcome=given)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("outcome", "given", "weight"), [("", "all", 1), ("", "successes", 1), ("failure", "successes", 0), ("discarded", "all", 0)]
)
def test_a_demonstration_counts_unless_it_is_marked_otherwise(outcome: str, given: str, weight: float) -> None:
    assert weights_of(shown(), outcome, replace(CONFIG, outcome=given)).tolist() == [weight] * 4


def test_the_policys_own_actions_count_for_nothing_unless_they_are_asked_for() -> None:
    assert weights_of(drive(), "success", TrainConfig("t", "d")).tolist() == [0, 0, 0, 1, 1, 0]


def test_parts_that_count_are_slices_and_nothing_else_is_left() -> None:
    recordings = marked([drive()], ["failure"], CONFIG)
    (part,) = counting(recordings)
    assert part["leader"].tolist() == [LED_BY_PERSON] * 2 and np.shares_memory(part["mask"], recordings[0]["mask"])
    assert [len(p["weight"]) for p in counting(marked([drive()], ["success"], CONFIG))] == [5]
    with pytest.raises(ConfigError, match="own_successes"):
        marked([drive(LEADER[:3], BEFORE[:3])], [""], CONFIG)


def test_sampling_gives_interventions_their_share_and_leaves_the_others_in_proportion() -> None:
    parts = counting(marked([shown(40), drive()], ["", "success"], CONFIG))
    often = draws(parts, "interventions:0.3")
    person = np.concatenate([p["leader"] for p in parts]) == LED_BY_PERSON
    assert often is not None and often[person].sum() / often.sum() == pytest.approx(0.3)
    assert often[~person].tolist() == pytest.approx([1.0] * 40 + [0.8, 0.2, 0.8])
    assert draws(counting(marked([shown()], [""], CONFIG)), "") is None  # nothing is weighted: as without any of this
    with pytest.raises(ConfigError, match="nobody took over"):
        draws(counting(marked([shown()], [""], CONFIG)), "interventions:0.5")


@pytest.mark.parametrize("text", ["interventions", "interventions:1", "interventions:nan", "people:0.5", "0.5"])
def test_a_share_that_is_none_is_refused_before_anything_is_read(text: str) -> None:
    with pytest.raises(ConfigError, match="interventions:SHARE"):
        TrainConfig("t", "d", sampling=text)


def test_seconds_of_each_kind_add_up_to_what_was_recorded() -> None:
    recordings = marked([shown(11), drive()], ["", "failure"], CONFIG)
    seconds = seconds_of(recordings, parts := counting(recordings), draws(parts, "interventions:0.5"))
    assert {name: round(of.recorded, 3) for name, of in seconds.items()} == {
        "demonstration": 2.2,
        "person": 0.4,
        "policy": 0.4,
        "before a takeover": 0.2,
        "nobody": 0.2,
    }
    assert {name: of.used for name, of in seconds.items() if of.used} == pytest.approx({"demonstration": 2.2, "person": 0.4})
    assert seconds["person"].share == pytest.approx(0.5) and sum(of.share for of in seconds.values()) == pytest.approx(1.0)
