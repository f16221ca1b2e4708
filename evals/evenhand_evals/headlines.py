"""The headline of some samples: the mean of their items' values, or a metric of the whole set."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from evenhand_evals.aggregates import AGGREGATES
from evenhand_evals.brief import Brief
from evenhand_evals.manifest import TaskFacts
from evenhand_evals.stats.intervals import mean
from evenhand_evals.types import Estimate, Score, ScoredItem
from evenhand_evals.whole_headlines import PLAIN, whole_headline


@dataclass(frozen=True, slots=True)
class Bounds:
    """The headline if every failed sample had been as bad as can be, and as good as can be."""

    worst: float
    best: float


class Judged(Protocol):
    """A sample with its verdict: a record, or a brief of one."""

    @property
    def item(self) -> str:
        """The item's id."""

    @property
    def score(self) -> Score | None:
        """The score, None where there is none."""


class Placed(Judged, Protocol):
    """A sample with its verdict and its place in the run."""

    @property
    def repeat(self) -> int:
        """Which of the item's samples it is, from 0."""

    @property
    def group(self) -> str | None:
        """The subset of the item, None where it is in none."""


def item_values(records: Iterable[Judged]) -> dict[str, list[float]]:
    """Give the values of each item, one for each repeat that could be scored."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if record.score is not None:
            values[record.item].append(record.score.value)
    return dict(values)


def mean_of(values: Collection[Sequence[float]]) -> Estimate | None:
    """Give the mean over items from the values of each, or None if there are none."""
    return Estimate.of(mean(list(values)), len(values)) if values else None


def scored_items(records: Iterable[Placed]) -> list[ScoredItem]:
    """Give the samples that could be scored, as metrics of the whole set see them."""
    return [
        ScoredItem(record.item, record.repeat, record.group, record.score)
        for record in records
        if record.score is not None
    ]


def whole_metrics(task: TaskFacts, scored: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give the metrics that only the whole set has."""
    return AGGREGATES[task.aggregate](scored) if task.aggregate is not None and scored else {}


def headline(task: TaskFacts, scored: Sequence[ScoredItem]) -> Estimate | None:
    """Give the headline of some samples of a run, None where they have none."""
    if whole_headline(task) is None:
        return mean_of(item_values(scored).values())
    return whole_metrics(task, scored).get(task.headline)


def bounds(task: TaskFacts, records: Sequence[Brief], score: Estimate | None) -> Bounds | None:
    """Give what failed samples could have made of a score.

    None where nothing failed, and where a failed sample could do anything to the headline.
    """
    whole = whole_headline(task)
    stand_ins = whole.failed if whole else PLAIN
    if stand_ins is None or all(record.score is not None for record in records):
        return None
    filled = (
        headline(task, scored_items(replace(each, score=each.score or failed) for each in records))
        for failed in stand_ins
    )
    # The score is between them but for the rounding of sums.
    found = [each.value for each in (*filled, score) if each is not None]
    return Bounds(min(found), max(found)) if found else None
