"""Shares of successes: how well few trials tell them, and whether two of them differ by more than chance.

`wilson` inverts the score test (Wilson 1927); `difference` combines two of its intervals (Newcombe 1998, method 10); `fisher` is the exact
test of a table of two by two with all its sums given: the probability of a table no likelier than the one that was seen.
"""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # of a normal distribution, between whose -Z95 and Z95 95 % lie
TIE = 1.0 + 1.0e-9  # tables as likely as the one that was seen count, whatever the last digit says


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a share; all that is possible where there was no trial."""
    if not trials:
        return 0.0, 1.0
    share, extra = successes / trials, z * z / trials
    middle = share + extra / 2.0
    half = z * math.sqrt(share * (1.0 - share) / trials + extra / (4.0 * trials))
    low, high = (middle - half) / (1.0 + extra), (middle + half) / (1.0 + extra)
    return (max(low, 0.0) if successes else 0.0), (min(high, 1.0) if successes < trials else 1.0)


def difference(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float, float]:
    """The second share minus the first one, each of (successes, trials) with at least one trial, and the ends of its interval."""
    a, b = (successes / trials for successes, trials in (first, second))
    (low_a, high_a), (low_b, high_b) = wilson(*first), wilson(*second)
    return b - a, b - a - math.hypot(b - low_b, high_a - a), b - a + math.hypot(high_b - b, a - low_a)


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The two-sided p-value of two shares, each of (successes, trials): how often chance alone makes them differ as much."""
    (a, of_a), (b, of_b) = first, second
    successes = a + b

    def tables(count: int) -> int:
        """How many draws give the first one so many of the successes."""
        return math.comb(of_a, count) * math.comb(of_b, successes - count)

    seen = tables(a)
    possible = [tables(count) for count in range(max(0, successes - of_b), min(of_a, successes) + 1)]
    return sum(n for n in possible if n <= seen * TIE) / sum(possible)
