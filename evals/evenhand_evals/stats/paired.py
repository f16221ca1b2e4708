"""Two runs on the same items: the difference, its interval, and exact tests.

The unit is the item: `differences` are, for each item, the mean over repeats in run A minus that in
run B. Nothing here is random but what takes a seed.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from evenhand_evals.stats.distributions import normal_quantile
from evenhand_evals.stats.intervals import LEVEL, SAME, Interval, percentiles, wilson

EXACT_PAIRS = 20
DRAWS = 10_000
RESAMPLES = 5_000
POWER = 0.80


@dataclass(frozen=True, slots=True)
class Discordance:
    """How many items both runs got right, only A, only B, or neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def n(self) -> int:
        """The number of items."""
        return self.both + self.only_a + self.only_b + self.neither


@dataclass(frozen=True, slots=True)
class TestResult:
    """A two-sided p-value, and the name of the test that it comes from.

    `mid_p` is the less conservative value of an exact binomial test, None for other tests;
    `draws` is the number of random draws, None for an exact p-value.
    """

    p: float
    test: str
    mid_p: float | None = None
    draws: int | None = None


def differences_of(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Give A minus B by item, exactly zero where only rounding tells the two apart.

    The mean of three equal repeats may differ from the one answer of another run in its last digit,
    and a test of signs would take many such digits for a difference.
    """
    return [
        0.0 if math.isclose(one, two, rel_tol=SAME) else one - two
        for one, two in zip(a, b, strict=True)
    ]


def mcnemar(only_a: int, only_b: int) -> TestResult:
    """Test whether A and B are right equally often, given the items where one of them is.

    The exact binomial form of McNemar 1947 (Psychometrika 12, 153-157), two-sided, with the mid-p
    value of Fagerland, Lydersen and Laake 2013 (BMC Med Res Methodol 13:91).
    """
    n, smaller = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, k) for k in range(smaller + 1))
    p = min(1.0, 2 * tail / 2**n)
    at_observed = math.comb(n, smaller) / 2**n
    mid_p = 1.0 if only_a == only_b else p - at_observed
    return TestResult(p, "exact McNemar", mid_p=mid_p)


def newcombe(table: Discordance, level: float = LEVEL) -> Interval:
    """Give the interval of a difference of two paired proportions.

    Method 10 of Newcombe 1998 (Stat Med 17, 2635-2650): Wilson's intervals of the two proportions,
    joined with the correlation of the pairs, which is continuity-corrected where positive.

    Raises:
        ValueError: there is no item.

    """
    n = table.n
    if n == 0:
        raise ValueError("a difference needs at least one item")
    a = wilson(table.both + table.only_a, n, level)
    b = wilson(table.both + table.only_b, n, level)
    product = (
        (table.both + table.only_a)
        * (table.only_b + table.neither)
        * (table.both + table.only_b)
        * (table.only_a + table.neither)
    )
    phi = 0.0
    if product:
        excess = table.both * table.neither - table.only_a * table.only_b
        corrected = max(excess - n / 2, 0.0) if excess > 0 else float(excess)
        phi = corrected / math.sqrt(product)
    difference = (table.only_a - table.only_b) / n
    down_a, up_a = a.value - a.low, a.high - a.value
    down_b, up_b = b.value - b.low, b.high - b.value
    down = math.sqrt(max(0.0, down_a**2 - 2 * phi * down_a * up_b + up_b**2))
    up = math.sqrt(max(0.0, up_a**2 - 2 * phi * up_a * down_b + down_b**2))
    return Interval(
        difference, max(-1.0, difference - down), min(1.0, difference + up), "newcombe 10"
    )


def unvaried(value: float, n: float, level: float = LEVEL) -> Interval:
    """Give the interval of a mean difference of n items that all differ alike, by `value`.

    That n items are alike leaves room for a share of others up to Wilson's upper bound of 0 of n
    (Wilson 1927), which may differ by anything in -1..1. Where the items do not differ at all this
    is also Newcombe's interval of n pairs that agree. One item says nothing of what varies, and
    values outside of -1..1 have no such bounds: the method is "none" for both.
    """
    if n <= 1 or abs(value) > 1:
        return Interval(value, value, value, "none")
    others = wilson(0, n, level).high
    return Interval(value, value - others * (1 + value), value + others * (1 - value), "wilson")


def bootstrap(
    differences: Sequence[float], *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """Give the mean difference with its percentile bootstrap interval, resampling items.

    Source: Efron and Tibshirani 1993, chapter 13; an item stays together with its repeats, so the
    bootstrap is clustered. The same seed gives the same interval. Where no item differs from
    another nothing is drawn, since all draws would be the same, and `unvaried` gives the interval.

    Raises:
        ValueError: there is no item.

    """
    n = len(differences)
    if n == 0:
        raise ValueError("a difference needs at least one item")
    value = math.fsum(differences) / n
    if max(differences) - min(differences) <= SAME:
        return unvaried(value, n, level)
    draw = random.Random(seed)  # noqa: S311 - a statistic, not a secret
    means = [math.fsum(draw.choices(differences, k=n)) / n for _ in range(resamples)]
    return percentiles(value, means, level)


def _exact_flips(sizes: Sequence[float], observed: float, slack: float) -> float:
    sums = [sizes[0]]
    for size in sizes[1:]:
        sums = [each + size for each in sums] + [each - size for each in sums]
    return sum(abs(each) >= observed - slack for each in sums) / len(sums)


def permutation(
    differences: Sequence[float], *, seed: int, draws: int = DRAWS, exact: int = EXACT_PAIRS
) -> TestResult:
    """Test whether the mean difference is zero by flipping the sign of each item's difference.

    Source: Fisher 1935, The Design of Experiments, section 21. All sign patterns are counted where
    at most `exact` differences are not zero. Above that, `draws` seeded random patterns are, and
    the observed one with them, so that p is never zero (Phipson and Smyth 2010).
    """
    sizes = [abs(each) for each in differences if each != 0]
    if not sizes:
        return TestResult(1.0, "exact sign-flip permutation")
    observed, slack = abs(math.fsum(differences)), 1e-9 * math.fsum(sizes)
    if len(sizes) <= exact:
        return TestResult(_exact_flips(sizes, observed, slack), "exact sign-flip permutation")
    draw = random.Random(seed)  # noqa: S311 - a statistic, not a secret
    total, extreme = math.fsum(sizes), 0
    for _ in range(draws):
        bits = f"{draw.getrandbits(len(sizes)):0{len(sizes)}b}"
        negative = sum(size for size, bit in zip(sizes, bits, strict=True) if bit == "1")
        extreme += abs(total - 2 * negative) >= observed - slack
    p = (1 + extreme) / (1 + draws)
    return TestResult(p, "sign-flip permutation", draws=draws)


def detectable(
    differences: Sequence[float], *, power: float = POWER, level: float = LEVEL
) -> float:
    """Give the smallest true difference that this many items would show, in the unit of theirs.

    The two-sided normal approximation (z_level + z_power) * s / sqrt(n), with the standard
    deviation s of the observed differences (Miller 2024, section 5). Where no item differs, one
    that differs by 1 is assumed, since no difference seen does not mean that none can occur.

    Raises:
        ValueError: there is no item.

    """
    n = len(differences)
    if n == 0:
        raise ValueError("a difference needs at least one item")
    centre = math.fsum(differences) / n
    variance = math.fsum((each - centre) ** 2 for each in differences) / max(1, n - 1)
    spread = math.sqrt(variance if variance > 0 else 1 / n)
    return (normal_quantile(0.5 + level / 2) + normal_quantile(power)) * spread / math.sqrt(n)
