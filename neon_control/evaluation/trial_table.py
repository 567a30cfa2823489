"""Attempts in groups, by policy, robot and day; and two policies side by side."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import NamedTuple

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.proportions import difference, fisher, wilson
from neon_control.evaluation.trial import Trial

KEYS: dict[str, Callable[[Trial], str]] = {"policy": lambda t: t.policy, "robot": lambda t: t.robot, "day": lambda t: t.day}
COLUMNS = ("Trials", "Success", "95 %", "Alone", "Time [s]", "Takeovers/min", "Led", "Stops", "No outcome")
CHANCE = 0.05  # below this, a difference is called more than chance


@dataclass(frozen=True)
class Group:
    """Figures of some attempts."""

    names: tuple[str, ...]  # of the group, one for each key
    trials: int  # that say how they went
    successes: int
    alone: int  # successes without a takeover
    seconds: float  # [s] mean of the successes; NaN without one
    takeovers: float  # [1/min] of all attempts
    led: float  # share of all their time in which a person led
    stops: Counter[str]
    silent: int  # attempts that do not say how they went

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share of successes, 95 %."""
        return wilson(self.successes, self.trials)

    @property
    def cells(self) -> tuple[str, ...]:
        """See `COLUMNS`, after the names."""
        low, high = self.interval
        share = f"{self.successes}/{self.trials} = {self.successes / self.trials:.0%}" if self.trials else "-"
        interval = f"{low:.0%} to {high:.0%}" if self.trials else "-"
        seconds = "-" if self.seconds != self.seconds else f"{self.seconds:.1f}"
        stops = ", ".join(f"{cause} {count}" for cause, count in self.stops.most_common()) or "-"
        figures = (seconds, f"{self.takeovers:.2f}", f"{self.led:.0%}", stops, str(self.silent))
        return (*self.names, str(self.trials), share, interval, str(self.alone), *figures)


def groups(trials: Sequence[Trial], keys: Sequence[str]) -> list[Group]:
    """One for each combination of keys that there is, in their order."""
    found: dict[tuple[str, ...], list[Trial]] = {}
    for trial in trials:
        found.setdefault(tuple(KEYS[key](trial) for key in keys), []).append(trial)
    return [_group(names, found[names]) for names in sorted(found)]


def _group(names: tuple[str, ...], trials: Sequence[Trial]) -> Group:
    said = [t for t in trials if t.counts]
    times = [t.seconds for t in said if t.succeeded and t.timed]
    seconds = sum(t.seconds for t in trials)
    stops: Counter[str] = Counter()
    for trial in trials:
        stops += trial.stops
    return Group(
        names,
        len(said),
        sum(t.succeeded for t in said),
        sum(t.alone for t in said),
        mean(times) if times else float("nan"),
        60.0 * sum(t.takeovers for t in trials) / seconds if seconds else 0.0,
        sum(t.led for t in trials) / seconds if seconds else 0.0,
        stops,
        len(trials) - len(said),
    )


class Contrast(NamedTuple):
    """Two shares."""

    difference: float  # the second one minus the first one
    low: float  # of its 95 % interval
    high: float
    p: float  # Fisher's exact test, two-sided

    def __str__(self) -> str:
        verdict = "more than chance" if self.p < CHANCE else "may be chance"
        return f"{100 * self.difference:+.0f} points (95 %: {100 * self.low:+.0f} to {100 * self.high:+.0f}), {verdict}: p = {self.p:.2g}"


@dataclass(frozen=True)
class Comparison:
    """Two policies side by side."""

    groups: tuple[Group, Group]
    success: Contrast
    alone: Contrast  # successes without a takeover
    changes: int  # from one policy to the other, in order of time
    expected: float  # changes in a random order
    apart: tuple[str, ...]  # of robot and task, what the two do not share

    @property
    def interleaved(self) -> bool:
        """Whether they were tried in turns, so that light, robot and people were the same for both."""
        return self.changes >= 0.5 * self.expected

    @property
    def lines(self) -> list[str]:
        """In words."""
        a, b = (group.names[0] for group in self.groups)
        lines = [
            f"{b} against {a}, successes: {self.success} (Fisher's exact test, two-sided)",
            f"{b} against {a}, successes without a takeover: {self.alone}",
        ]
        turns = f"the two took turns {self.changes} times, {self.expected:.0f} are expected in a random order"
        lines.append(turns if self.interleaved else f"not interleaved: {turns}; the day, the light or the robot may be the difference")
        lines += [f"the two do not share the {name}: that may be the difference" for name in self.apart]
        return lines


def compare(trials: Sequence[Trial], first: str, second: str) -> Comparison:
    """Of two policies, by their names.

    Raises:
        ConfigError: there are no trials of one of them that say how they went.
    """
    said = sorted((t for t in trials if t.counts and t.policy in (first, second)), key=lambda t: t.start)
    of_both = tuple(_group((name,), [t for t in trials if t.policy == name]) for name in (first, second))
    lacking = [name for name, group in zip((first, second), of_both, strict=True) if not group.trials]
    if lacking or first == second:
        known = sorted({t.policy for t in trials if t.counts})
        raise ConfigError(f"--compare needs two policies with an outcome each, got {first} and {second}; there are {known}")
    a, b = of_both
    success = _contrast((a.successes, a.trials), (b.successes, b.trials))
    alone = _contrast((a.alone, a.trials), (b.alone, b.trials))
    changes = sum(one.policy != other.policy for one, other in itertools.pairwise(said))
    expected = 2.0 * a.trials * b.trials / (a.trials + b.trials)
    sides = [[t for t in said if t.policy == name] for name in (first, second)]
    apart = [
        name for name, of in (("robot", lambda t: t.robot), ("task", lambda t: t.task)) if set(map(of, sides[0])) != set(map(of, sides[1]))
    ]
    return Comparison((a, b), success, alone, changes, expected, tuple(apart))


def _contrast(first: tuple[int, int], second: tuple[int, int]) -> Contrast:
    return Contrast(*difference(first, second), fisher(first, second))
