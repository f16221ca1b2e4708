"""Two runs on the same items, by a score that is not the mean of the items' values.

Such a score is one of two kinds. The difference of two weighted means, such as macro averages, is
the weighted mean of the items' differences: a ratio of two sums over the items, whose weights are
drawn again with them. A score of sums over the items, such as BLEU or a perplexity, is computed
anew for items drawn again (the interval: the paired bootstrap of Koehn 2004, "Statistical
Significance Tests for Machine Translation Evaluation") and for runs that exchange items (the test:
Noreen 1989, Computer-Intensive Methods for Testing Hypotheses, section 2.3; Riezler and Maxwell
2005 on why it is the better test).
Both runs always keep the same items.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice, product
from operator import itemgetter
from statistics import stdev

from evenhand_evals.stats.distributions import normal_quantile
from evenhand_evals.stats.intervals import LEVEL, SAME, Interval, percentiles
from evenhand_evals.stats.paired import (
    POWER,
    RESAMPLES,
    TestResult,
    detectable,
    differences_of,
    permutation,
    unvaried,
)

MOST_DRAWS, FEWEST_DRAWS = 2_000, 500
WORK = 60_000_000
"""How many additions all draws may take; of many items there are fewer draws, though never few."""
EXACT_ITEMS = 10
"""Up to so many items that differ, every exchange is counted."""

Sums = Sequence[float]
"""Over some items, the sum of each thing that is counted in them."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The difference of two runs, A minus B, in the score's own unit, and what it rests on.

    `discordant` is on how many items they differ; `detectable` is the smallest true difference that
    these items would show four times out of five, None where nothing varies.
    """

    interval: Interval
    test: TestResult
    discordant: int
    detectable: float | None


def of_weighted(
    differences: Sequence[float], weights: Sequence[float], *, seed: int, reach: float = 1.0
) -> Compared:
    """Compare two weighted means by the items' differences; the weights sum to one.

    `reach` is the largest difference that one item can have. Items drawn again are weighed by the
    weights drawn (Hajek 1971), so that no draw leaves the range of the items' differences; the
    error behind `detectable` is that of such a ratio, from its linearised residuals (Cochran 1977,
    section 6.4).

    Raises:
        ValueError: there is no item with a weight.

    """
    pairs = zip(differences, weights, strict=True)
    held = [(each / reach, weight) for each, weight in pairs if weight > 0]
    if not held:
        raise ValueError("a difference needs at least one item with a weight")
    alone, weighing = zip(*held, strict=True)
    parts = [each * weight for each, weight in held]
    value = math.fsum(parts) / math.fsum(weighing)
    if max(alone) - min(alone) <= SAME:
        # The items weigh as many as 1 / sum(w^2) alike ones do (Kish 1965, section 11.7).
        squares = math.fsum(weight**2 for weight in weighing)
        interval = unvaried(value, round(1 / squares, 9))
        smallest = _visible(squares)
    else:
        interval = percentiles(value, _weighed_again(parts, weighing, seed))
        smallest = detectable([len(held) * weight * (each - value) for each, weight in held])
    scaled = replace(
        interval,
        value=reach * interval.value,
        low=reach * interval.low,
        high=reach * interval.high,
    )
    return Compared(
        scaled,
        permutation(parts, seed=seed),
        sum(each != 0 for each in differences),
        reach * smallest,
    )


def _weighed_again(parts: Sequence[float], weights: Sequence[float], seed: int) -> list[float]:
    """Give the weighted mean of items drawn again, of at least two."""
    draw = random.Random(seed)  # noqa: S311 - a statistic, not a secret
    n = len(parts)
    means = []
    for _ in range(RESAMPLES):
        picked = itemgetter(*draw.choices(range(n), k=n))
        means.append(sum(picked(parts)) / sum(picked(weights)))
    return means


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted in one item, in each run, summed over its `repeats` there."""

    a: Sums
    b: Sums
    repeats: tuple[int, int] = (1, 1)


class _Group:
    """The items of one group by column, whose sums are drawn."""

    def __init__(self, items: Sequence[Counted]) -> None:
        self.n = len(items)
        self.columns = [*zip(*(each.a for each in items), strict=True)]
        self.width = len(self.columns)
        self.columns += zip(*(each.b for each in items), strict=True)
        self.sums = [math.fsum(column) for column in self.columns]
        exchanged = [_exchange(each) for each in items if _differs(each)]
        self.differing = len(exchanged)
        self._changes = [*zip(*exchanged, strict=True)]

    def again(self, draw: random.Random) -> list[float]:
        """Sum items drawn again; a single one cannot be, and stands still."""
        if self.n == 1:
            return self.sums
        picked = itemgetter(*draw.choices(range(self.n), k=self.n))
        return [sum(picked(column)) for column in self.columns]

    def exchanged(self, which: Sequence[bool]) -> list[float]:
        """Sum the items, some of those that differ exchanged between the runs."""
        if not self.differing:
            return self.sums
        changes = (sum(compress(column, which)) for column in self._changes)
        return [before + change for before, change in zip(self.sums, changes, strict=True)]


def _differs(item: Counted) -> bool:
    """Say whether exchanging the item changes a sum, but for its rounding."""
    of_a, of_b = item.repeats
    return any(differences_of([a * of_b for a in item.a], [b * of_a for b in item.b]))


def _exchange(item: Counted) -> list[float]:
    """Give by how much the sums of A and B change if the item is exchanged.

    With other repeats in each run, the counts are brought to as many as the run had.
    """
    of_a, of_b = item.repeats
    pairs = [*zip(item.a, item.b, strict=True)]
    return [
        *(b * of_a / of_b - a for a, b in pairs),
        *(a * of_b / of_a - b for a, b in pairs),
    ]


def of_sums(
    groups: Sequence[Sequence[Counted]], score: Callable[[Sums], float], *, seed: int
) -> Compared:
    """Compare two runs by the mean over groups of the score of each group's sums.

    Items are drawn again, and exchanged, within their group. Where at most `EXACT_ITEMS` items
    differ all exchanges are counted; else p counts the observed one with the draws, so that it is
    never zero (Phipson and Smyth 2010).

    Raises:
        ValueError: there is no item.

    """
    held = [_Group(items) for items in groups if items]
    if not held:
        raise ValueError("a difference needs at least one item")

    def difference(sums: Sequence[Sums]) -> float:
        pairs = zip(held, sums, strict=True)
        scored = (score(each[: group.width]) - score(each[group.width :]) for group, each in pairs)
        return math.fsum(scored) / len(held)

    value = difference([group.sums for group in held])
    draw = random.Random(seed)  # noqa: S311 - a statistic, not a secret
    cells = sum(group.n * len(group.columns) for group in held)
    draws = max(FEWEST_DRAWS, min(MOST_DRAWS, WORK // max(1, cells)))
    samples = [difference([group.again(draw) for group in held]) for _ in range(draws)]
    samples = [each for each in samples if math.isfinite(each)]
    seen = percentiles(value, samples)
    return Compared(
        seen,
        _exchange_test(held, difference, draw, draws),
        sum(group.differing for group in held),
        None if seen.method == "none" else _visible(stdev(samples)),
    )


def _visible(error: float) -> float:
    return (normal_quantile(0.5 + LEVEL / 2) + normal_quantile(POWER)) * error


def _exchange_test(
    held: Sequence[_Group],
    difference: Callable[[Sequence[Sums]], float],
    draw: random.Random,
    draws: int,
) -> TestResult:
    value = difference([group.sums for group in held])
    differing = sum(group.differing for group in held)
    exact = differing <= EXACT_ITEMS
    patterns: Iterator[Sequence[bool]] = (
        product((False, True), repeat=differing) if exact else _random(draw, differing, draws)
    )
    slack = 1e-9 * max(1.0, abs(value))
    extreme = total = 0
    for pattern in patterns:
        rest = iter(pattern)
        sums = [group.exchanged([*islice(rest, group.differing)]) for group in held]
        extreme += abs(difference(sums)) >= abs(value) - slack
        total += 1
    if exact:
        return TestResult(extreme / total, "exact exchange permutation")
    return TestResult((1 + extreme) / (1 + total), "exchange permutation", draws=total)


def _random(draw: random.Random, length: int, count: int) -> Iterator[Sequence[bool]]:
    for _ in range(count):
        yield [bit == "1" for bit in f"{draw.getrandbits(length):0{length}b}"]
