"""Long context in one table: at each length how much was right, how far the answers agree.

`accuracy at N` is the mean score of the items whose prompt has N tokens; a task that asks several
kinds of questions gives it for each kind too, as `retrieval at N` and `reasoning at N`.

Consistency is whether the model says the same again, right or wrong, averaged over questions; an
answer that nothing was read from agrees with none. `agreement at N` looks within a length: of all
pairs of answers to the same question (at other depths, in other repeats) the share that says the
same. `agreement with M at N` looks across lengths: the share of answers that say the same as the
answer to the same question at the same depth, in the same repeat, at the shortest length M. Both
are of the reasoning questions where there are any.

`length at N` is the mean of the prompt tokens that the endpoint counted, and `length deviation` the
largest difference to what was planned, both as shares of the plan: where the deviation is above
0.01 (`TOLERANCE`), the lengths of the table are not those of the served model.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evenhand_evals.stats.intervals import mean
from evenhand_evals.types import Estimate, ScoredItem

TOLERANCE = 0.01
RETRIEVAL, REASONING = "retrieval", "reasoning"


def facts(planned: int, length: int, prompt_tokens: int | None) -> dict[str, int | None]:
    """Give what the table needs of every item, for `Score.data`."""
    return {"planned": planned, "length": length, "prompt_tokens": prompt_tokens}


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
    shortest = min(rows, default=0)
    kinds = [kind for kind in (RETRIEVAL, REASONING) if _of_kind(items, kind)]
    kinds = kinds if len(kinds) > 1 else []
    for length, members in sorted(rows.items()):
        found |= _accuracy("accuracy", length, members)
        for kind in kinds:
            found |= _accuracy(kind, length, _of_kind(members, kind))
        asked = _questions(members)
        found |= _agreement(length, asked)
        if length != shortest:
            found |= _across(shortest, length, _questions(rows[shortest]), asked)
        found |= _counted(length, members)
    return found | _deviation(items)


def _of_kind(members: Sequence[ScoredItem], kind: str) -> list[ScoredItem]:
    return [item for item in members if item.score.data.get("kind") == kind]


def _accuracy(name: str, length: int, members: Sequence[ScoredItem]) -> dict[str, Estimate]:
    values: dict[str, list[float]] = defaultdict(list)
    for item in members:
        values[item.item].append(item.score.value)
    whole = list(values.values())
    return {f"{name} at {length}": Estimate.of(mean(whole), len(whole))} if whole else {}


def _questions(members: Sequence[ScoredItem]) -> list[ScoredItem]:
    """Give the items whose answers are compared: those that reason, if any do."""
    asked = [item for item in members if "question" in item.score.data]
    return _of_kind(asked, REASONING) or asked


def _agreement(length: int, asked: Sequence[ScoredItem]) -> dict[str, Estimate]:
    answers: dict[str, list[str | None]] = defaultdict(list)
    for item in asked:
        answers[item.score.data["question"]].append(item.score.extracted)
    shares = [[share] for each in answers.values() if (share := agreement(each)) is not None]
    return {f"agreement at {length}": Estimate.of(mean(shares), len(shares))} if shares else {}


def _place(item: ScoredItem) -> tuple[str, int | None, int]:
    return item.score.data["question"], item.score.data.get("depth"), item.repeat


def _across(
    shortest: int, length: int, first: Sequence[ScoredItem], asked: Sequence[ScoredItem]
) -> dict[str, Estimate]:
    there = {_place(item): item.score.extracted for item in first}
    same: dict[str, list[float]] = defaultdict(list)
    for item in asked:
        if _place(item) in there:
            said = item.score.extracted
            equal = said is not None and said == there[_place(item)]
            same[item.score.data["question"]].append(float(equal))
    whole = list(same.values())
    name = f"agreement with {shortest} at {length}"
    return {name: Estimate.of(mean(whole), len(whole))} if whole else {}


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
