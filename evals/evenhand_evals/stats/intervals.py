"""Intervals of one run: for a proportion, for a mean over items, for a pooled ratio.

Items are the unit of sampling everywhere. Repeats of one item are not independent, so they are
first averaged; what varies is the item (cluster-robust, as in Miller 2024, "Adding Error Bars to
Evals", section 2.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evenhand_evals.stats.distributions import normal_quantile, student_quantile

LEVEL = 0.95
SAME = 1e-12
"""By how much numbers may differ that would be equal but for their rounding."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between its bounds; `method` names how the bounds were made."""

    value: float
    low: float
    high: float
    method: str


def wilson(successes: float, n: float, level: float = LEVEL) -> Interval:
    """Give Wilson's score interval of a proportion.

    Source: Wilson 1927, JASA 22, 209-212. Without trials the interval is all of 0..1.

    Raises:
        ValueError: `successes` is not in 0..n.

    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be in 0..n, got {successes} of {n}")
    if n == 0:
        return Interval(0.0, 0.0, 1.0, "wilson")
    z = normal_quantile(0.5 + level / 2.0)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, min(low, share), max(high, share), "wilson")


def percentiles(value: float, samples: Sequence[float], level: float = LEVEL) -> Interval:
    """Give a value with the percentile interval of its bootstrap samples, "none" where it has none.

    Source: Efron and Tibshirani 1993, chapter 13. The interval holds the value. There is none
    without samples, and none where they do not vary: drawing again from items that are all alike
    shows nothing of other items, so that an interval without width would claim a certainty that
    nobody has.
    """
    spread = sorted(samples) or [value]
    cut = int((1 - level) / 2 * len(spread))
    low, high = min(spread[cut], value), max(spread[-1 - cut], value)
    if high - low <= SAME * max(1.0, abs(value)):
        return Interval(value, value, value, "none")
    return Interval(value, low, high, "bootstrap")


def ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    level: float = LEVEL,
    *,
    graded: bool = False,
) -> Interval:
    """Give a pooled ratio over items with its interval, items being the clusters.

    Where every item is simply right or wrong (0 or 1 of 1), this is Wilson's interval, which keeps
    its promise near 0 and 1 where others do not (Brown, Cai and DasGupta 2001, Statistical Science
    16, 101-133). Else it is a t interval with n - 1 degrees of freedom and the linearised variance
    of a ratio estimator (Cochran 1977, Sampling Techniques, section 6.4). For shares (every
    numerator in 0..denominator) its bounds are kept in 0..1, and where no item differs from the
    pooled ratio, so that the variance is zero, Wilson's interval over the items takes its place.

    The values themselves show whether items are right or wrong, unless `graded` says that they are
    marks on a scale, such as chrF2, which happen to be all at its ends: these are no trials with
    two outcomes and have the t interval. Wilson's where the variance is zero holds for them too, as
    a bound: no marks in 0..1 with that mean vary more than ones that are all 0 or 1.

    Raises:
        ValueError: the sequences differ in length, are empty, or pool to nothing.

    """
    n, total = len(numerators), math.fsum(denominators)
    if n != len(denominators) or n == 0 or total <= 0:
        raise ValueError("a ratio needs as many denominators as numerators, and some in all")
    pairs = list(zip(numerators, denominators, strict=True))
    if not graded and all(below == 1 and above in (0, 1) for above, below in pairs):
        return wilson(sum(numerators), n, level)
    value = math.fsum(numerators) / total
    share = all(0 <= above <= below for above, below in pairs)
    squares = math.fsum((above - value * below) ** 2 for above, below in pairs)
    if share and (n == 1 or squares <= 1e-18 * total * total):
        bounds = wilson(min(value, 1.0) * n, n, level)
        return Interval(value, min(bounds.low, value), max(bounds.high, value), "wilson")
    if n == 1:
        return Interval(value, -math.inf, math.inf, "ratio t")
    error = math.sqrt(squares * n / (n - 1)) / total
    half = student_quantile(0.5 + level / 2.0, n - 1) * error
    low, high = value - half, value + half
    if share:
        low, high = max(0.0, low), min(1.0, high)
    return Interval(value, min(low, value), max(high, value), "ratio t")


def mean(
    items: Sequence[Sequence[float]], level: float = LEVEL, *, graded: bool = False
) -> Interval:
    """Give the mean over items, each with its repeats, and its interval.

    Every item weighs the same, however many of its repeats there are. The interval is that of
    `ratio` over the items' means: Wilson's where each is 0 or 1 and not `graded`, else a t
    interval.

    Raises:
        ValueError: there is no item, or an item without a value.

    """
    if not items or not all(items):
        raise ValueError("a mean needs at least one item, and each item at least one value")
    means = [math.fsum(values) / len(values) for values in items]
    interval = ratio(means, [1.0] * len(means), level, graded=graded)
    return replace(interval, method=interval.method.replace("ratio", "clustered"))
