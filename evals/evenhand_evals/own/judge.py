"""A user's own task whose answers another model marks."""

import re
from collections.abc import Sequence
from typing import Final

from evenhand_evals.own.prompt import Row, template
from evenhand_evals.own.task_file import RESPONSE, OwnTask
from evenhand_evals.scorers.ratings import outcome_of, shown, spoken, unread_of
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.types import Ask, Chat, Message, Reply, Sample, Score

_MARK: Final = re.compile(r"\[\[\s*(-?\d+(?:\.\d+)?)\s*\]\]")


def follow(own: OwnTask, sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Show the answer to the judge, by the metric's prompt."""
    if len(replies) > 1:
        return None
    (answer,) = spoken(sample, replies)
    row = Row(str(sample.metadata["row"]), {**sample.target, RESPONSE: shown(answer)})
    return Chat((Message("user", template(own.metric.prompt or "").fill(row)),), judge=True)


def mark_of(verdict: str, scale: Sequence[float]) -> float | None:
    """Read the last `[[n]]` of a verdict, None where there is none or it is off the scale."""
    marks = _MARK.findall(verdict)
    mark = float(marks[-1]) if marks else None
    return mark if mark is not None and scale[0] <= mark <= scale[1] else None


def score_all(own: OwnTask, sample: Sample, replies: Sequence[Reply]) -> Score:
    """Give the mark as a share of the scale; a verdict without one is worth nothing."""
    answer, verdict = spoken(sample, replies)
    low, high = own.metric.scale
    text = answer_of(verdict.text).text
    mark = mark_of(text, own.metric.scale)
    value = 0.0 if mark is None else (mark - low) / (high - low)
    enough = 1.0 if value >= own.metric.threshold else 0.0
    return Score(
        outcome_of([answer], mark is None, enough),
        value,
        {"judge": value},
        {"unparsed_verdicts": (int(mark is None), 1)},
        extracted=None if mark is None else f"{mark:g}",
        data={"unread": list(unread_of([text], [mark]))},
    )
