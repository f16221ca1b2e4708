"""Marks by dimension, as AlignBench's judge gives them, and the averages that it publishes.

Sources: THUDM/AlignBench judge.py and show_result.py at e5050549. A verdict ends in a dictionary
of whole marks, `{'事实正确性': 9, ..., '综合得分': 7}`; the last one counts, and where it has no
`综合得分` the first `'综合得分': n` anywhere.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from evenhand_evals.scorers.ratings import FULL, of_read, on_scale
from evenhand_evals.stats.intervals import wilson
from evenhand_evals.types import Estimate, ScoredItem

OVERALL: Final = "综合得分"
HALVES: Final[Mapping[str, tuple[str, ...]]] = {
    "reasoning": ("数学计算", "逻辑推理"),
    "language": ("基本任务", "中文理解", "综合问答", "文本写作", "角色扮演", "专业能力"),
}
"""The categories of 中文推理 and of 中文语言."""

_LAST_BRACES = re.compile(r"{(.*?)}(?![^{]*{)")
_ENTRY = re.compile(r"'(.*?)': (\d+)")
_ANYWHERE = re.compile(r"'综合得分': (\d+(?:\.\d{1,2})?)")


def dimensions(verdict: str) -> dict[str, float]:
    """Read the marks on the scale of 1 to 10 from the last dictionary of a verdict, by name."""
    found = _LAST_BRACES.search(verdict)
    entries = _ENTRY.findall(found[1]) if found else []
    marks = {name: on_scale(number) for name, number in entries}
    return {name: mark for name, mark in marks.items() if mark is not None}


def overall_mark(verdict: str) -> float | None:
    """Read the overall mark; None if there is none, or none of 1 to 10."""
    found = _LAST_BRACES.search(verdict)
    entries = dict(_ENTRY.findall(found[1])) if found else {}
    if OVERALL in entries:
        return on_scale(entries[OVERALL])
    anywhere = _ANYWHERE.search(verdict)
    return on_scale(anywhere[1]) if anywhere else None


def weights(categories: Iterable[str], half: str | None = None) -> dict[str, float]:
    """Give what each category weighs in a half, or in the published total without one.

    Categories weigh the same within their half, and both halves weigh the same. A half without a
    category is left out, and so is a category that no half has.
    """
    given = set(categories)
    halves = [given.intersection(names) for name, names in HALVES.items() if half in (None, name)]
    held = [names for names in halves if names]
    return {name: 1 / len(held) / len(names) for names in held for name in names}


def averages(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give `overall`, `reasoning` and `language`, and `rating_of_read` of `ratings`.

    An item without a mark counts as nothing. The intervals are Wilson's at the effective size of
    the weighted sample, as those of `stats.averages.macro`.
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in items:
        values[each.group or ""][each.item].append(each.score.value)
    cells = {
        name: [math.fsum(of_item) / len(of_item) for of_item in of_items.values()]
        for name, of_items in values.items()
    }
    found = {**of_read(items)}
    for name, half in (("overall", None), *((half, half) for half in HALVES)):
        weighed = weights(cells, half)
        if weighed:
            found[name] = _weighted(cells, weighed)
    return found


def _weighted(cells: Mapping[str, Sequence[float]], weighed: Mapping[str, float]) -> Estimate:
    own = [(cells[name], weight) for name, weight in weighed.items()]
    value = min(1.0, math.fsum(weight * math.fsum(each) / len(each) for each, weight in own))
    effective = 1.0 / math.fsum(weight**2 / len(each) for each, weight in own)
    bounds = wilson(value * effective, effective)
    count = sum(len(each) for each, _ in own)
    return Estimate(value, bounds.low, bounds.high, count, "wilson")


def shares(marks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give the mean of each dimension over several verdicts, as a share of ten."""
    given: dict[str, list[float]] = defaultdict(list)
    for verdict in marks:
        for name, mark in verdict.items():
            given[name].append(mark / FULL)
    return {name: math.fsum(each) / len(each) for name, each in given.items()}
