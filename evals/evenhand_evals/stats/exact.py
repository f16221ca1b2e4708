"""Exact tests for small counts: nothing here is approximate, and nothing is random."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence


def binomial_tail(n: int, share: float, k: int) -> float:
    """Give P(X >= k) for X counting successes among `n` trials of probability `share` (0..1)."""
    if k <= 0:
        return 1.0
    terms = (math.comb(n, i) * share**i * (1.0 - share) ** (n - i) for i in range(k, n + 1))
    return min(1.0, math.fsum(terms))


def fisher_greater(hits_a: int, n_a: int, hits_b: int, n_b: int) -> float:
    """Test whether A hits more often than B: the one-sided p-value of Fisher's exact test.

    Under equal chances each way of dealing the hits to A and B is as likely as any other (Fisher
    1935, The Design of Experiments, section 11). The counts must lie in 0..n.
    """
    hits, n = hits_a + hits_b, n_a + n_b
    ways = sum(
        math.comb(hits, k) * math.comb(n - hits, n_a - k)
        for k in range(hits_a, min(hits, n_a) + 1)
        if n_a - k <= n - hits
    )
    return min(1.0, ways / math.comb(n, n_a))


def concentration(treated: Sequence[Hashable], control: Sequence[Hashable]) -> float:
    """Test whether the treated outcomes agree more than a draw from treated and control would.

    The statistic is how often the treated outcome that is commonest among them occurs. Under
    exchangeability, the chance that any outcome occurs as often among the treated is at most the
    sum of the hypergeometric tails over the outcomes (the union bound), so p never is too small.
    Without treated outcomes p is 1.
    """
    if not treated:
        return 1.0
    most = max(Counter(treated).values())
    total = Counter(treated) + Counter(control)
    n_a, n_b = len(treated), len(control)
    return min(
        1.0,
        math.fsum(
            fisher_greater(most, n_a, count - most, n_b)
            for count in total.values()
            if count >= most
        ),
    )


def pairing(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Test whether the two halves of the pairs agree more often than a random pairing would.

    If pairing means nothing, every perfect matching of the 2S outcomes is as likely as any other.
    The chance of m agreements or more is at most the expected number of sets of m agreeing pairs
    (Markov's inequality on a factorial moment; exact where all S pairs agree).
    """
    size = len(pairs)
    agreeing = sum(first == second for first, second in pairs)
    if agreeing == 0:
        return 1.0
    ways = [1]
    for count in Counter(outcome for pair in pairs for outcome in pair).values():
        own = [math.comb(count, 2 * j) * _matchings(2 * j) for j in range(count // 2 + 1)]
        ways = _convolve(ways, own)
    sets = ways[agreeing] if agreeing < len(ways) else 0
    return min(1.0, sets * _matchings(2 * (size - agreeing)) / _matchings(2 * size))


def best_cut(treated: Sequence[float], control: Sequence[float]) -> float:
    """Test whether the treated values are larger, at whichever cut shows it best.

    Fisher's exact test at each of the distinct values as a cut, times the number of cuts
    (Bonferroni).
    """
    cuts = sorted({*treated, *control})[1:]
    if not cuts or not treated or not control:
        return 1.0
    best = min(
        fisher_greater(
            sum(value >= cut for value in treated),
            len(treated),
            sum(value >= cut for value in control),
            len(control),
        )
        for cut in cuts
    )
    return min(1.0, best * len(cuts))


def _matchings(count: int) -> int:
    """Count the perfect matchings of an even number of things: (count - 1)!!."""
    return math.prod(range(count - 1, 0, -2))


def _convolve(left: Sequence[int], right: Sequence[int]) -> list[int]:
    result = [0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            result[i + j] += a * b
    return result
