"""Means over the levels of difficulty that a benchmark gives its items."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evenhand_evals.stats.intervals import mean
from evenhand_evals.types import Estimate, ScoredItem


def by_level(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give the mean of each level; `Score.data` of an item holds its `level`, or None."""
    levels: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in items:
        if each.score.data.get("level") is not None:
            levels[each.score.data["level"]][each.item].append(each.score.value)
    found = {}
    for level, values in sorted(levels.items()):
        found[f"level_{level}"] = Estimate.of(mean(list(values.values())), len(values))
    return found
