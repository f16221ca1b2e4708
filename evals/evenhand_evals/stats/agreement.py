"""Agreement of two answers to the same question, beyond what their labels make likely."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from evenhand_evals.stats.intervals import percentiles
from evenhand_evals.types import Estimate, ScoredItem

SEED: Final = 0
RESAMPLES: Final = 1000

Pair = tuple[str, str, str]
"""The kind of a question, and the labels of both answers."""


def beyond_chance(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give `agreement_beyond_chance`, Cohen's kappa within each kind, -1..1, bootstrapped by item.

    Items that lack a label on either side are left out; nothing comes where none is left.
    """
    by_item: dict[str, list[Pair]] = defaultdict(list)
    for each in items:
        one, other = each.score.data["labels"]
        if one is not None and other is not None:
            by_item[each.item].append((each.score.data["kind"], one, other))
    clusters = [pairs for _, pairs in sorted(by_item.items())]
    if not clusters:
        return {}
    value = kappa([pair for pairs in clusters for pair in pairs])
    draw = random.Random(SEED)  # noqa: S311
    samples = [
        kappa([pair for pairs in draw.choices(clusters, k=len(clusters)) for pair in pairs])
        for _ in range(RESAMPLES if len(clusters) > 1 else 0)
    ]
    return {"agreement_beyond_chance": Estimate.of(percentiles(value, samples), len(clusters))}


def kappa(pairs: Sequence[Pair]) -> float:
    """Give Cohen's kappa (1960, doi:10.1177/001316446002000104), agreement expected within kinds.

    0 where each side states one label only for each kind, as agreement then says nothing.
    """
    kinds: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[pair[0]].append(pair)
    observed = sum(one == other for _, one, other in pairs) / len(pairs)
    expected = sum(_by_chance(each) * len(each) for each in kinds.values()) / len(pairs)
    # Rounding may take it a hair below its lower bound.
    return 0.0 if expected == 1 else max(-1.0, (observed - expected) / (1 - expected))


def _by_chance(pairs: Sequence[Pair]) -> float:
    ones, others = Counter(pair[1] for pair in pairs), Counter(pair[2] for pair in pairs)
    return sum(ones[label] * others[label] for label in ones) / len(pairs) ** 2
