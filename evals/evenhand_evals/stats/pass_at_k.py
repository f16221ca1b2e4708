"""pass@k: the chance that at least one of k answers to a problem is right.

Chen et al. 2021 (arXiv:2107.03374), section 2.1: of n answers of which c are right, the unbiased
estimate is 1 - C(n - c, k) / C(n, k), computed as a product because the binomials overflow.
Taking 1 - (1 - c/n)^k instead, as some do, is biased.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from evenhand_evals.stats.intervals import mean
from evenhand_evals.types import Estimate, ScoredItem

KS = (1, 2, 5, 10, 20, 50, 100)
"""Those k are reported for which there are repeats, and the number of repeats itself."""


def pass_at_k(n: int, c: int, k: int) -> float:
    """Estimate pass@k of one problem from `n` answers of which `c` are right.

    Raises:
        ValueError: not 0 <= c <= n and 1 <= k <= n.

    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass@k needs 0 <= c <= n and 1 <= k <= n, got n={n}, c={c}, k={k}")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def estimates(scored: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give pass@1 and pass@k for the repeats at hand, each with the interval of its mean.

    A problem of which fewer than k answers could be scored has no pass@k; `Estimate.n` says how
    many problems have one.
    """
    passed: dict[str, list[bool]] = defaultdict(list)
    for each in scored:
        passed[each.item].append(each.score.value == 1.0)
    most = max(map(len, passed.values()), default=0)
    found = {}
    for k in sorted({*(k for k in KS if k < most), most} - {0}):
        values = [
            [pass_at_k(len(each), sum(each), k)] for each in passed.values() if len(each) >= k
        ]
        found[f"pass@{k}"] = Estimate.of(mean(values), len(values))
    return found
