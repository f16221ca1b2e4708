"""Averages over the subjects of a benchmark: by item (micro) and by subject (macro).

Which of the two a published figure is, is seldom said, and on MMLU they differ by up to a point:
its largest subject has fifteen times the items of its smallest. Both are always given, for the
whole and for each of the categories that a benchmark publishes.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from evenhand_evals.stats.intervals import mean, wilson
from evenhand_evals.types import Aggregate, Estimate, ScoredItem

Means = Mapping[str, Sequence[Sequence[float]]]
"""Of each subject, the values of each item, one for each repeat."""


def micro(subjects: Means) -> Estimate:
    """Give the mean over items, every item weighing the same; see `intervals.mean`.

    Raises:
        ValueError: there is no item.

    """
    items = [values for each in subjects.values() for values in each]
    return Estimate.of(mean(items), len(items))


def macro(subjects: Means) -> Estimate:
    """Give the mean over subjects, every subject weighing the same, of shares in 0..1.

    The interval is Wilson's at the effective size of a weighted sample, 1 / sum(w^2 / n) with the
    weights w and the sizes n of the subjects (Kish 1965, Survey Sampling, section 11.7). It counts
    the spread between subjects as chance, so it is rather too wide than too narrow, and it holds
    where subjects have one item each.

    Raises:
        ValueError: there is no subject, or one without items.

    """
    if not subjects or not all(subjects.values()):
        raise ValueError("a mean over subjects needs at least one, and each needs an item")
    means = [
        math.fsum(math.fsum(values) / len(values) for values in items) / len(items)
        for items in subjects.values()
    ]
    weight = 1.0 / len(means)
    effective = 1.0 / math.fsum(weight**2 / len(items) for items in subjects.values())
    value = min(1.0, math.fsum(means) * weight)
    bounds = wilson(value * effective, effective)
    count = sum(len(items) for items in subjects.values())
    return Estimate(value, bounds.low, bounds.high, count, "wilson")


def averages(categories: Mapping[str, Sequence[str]]) -> Aggregate:
    """Make the aggregate that gives `micro` and `macro`, and `micro_x` and `macro_x` of category x.

    `categories` holds the subjects of each category; the subject of an item is its group.
    A category without a scored item is left out.
    """

    def aggregate(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
        subjects = _by_subject(items)
        found = {"micro": micro(subjects), "macro": macro(subjects)}
        for category, members in categories.items():
            part = {name: subjects[name] for name in members if name in subjects}
            if part:
                found[f"micro_{category}"] = micro(part)
                found[f"macro_{category}"] = macro(part)
        return found

    return aggregate


def _by_subject(items: Sequence[ScoredItem]) -> dict[str, list[list[float]]]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in items:
        values[each.group or ""][each.item].append(each.score.value)
    return {name: list(of_items.values()) for name, of_items in values.items()}
