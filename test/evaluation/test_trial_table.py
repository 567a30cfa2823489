"""Groups of attempts, and two policies side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.proportions import difference, fisher
from neon_control.evaluation.trial import Trial
from neon_control.evaluation.trial_table import compare, groups
from neon_control.recordings.episode import FAILURE, SUCCESS

HOUR = 3600 * 10**9


def trial(policy: str, good: bool | None, number: int = 0, **more: object) -> Trial:
    outcome = "" if good is None else SUCCESS if good else FAILURE
    return Trial(Path(f"/{number}"), policy, "", str(more.pop("robot", "arm6")), number * HOUR, 30.0, outcome, **more)  # type: ignore[arg-type]


def attempts(order: str, goods: dict[str, int], **more: object) -> list[Trial]:
    """One letter an attempt; of each policy, the first so many succeed."""
    seen: dict[str, int] = {}
    made = []
    for number, policy in enumerate(order):
        seen[policy] = seen.get(policy, 0) + 1
        made.append(trial(policy, seen[policy] <= goods[policy], number, **more))
    return made


def test_a_group_counts_successes_of_those_that_say_how_they_went_and_time_of_those_that_began_with_the_attempt() -> None:
    (group,) = groups(
        [trial("a", True), trial("a", True, timed=False, takeovers=2), trial("a", False, takeovers=1, led=15.0), trial("a", None)],
        ["policy"],
    )
    assert (group.trials, group.successes, group.alone, group.silent) == (3, 2, 1, 1)
    assert group.seconds == 30.0
    assert group.takeovers == pytest.approx(1.5) and group.led == pytest.approx(0.125)  # 3 in 2 min, 15 s of 120 s
    assert group.cells[:4] == ("a", "3", "2/3 = 67%", "21% to 94%")


def test_groups_are_those_of_all_keys_together() -> None:
    trials = [trial("a", True, robot="left"), trial("a", True, robot="right"), trial("b", None, robot="left")]
    found = {g.names: g.cells[2] for g in groups(trials, ["robot", "policy"])}
    assert list(found) == [("left", "a"), ("left", "b"), ("right", "a")]
    assert groups(trials, ["policy"])[1].cells[1:4] == ("0", "-", "-")


def test_two_policies_that_took_turns_differ_by_more_than_chance_or_do_not() -> None:
    pair = compare(attempts("ab" * 30, {"a": 10, "b": 25}), "a", "b")
    assert pair.success.p == fisher((10, 30), (25, 30)) < 0.001
    assert pair.success[:3] == difference((10, 30), (25, 30)) and pair.success.low > 0.2
    assert pair.interleaved and "more than chance" in pair.lines[0] and len(pair.lines) == 3
    assert "may be chance" in compare(attempts("ab" * 30, {"a": 15, "b": 18}), "a", "b").lines[0]


def test_what_else_may_be_the_difference_is_said() -> None:
    block = compare(attempts("a" * 30 + "b" * 30, {"a": 10, "b": 25}), "a", "b")
    assert not block.interleaved and block.changes == 1 and "not interleaved" in block.lines[2]
    mixed = [*attempts("aa", {"a": 1}), *attempts("bb", {"b": 1}, robot="arm7", task="another")]
    assert compare(mixed, "a", "b").apart == ("robot", "task")


def test_a_policy_without_an_outcome_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match=r"got a and c; there are \['a'\]"):
        compare([trial("a", True), trial("b", None)], "a", "c")
