"""Headlines that are not the mean of their items' values: how two runs compare by them, and bounds.

Most headlines are the mean over items of `Score.value`, and have no entry here. Of any other,
`WHOLES` says what the value of an item is then, which of two runs is better, how their difference
is tested, and what a failed item could have been at worst and at best.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from evenhand_evals.manifest import TaskFacts
from evenhand_evals.scorers import ratings_dimensions, translation
from evenhand_evals.stats import perplexity
from evenhand_evals.stats.paired import differences_of
from evenhand_evals.stats.whole import Compared, Counted, Sums, of_sums, of_weighted
from evenhand_evals.types import Score, ScoredItem, Task

Answers = Mapping[str, Sequence[ScoredItem]]
"""The scored answers to each item, one for each repeat."""

Compare = Callable[[Answers, Answers, int], Compared]
"""Compares the answers of two runs to the same items, with a seed."""

Weigh = Callable[[Mapping[str, str]], Mapping[str, float]]
"""Gives the weight of each item from its group; the weights sum to one."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A headline that only the whole set has.

    `item_value` names the value of an item, which the headline is not the mean of. `of_values`
    says that it is a weighted mean of these all the same. `failed` are the scores that a failed
    item could have had at worst and at best, None where nothing bounds them.
    """

    item_value: str
    compare: Compare
    lower_is_better: bool = False
    of_values: bool = False
    failed: tuple[Score, Score] | None = None


def whole_headline(task: Task | TaskFacts) -> Whole | None:
    """Give what is special about a task's headline; None where it is the mean of its items'."""
    return WHOLES.get((task.aggregate or "", task.headline))


def means(answers: Answers, worth: Callable[[Score], float]) -> list[float]:
    """Give what each item is worth, as the mean over its repeats."""
    return [
        math.fsum(worth(each.score) for each in given) / len(given) for given in answers.values()
    ]


def _weighted(
    weigh: Weigh, worth: Callable[[Score], float], reach: float, a: Answers, b: Answers, seed: int
) -> Compared:
    weights = weigh({item: given[0].group or "" for item, given in a.items()})
    differences = differences_of(means(a, worth), means(b, worth))
    return of_weighted(differences, [weights[item] for item in a], seed=seed, reach=reach)


def _alike(groups: Mapping[str, str]) -> Mapping[str, float]:
    return dict.fromkeys(groups, 1 / len(groups))


def _by_subject(groups: Mapping[str, str]) -> Mapping[str, float]:
    sizes = Counter(groups.values())
    return {item: 1 / len(sizes) / sizes[group] for item, group in groups.items()}


def _by_category(groups: Mapping[str, str]) -> Mapping[str, float]:
    sizes = Counter(groups.values())
    weights = ratings_dimensions.weights(sizes)
    return {item: weights.get(group, 0.0) / sizes[group] for item, group in groups.items()}


def value(score: Score) -> float:
    """Give the value of an item, which most headlines are the mean of."""
    return score.value


def _difference(score: Score) -> float:
    return float(score.data["difference"])


def _summed(
    row: Callable[[Score], Sums],
    score: Callable[[Sums], float],
    grouped: bool,
    a: Answers,
    b: Answers,
    seed: int,
) -> Compared:
    groups: dict[str, list[Counted]] = defaultdict(list)
    for item, of_a in a.items():
        of_b = b[item]
        sums = [
            [math.fsum(column) for column in zip(*(row(each.score) for each in of), strict=True)]
            for of in (of_a, of_b)
        ]
        group = (of_a[0].group or "") if grouped else ""
        groups[group].append(Counted(sums[0], sums[1], (len(of_a), len(of_b))))
    return of_sums([items for _, items in sorted(groups.items())], score, seed=seed)


def _totals(score: Score) -> Sums:
    return [float(score.data[name]) for name in ("logprob", "tokens", "words", "bytes")]


def _bleu_counts(score: Score) -> Sums:
    counts: Sums = score.data["counts"]["bleu"]
    return counts


_WRONG, _RIGHT = Score("wrong", 0.0), Score("correct", 1.0)

PLAIN: Final = (_WRONG, _RIGHT)
"""What a failed item could have been where the headline is the mean of the items' values."""

_MACRO: Final = Whole(
    "micro", partial(_weighted, _by_subject, value, 1.0), of_values=True, failed=PLAIN
)
_NO_MARKS: Final[Mapping[str, object]] = MappingProxyType({"marks": {}})


def _perplexity(name: str) -> Whole:
    score = perplexity.METRICS[name]
    return Whole("likelihood_of_a_byte", partial(_summed, _totals, score, False), True)


def _bleu(*, grouped: bool) -> Whole:
    score = partial(translation.share, "bleu")
    return Whole("sentence_chrf2", partial(_summed, _bleu_counts, score, grouped))


WHOLES: Final[Mapping[tuple[str, str], Whole]] = MappingProxyType(
    {
        **{
            (aggregate, "macro"): _MACRO
            for aggregate in ("mmlu", "mmlu_of_harnesses", "ceval", "cmmlu", "subjects")
        },
        ("ratings_by_dimension", "overall"): Whole(
            "rating",
            partial(_weighted, _by_category, value, 1.0),
            of_values=True,
            failed=(Score("wrong", 0.0, data=_NO_MARKS), Score("correct", 1.0, data=_NO_MARKS)),
        ),
        ("format_cost", "format_cost"): Whole(
            "constrained",
            partial(_weighted, _alike, _difference, 2.0),
            failed=(
                Score("wrong", 0.0, data={"difference": -1.0}),
                Score("correct", 1.0, data={"difference": 1.0}),
            ),
        ),
        **{
            ("perplexity", name): _perplexity(name)
            for name in ("token_perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")
        },
        ("translation", "bleu"): _bleu(grouped=False),
        ("translation_by_pair", "bleu_macro_mean"): _bleu(grouped=True),
    }
)
"""By the name of `Task.aggregate` and the headline."""
