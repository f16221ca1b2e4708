"""The samples of two runs, paired by item, and how far the headlines of the two differ on them.

An item counts where both runs scored it at least once, with the mean over its repeats. The headline
of each run is computed from these items as a result's is from all of them, and the test is of its
difference.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evenhand_evals.errors import NotComparable
from evenhand_evals.headlines import headline, scored_items
from evenhand_evals.manifest import TaskFacts
from evenhand_evals.results import RunData
from evenhand_evals.stats.paired import (
    Discordance,
    bootstrap,
    detectable,
    differences_of,
    mcnemar,
    newcombe,
    permutation,
)
from evenhand_evals.stats.whole import Compared
from evenhand_evals.types import Estimate, ScoredItem
from evenhand_evals.whole_headlines import Answers, means, value, whole_headline


@dataclass(frozen=True, slots=True)
class Pairs:
    """The answers to the items that both runs scored, in one order, and the number of others."""

    task: TaskFacts
    a: Answers
    b: Answers
    headlines: tuple[Estimate, Estimate]
    left_out: int

    @property
    def items(self) -> int:
        """How many items are paired."""
        return len(self.a)

    @property
    def plain(self) -> bool:
        """Whether every item is simply right or wrong, once, in each run."""
        lists = (*self.a.values(), *self.b.values())
        return all(len(each) == 1 and each[0].score.value in (0, 1) for each in lists)

    @property
    def means(self) -> tuple[list[float], list[float]]:
        """The mean of each item over its repeats, in run A and in run B."""
        return means(self.a, value), means(self.b, value)


@dataclass(frozen=True, slots=True)
class Found:
    """What a pair comes to; `table` is there where every item is plainly right or wrong."""

    compared: Compared
    table: Discordance | None
    lower_is_better: bool = False


def pair(a: RunData, b: RunData) -> Pairs:
    """Pair the items that both runs scored; their headlines are one and the same.

    Raises:
        NotComparable: there are none, or they have no headline that is a number.

    """
    scored_a, scored_b = scored_items(a.records), scored_items(b.records)
    of_a, of_b = _by_item(scored_a), _by_item(scored_b)
    shared = sorted(of_a.keys() & of_b.keys())
    if not shared:
        raise NotComparable(
            f"{a.path} and {b.path} share no item that both scored; compare runs of the same items"
        )
    asked = {record.item for record in (*a.records, *b.records)}
    answers_a, answers_b = ({item: of[item] for item in shared} for of in (of_a, of_b))
    task = a.manifest.task
    scores = (
        _score(task, a, [each for each in scored_a if each.item in answers_a]),
        _score(task, b, [each for each in scored_b if each.item in answers_b]),
    )
    return Pairs(task, answers_a, answers_b, scores, len(asked) - len(shared))


def _score(task: TaskFacts, run: RunData, scored: Sequence[ScoredItem]) -> Estimate:
    # In the order of the log: what is drawn is then as in the result of the whole run.
    found = headline(task, scored)
    if found is None or not math.isfinite(found.value):
        raise NotComparable(
            f"{run.path}: the items that both runs scored have no {task.headline}; "
            "compare runs of more items"
        )
    return found


def compare_pairs(pairs: Pairs, seed: int) -> Found:
    """Compare the headlines of two runs on the same items."""
    whole = whole_headline(pairs.task)
    if whole is not None:
        table = _tabulate(*pairs.means) if whole.of_values and pairs.plain else None
        return Found(whole.compare(pairs.a, pairs.b, seed), table, whole.lower_is_better)
    means_a, means_b = pairs.means
    differences = differences_of(means_a, means_b)
    discordant, smallest = sum(each != 0 for each in differences), detectable(differences)
    if pairs.plain:
        table = _tabulate(means_a, means_b)
        test = mcnemar(table.only_a, table.only_b)
        return Found(Compared(newcombe(table), test, discordant, smallest), table)
    interval, test = bootstrap(differences, seed=seed), permutation(differences, seed=seed)
    return Found(Compared(interval, test, discordant, smallest), None)


def _by_item(scored: Iterable[ScoredItem]) -> Answers:
    found: dict[str, list[ScoredItem]] = defaultdict(list)
    for each in scored:
        found[each.item].append(each)
    return found


def _tabulate(a: Sequence[float], b: Sequence[float]) -> Discordance:
    pairs = list(zip(a, b, strict=True))
    return Discordance(
        both=sum(one == 1 and two == 1 for one, two in pairs),
        only_a=sum(one > two for one, two in pairs),
        only_b=sum(two > one for one, two in pairs),
        neither=sum(one == 0 and two == 0 for one, two in pairs),
    )
