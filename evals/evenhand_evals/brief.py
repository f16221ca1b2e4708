"""What a result needs of a record: a thousandth of a run, so that large runs fit in memory."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from evenhand_evals.latency import Pulse, pulse
from evenhand_evals.log import Attempt, Record, each_record
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.thinking import Thinking, thinking_of
from evenhand_evals.types import Completion, Outcome, Score
from evenhand_evals.wire import parse_completion

SHOWN_CHARACTERS: Final = 60
REMEMBERED: Final = 1024
"""Different scores that are held once each; most tasks have no more than a few."""

_NOTHING: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Brief:
    """A record without what was sent and received; fields as there.

    `prompt_tokens` and `completion_tokens` are sums over the model's answers that reported them,
    `reported` how many did; the judge's are not the model's. `unparsed` is the beginning of what
    nothing could be read from: the answer, or the judge's verdict on it. `pulses` are the
    times of the model's streamed answers, `thinking` how much of the answers was thinking.
    """

    item: str
    repeat: int
    outcome: Outcome
    score: Score | None
    group: str | None
    started: float
    duration: float
    fingerprint: str | None
    cached: bool
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reported: int = 0
    unparsed: str | None = None
    pulses: tuple[Pulse, ...] = ()
    thinking: Thinking | None = None

    @property
    def key(self) -> tuple[str, int]:
        """The item and the repeat, which together name a sample of a run."""
        return self.item, self.repeat


class Lean:
    """Gives scores without what only metrics of the whole set look at, equal ones held once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Score] = {}

    def __call__(self, score: Score) -> Score:
        """Give the lean score."""
        key = (score.outcome, score.value, *score.metrics.items(), *score.counts.items())
        known = self._known.get(key)
        if known is None:
            counts = score.counts or _NOTHING
            known = Score(score.outcome, score.value, score.metrics, counts, data=_NOTHING)
            if len(self._known) < REMEMBERED:
                self._known[key] = known
        return known


def brief_of(record: Record, lean: Lean | None = None) -> Brief:
    """Give what is needed of a record; `lean`, where it is given, makes less of its score."""
    answers = tuple(_answers(record))
    usages = [each.usage for each, _ in answers if each.usage.completion_tokens is not None]
    pulses = (pulse(attempts, each.usage.completion_tokens) for each, attempts in answers)
    return Brief(
        record.item,
        record.repeat,
        sys.intern(record.outcome),  # type: ignore[arg-type]  # the same text, held once
        record.score if lean is None or record.score is None else lean(record.score),
        record.group and sys.intern(record.group),
        record.started,
        record.duration,
        record.fingerprint and sys.intern(record.fingerprint),
        record.cached,
        sum(usage.prompt_tokens or 0 for usage in usages),
        sum(usage.completion_tokens or 0 for usage in usages),
        len(usages),
        _unparsed(record) if record.outcome == "unparsed" else None,
        tuple(each for each in pulses if each is not None),
        thinking_of(each for each, _ in answers),
    )


def read_briefs(path: Path, *, whole: bool = True) -> tuple[Brief, ...]:
    """Read a log, never holding more than one of its records, and give one brief for each sample.

    `whole` keeps of the scores what metrics of the whole set look at.

    Raises:
        RunUnreadable: a whole line cannot be read.

    """
    lean = None if whole else Lean()
    briefs = (brief_of(record, lean) for record in each_record(path))
    return tuple({brief.key: brief for brief in briefs}.values())


def _answers(record: Record) -> Iterator[tuple[Completion, Sequence[Attempt]]]:
    """Give every answer of the model to a sample, and the attempts that it took."""
    steps = [step for step in record.steps if not step.judge] if record.steps else [record]
    for each in steps:
        completion = parse_completion(each.response)
        if completion is not None:
            yield completion, each.attempts


def _unparsed(record: Record) -> str | None:
    """Give what could not be read: a verdict where the judge was asked, else the answer."""
    unread = record.score.data.get("unread") if record.score else None
    if unread:
        return _beginning(Completion(unread[0]))
    verdicts = [step for step in record.steps if step.judge]
    return _beginning(parse_completion(verdicts[-1].response) if verdicts else record.completion)


def _beginning(completion: Completion | None) -> str | None:
    if completion is None:
        return None
    answer = answer_of(completion.text)
    nothing = "(nothing after the thinking)" if answer.thinking_removed else "(nothing)"
    return " ".join(answer.text.split())[:SHOWN_CHARACTERS] or nothing
