"""One number that tilts a known distribution, estimated from what was drawn.

Each draw chose one of several options, whose log weights were known up to a tilt:
log weight = base + theta * score. With score = logprob and base 0, theta is 1 / temperature; with
score = minus the count of earlier occurrences and base = logprob, theta is a frequency penalty.
What lies outside the options does not matter: the draw is conditioned on having hit one of them.

The tests are likelihood ratios against a mixture over a grid of tilts (Robbins 1970, "Statistical
methods related to the law of the iterated logarithm"). Such a ratio has expectation one under the
tilt that it tests, so by Ville's inequality the chance that it ever exceeds 1/a is at most a: the
p-values and intervals hold for every number of draws, for draws that depend on earlier ones, and
when one stops as soon as the result is clear.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evenhand_evals.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw: each option's base log weight and score, and the index of the one drawn."""

    base: tuple[float, ...]
    scores: tuple[float, ...]
    chosen: int

    def log_likelihood(self, theta: float) -> float:
        """Give the log probability of the option drawn under a tilt."""
        return log_likelihood((self,), theta)


def log_likelihood(draws: Iterable[Draw], theta: float) -> float:
    """Give the log-likelihood of a tilt."""
    return math.fsum(each.log_likelihood(theta) for each in _together(draws))


@dataclass(frozen=True, slots=True)
class _Alike:
    """Draws with the same options: how often each option was drawn, by its index."""

    base: tuple[float, ...]
    scores: tuple[float, ...]
    chosen: Mapping[int, int]

    def log_likelihood(self, theta: float) -> float:
        weights = [b + theta * s for b, s in zip(self.base, self.scores, strict=True)]
        top = max(weights)
        norm = top + math.log(math.fsum(math.exp(w - top) for w in weights))
        return math.fsum(count * (weights[i] - norm) for i, count in self.chosen.items())


def _together(draws: Iterable[Draw]) -> list[_Alike]:
    """Sort draws by their options, as the sum over these is what takes the time."""
    found: dict[tuple[tuple[float, ...], tuple[float, ...]], Counter[int]] = {}
    for draw in draws:
        found.setdefault((draw.base, draw.scores), Counter())[draw.chosen] += 1
    return [_Alike(base, scores, chosen) for (base, scores), chosen in found.items()]


class Tilt:
    """What some draws say about the tilt; `grid` holds the tilts that are mixed, ascending."""

    def __init__(self, draws: Sequence[Draw], grid: Sequence[float]) -> None:
        self._draws = _together(draws)
        self._grid = grid
        self._values = [self._log_likelihood(theta) for theta in grid]
        top = max(self._values)
        total = math.fsum(math.exp(value - top) for value in self._values)
        self._mixed = top + math.log(total / len(grid))

    def p(self, theta: float) -> float:
        """Give the p-value of one tilt."""
        return min(1.0, math.exp(min(0.0, self._log_likelihood(theta) - self._mixed)))

    def interval(self, alpha: float) -> Interval:
        """Give the likeliest tilt, and the tilts whose p-value is at least `alpha`, in the grid.

        The likelihood is concave in the tilt, so that they are one interval.
        """
        best = max(range(len(self._grid)), key=self._values.__getitem__)
        low, high = self._grid[max(0, best - 1)], self._grid[min(len(self._grid) - 1, best + 1)]
        value = self._peak(low, high)
        return Interval(
            value,
            self._edge(value, self._grid[0], alpha),
            self._edge(value, self._grid[-1], alpha),
            "mixture likelihood ratio",
        )

    def _log_likelihood(self, theta: float) -> float:
        return math.fsum(each.log_likelihood(theta) for each in self._draws)

    def _peak(self, low: float, high: float) -> float:
        for _ in range(60):
            left, right = low + (high - low) / 3, high - (high - low) / 3
            if self._log_likelihood(left) < self._log_likelihood(right):
                low = left
            else:
                high = right
        return (low + high) / 2

    def _edge(self, inside: float, outside: float, alpha: float) -> float:
        if self.p(outside) >= alpha:
            return outside
        for _ in range(40):
            middle = (inside + outside) / 2
            if self.p(middle) >= alpha:
                inside = middle
            else:
                outside = middle
        return inside
