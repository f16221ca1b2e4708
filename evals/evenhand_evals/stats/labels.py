"""Metrics of the whole set for the tasks of two labels: what a constraint costs, and steadiness."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from evenhand_evals.stats.intervals import wilson
from evenhand_evals.stats.paired import bootstrap
from evenhand_evals.types import Estimate, ScoredItem

SEED: Final = 0
WAYS: Final = 6
"""In how many ways `labels_sweep` asks each item."""


def format_cost(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give constrained minus free accuracy, -1..1, over items, with a bootstrap interval."""
    by_item: dict[str, list[float]] = defaultdict(list)
    for each in items:
        by_item[each.item].append(float(each.score.data["difference"]))
    means = [math.fsum(values) / len(values) for _, values in sorted(by_item.items())]
    found = bootstrap(means, seed=SEED)
    return {"format_cost": Estimate.of(found, len(means))}


def sweep(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give `steady` and `spread` over the items that were asked in every way.

    The ways of one repeat are compared with each other. Nothing comes where no item is whole.
    """
    asked: dict[tuple[str, int], dict[str, ScoredItem]] = defaultdict(dict)
    for each in items:
        asked[each.score.data["item"], each.repeat][each.score.data["way"]] = each
    whole = [ways for _, ways in sorted(asked.items()) if len(ways) == WAYS]
    if not whole:
        return {}
    same = sum(len({each.score.data["answer"] for each in ways.values()}) == 1 for ways in whole)
    steady = wilson(same, len(whole))
    return {
        "steady": Estimate.of(steady, len(whole)),
        "spread": _spread(whole),
    }


def _spread(whole: Sequence[Mapping[str, ScoredItem]]) -> Estimate:
    accuracies = [
        math.fsum(ways[way].score.value for ways in whole) / len(whole) for way in whole[0]
    ]
    value = max(accuracies) - min(accuracies)
    return Estimate(value, value, value, len(whole), "none")
