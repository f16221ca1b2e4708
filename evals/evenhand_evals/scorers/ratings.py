"""A judge's marks of 1 to 10: asked for, read from what it says, averaged, held against each other.

What every judged benchmark here has in common:

- The judge sees an answer without its thinking text; of a refused answer it sees nothing.
- A verdict is read after its own thinking text is taken away. A mark outside 1..10 is none.
- Marks are shares of ten: 7.5 of 10 is 0.75, shown as 75 points. A verdict without a mark counts
  as nothing in the headline and makes its item `unparsed`; `unparsed_verdicts` is the share of
  those. `rating_of_read` averages over the marks that were read and leaves the others out, as
  FastChat does; the two are equal where every verdict was read.
- An item is `correct` with full marks from every verdict, otherwise `wrong`: marks are graded, and
  the outcome says no more than that.
- `judge_repeats` asks the judge about the same answer several times; the mark is the mean of those
  that were read. Of all pairs of marks for the same answer, `judge_agreement` is the share that are
  equal, and `judge_agreement_within_1` that differ by one at most. Each further time carries a seed
  of its own, so that an engine which samples may say another thing; a seed set with --judge-set
  takes its place, and then every time is the same request.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from evenhand_evals.judge import REFUSING
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.stats.intervals import ratio
from evenhand_evals.types import (
    Chat,
    Completion,
    Estimate,
    Message,
    Outcome,
    Reply,
    Sample,
    Score,
    ScoredItem,
)

FULL = 10
UNREAD: Final = 200
"""How many characters of a verdict that could not be read are kept for the reader."""
REPEATS = {"judge_repeats": "how often the judge is asked about each answer (1)"}

Read = Callable[[str], float | None]
"""Reads a mark out of a verdict without thinking text, None if there is none."""

_DOUBLE = re.compile(r"\[\[(\d+\.?\d*)\]\]")
_SINGLE = re.compile(r"\[(\d+\.?\d*)\]")
_ANY_DOUBLE = re.compile(r"\[\[([^\]]+)\]\]")
_NUMBER = re.compile(r"\d+\.\d+|\d+")


def on_scale(text: str) -> float | None:
    """Give a number as a mark, None if it is not on the scale of 1 to 10."""
    mark = float(text)
    return mark if 1 <= mark <= FULL else None


def first_mark(verdict: str) -> float | None:
    """Read the first `[[n]]`, or else the first `[n]`, as FastChat's llm_judge/common.py does."""
    found = _DOUBLE.search(verdict) or _SINGLE.search(verdict)
    return on_scale(found[1]) if found else None


def last_mark(verdict: str) -> float | None:
    """Read the first number of the last `[[...]]`, as LongAlign's LongBench_Chat/eval.py does."""
    marks = _ANY_DOUBLE.findall(verdict)
    number = _NUMBER.search(marks[-1]) if marks else None
    return on_scale(number[0]) if number else None


def spoken(sample: Sample, replies: Sequence[Reply]) -> list[Completion]:
    """Give replies as the chat answers that they must be."""
    for reply in replies:
        if not isinstance(reply, Completion):
            raise TypeError(f"{sample.id}: only chats were asked")
    return [reply for reply in replies if isinstance(reply, Completion)]


def is_refused(answer: Completion) -> bool:
    """Whether the endpoint says that this is a refusal, by its own field or a content filter."""
    return bool(answer.refusal) or answer.finish_reason in REFUSING


def shown(answer: Completion) -> str:
    """Give what the judge sees of an answer."""
    return "" if is_refused(answer) else answer_of(answer.text).text.strip()


def asked_again(messages: Sequence[Message], number: int) -> Chat:
    """Ask the judge for the `number`th time, from 0, about the same answer."""
    return Chat(tuple(messages), {"seed": number} if number else {}, judge=True)


@dataclass(frozen=True, slots=True)
class Panel:
    """The marks that one answer got, one for each time; None where none could be read.

    `unread` are the verdicts without a mark.
    """

    marks: tuple[float | None, ...]
    unread: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[float, ...]:
        """The marks that could be read."""
        return tuple(mark for mark in self.marks if mark is not None)

    @property
    def mark(self) -> float | None:
        """Their mean."""
        return math.fsum(self.read) / len(self.read) if self.read else None

    def agreeing(self, tolerance: float) -> tuple[int, int]:
        """Give how many pairs of marks differ by no more than that, and how many pairs there are.

        Verdicts without a mark are in no pair: they are counted apart.
        """
        pairs = list(combinations(self.read, 2))
        return sum(abs(a - b) <= tolerance for a, b in pairs), len(pairs)


def panel(verdicts: Sequence[Completion], read: Read) -> Panel:
    """Read the marks of all verdicts about one answer."""
    texts = [answer_of(verdict.text).text for verdict in verdicts]
    marks = tuple(map(read, texts))
    return Panel(marks, unread_of(texts, marks))


def unread_of(texts: Sequence[str], marks: Sequence[object]) -> tuple[str, ...]:
    """Give the beginnings of the verdicts that came to nothing."""
    return tuple(text[:UNREAD] for text, mark in zip(texts, marks, strict=True) if mark is None)


def rated(answers: Sequence[Completion], panels: Mapping[str, Panel]) -> Score:
    """Score an item by the marks that its answers got, each panel weighing the same.

    Where there are several panels each is a metric by its name.
    """
    marks = {name: each.mark for name, each in panels.items()}
    shares = {name: (mark or 0.0) / FULL for name, mark in marks.items()}
    value = math.fsum(shares.values()) / len(shares)
    return Score(
        outcome=outcome_of(answers, None in marks.values(), value),
        value=value,
        metrics={"rating": value, **(shares if len(shares) > 1 else {})},
        counts=_counts(list(panels.values())),
        extracted=", ".join(f"{mark:g}" if mark else "none" for mark in marks.values()),
        explanation="; ".join(f"{name}: {_listed(each)}" for name, each in panels.items()),
        data={
            "marks": {name: list(each.marks) for name, each in panels.items()},
            "unread": [text for each in panels.values() for text in each.unread],
        },
    )


def outcome_of(answers: Sequence[Completion], unread: bool, value: float) -> Outcome:
    """Give the outcome of answers that a judge gave a value, or could not be `unread` of."""
    if any(map(is_refused, answers)):
        return "refused"
    if unread:
        return "unparsed"
    if value == 1.0:
        return "correct"
    return "truncated" if any(each.finish_reason == "length" for each in answers) else "wrong"


def _counts(panels: Sequence[Panel]) -> dict[str, tuple[int, int]]:
    total = sum(len(each.marks) for each in panels)
    read = sum(len(each.read) for each in panels)
    counts = {"unparsed_verdicts": (total - read, total)}
    for name, tolerance in (("judge_agreement", 0), ("judge_agreement_within_1", 1)):
        found = [each.agreeing(tolerance) for each in panels]
        if any(pairs for _, pairs in found):
            counts[name] = (sum(same for same, _ in found), sum(pairs for _, pairs in found))
    return counts


def _listed(found: Panel) -> str:
    return ", ".join("no mark" if mark is None else f"{mark:g}" for mark in found.marks)


def of_read(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Average over the marks that were read, all of them and those of each panel.

    With `judge_repeats` a panel's mark is the mean of its marks. Intervals are by item.
    """
    marks: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in items:
        panels = each.score.data["marks"]
        for name, given in panels.items():
            mark = Panel(tuple(given)).mark
            for whole in ("rating", name) if len(panels) > 1 else ("rating",):
                if mark is not None:
                    marks[f"{whole}_of_read"][each.item].append(mark / FULL)
    return {name: _pooled(of_items) for name, of_items in marks.items()}


def _pooled(items: Mapping[str, Sequence[float]]) -> Estimate:
    found = ratio([math.fsum(each) for each in items.values()], [len(e) for e in items.values()])
    return Estimate.of(found, len(items))
