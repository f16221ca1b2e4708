"""Perplexity from summed log-likelihoods, normalised by token, by word and by byte.

`exp(-sum of logarithms / sum of units)`, the sums over all texts (lm-evaluation-harness,
api/metrics.py: `weighted_perplexity`, and `bits_per_byte` with a division by ln 2). Tokens are the
engine's, so a perplexity by token compares only models with the same tokenizer; those by word and
by byte compare any. The common mistake, the mean over texts of each text's own exp(loss), is given
as `mean_of_text_perplexities`: a short, surprising text weighs as much in it as a long one.
Intervals are bootstrapped by text; with one text there is none.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evenhand_evals.stats.intervals import percentiles
from evenhand_evals.types import Estimate, ScoredItem

DRAWS = 1000
_LARGEST = 700.0
"""Of what exp() can still be taken."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of natural logarithms of a text's tokens, and how many units the text has.

    `unscored` tokens have no logarithm and are not among `tokens`; their words and bytes count.
    """

    logprob: float
    tokens: int
    words: int
    bytes: int
    unscored: int = 0


Row = tuple[float, float, float, float, float, float]
"""Of a text: logprob, tokens, words, bytes, its own perplexity, and a one to count it by."""


def exp(exponent: float) -> float:
    """Give e to that power, infinity where it is too large for a float."""
    return math.exp(exponent) if exponent < _LARGEST else math.inf


METRICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "token_perplexity": lambda sums: exp(-sums[0] / sums[1]),
    "word_perplexity": lambda sums: exp(-sums[0] / sums[2]),
    "byte_perplexity": lambda sums: exp(-sums[0] / sums[3]),
    "bits_per_byte": lambda sums: -sums[0] / sums[3] / math.log(2),
    "mean_of_text_perplexities": lambda sums: sums[4] / sums[5],
}


PER_UNIT = ("word_perplexity", "byte_perplexity", "bits_per_byte")
"""Those whose units hold what could not be scored."""


def _row(totals: Totals) -> Row:
    own = exp(-totals.logprob / totals.tokens)
    return (totals.logprob, totals.tokens, totals.words, totals.bytes, own, 1.0)


def _summed(rows: Sequence[Row]) -> list[float]:
    return [math.fsum(column) for column in zip(*rows, strict=True)]


def perplexities(texts: Sequence[Sequence[Totals]]) -> dict[str, Estimate]:
    """Give the five metrics of some texts, each with its repeats.

    Raises:
        ValueError: there is no text.

    """
    if not texts:
        raise ValueError("a perplexity needs at least one text")
    rows = [tuple(_summed([_row(each) for each in repeats])) for repeats in texts]
    n, draw = len(rows), random.Random(0)  # noqa: S311 - resampling, not secrecy
    whole = _summed(rows)  # type: ignore[arg-type]
    drawn = [_summed(draw.choices(rows, k=n)) for _ in range(DRAWS if n > 1 else 0)]  # type: ignore[arg-type]
    found = {}
    for name, metric in METRICS.items():
        value = metric(whole)
        interval = percentiles(value, list(map(metric, drawn)))
        found[name] = replace(Estimate.of(interval, n), unit="plain", detail=_detail(name, texts))
    return found


def _detail(name: str, texts: Sequence[Sequence[Totals]]) -> str:
    every = [each for repeats in texts for each in repeats]
    unscored = sum(each.unscored for each in every)
    if not unscored or name not in PER_UNIT:
        return ""
    tokens = unscored + sum(each.tokens for each in every)
    return (
        f"{unscored:,} of {tokens:,} tokens begin a text, so that the engine tells no logarithm; "
        "their words and bytes count, which makes the figure that much too low"
    )


def of_items(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give the metrics of a run; `Score.data` of an item holds the fields of `Totals`."""
    texts: dict[str, list[Totals]] = defaultdict(list)
    for each in items:
        texts[each.item].append(Totals(**each.score.data))
    return perplexities(list(texts.values()))
