"""Long context in one table: at each length how much was right, how far the answers agree.

`accuracy at N` is the mean score of the items whose prompt has N tokens. `agreement at N` is
consistency: of all pairs of answers to the same question at that length (at other depths, in other
repeats) the share that says the same, averaged over questions; an answer that nothing was read
from agrees with none. `length at N` is the mean of the prompt tokens that the endpoint counted, and
`length deviation` the largest difference to what was planned, both as shares of the plan: where the
deviation is above 0.01 (`TOLERANCE`), the lengths of the table are not those of the served model.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evenhand_evals.stats import paired
from evenhand_evals.stats.intervals import mean
from evenhand_evals.types import Estimate, ScoredItem

TOLERANCE = 0.01
_DRAWS = 1000


def facts(planned: int, length: int, prompt_tokens: int | None) -> dict[str, int | None]:
    """Give what the table needs of every item, for `Score.data`."""
    return {"planned": planned, "length": length, "prompt_tokens": prompt_tokens}


def bootstrap(values: Sequence[float]) -> Estimate:
    """Give the mean of values with its percentile bootstrap interval; always the same draws."""
    return Estimate.of(paired.bootstrap(values, seed=0, resamples=_DRAWS), len(values))


def agreement(answers: Sequence[str | None]) -> float | None:
    """Give the share of pairs of answers that are the same, None without a pair."""
    n = len(answers)
    if n < 2:
        return None
    same = Counter(answer for answer in answers if answer is not None)
    return sum(count * (count - 1) for count in same.values()) / (n * (n - 1))


def by_length(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give accuracy, agreement and counted length for each length, and the largest deviation."""
    rows: dict[int, list[ScoredItem]] = defaultdict(list)
    for item in items:
        rows[int(item.score.data["length"])].append(item)
    found: dict[str, Estimate] = {}
    for length, members in sorted(rows.items()):
        values: dict[str, list[float]] = defaultdict(list)
        for item in members:
            values[item.item].append(item.score.value)
        found[f"accuracy at {length}"] = Estimate.of(mean(list(values.values())), len(values))
        found |= _agreement(length, members) | _counted(length, members)
    return found | _deviation(items)


def _agreement(length: int, members: Sequence[ScoredItem]) -> dict[str, Estimate]:
    answers: dict[str, list[str | None]] = defaultdict(list)
    for item in members:
        if "question" in item.score.data:
            answers[item.score.data["question"]].append(item.score.extracted)
    shares = [share for each in answers.values() if (share := agreement(each)) is not None]
    return {f"agreement at {length}": bootstrap(shares)} if shares else {}


def _shares(items: Sequence[ScoredItem]) -> list[float]:
    """Give the counted length of each prompt as a share of the planned one, where it is known."""
    return [
        item.score.data["prompt_tokens"] / item.score.data["planned"]
        for item in items
        if item.score.data["prompt_tokens"] is not None
    ]


def _plain(value: float, n: int) -> Estimate:
    return Estimate(value, value, value, n, "none", "plain")


def _counted(length: int, members: Sequence[ScoredItem]) -> dict[str, Estimate]:
    shares = _shares(members)
    return {f"length at {length}": _plain(sum(shares) / len(shares), len(shares))} if shares else {}


def _deviation(items: Sequence[ScoredItem]) -> dict[str, Estimate]:
    shares = _shares(items)
    largest = max((abs(share - 1) for share in shares), default=0.0)
    return {"length deviation": _plain(largest, len(shares))} if shares else {}
