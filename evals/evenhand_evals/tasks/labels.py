"""Will it rain? Two labels, and whether a model can answer with nothing but one of them.

The case is a model fine-tuned to answer with one of two labels that answers with essays instead.
Items are weather situations in Chinese and English: forecasts, observations and proverbs whose
answer is clear. Every item asks for 会下雨 or 不会下雨 and nothing else. Thinking text is removed
before scoring.

The same answers are read three ways (`scorers/labels.py`): `exact` is the right label to the byte,
`lenient` (the headline) the right label in any dress, `mentioned` the right label anywhere.
`exact_label` is the share of answers that are one of the two labels to the byte, right or wrong.
The pooled ratios `rain_said_dry` and so on are the rows of the confusion table: of the items
whose truth is rain, how many were answered dry.
"""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.labels import is_label, mentioned_label, stated_label
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import field, find_shipped
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
)

FILE = "labels.jsonl"
RAIN, DRY = "会下雨", "不会下雨"
LABELS = (RAIN, DRY)

_NAMES: Mapping[str | None, str] = {RAIN: "rain", DRY: "dry", None: "other"}
_QUESTIONS = {
    "zh": "{situation}\n\n只回答“会下雨”或“不会下雨”，不要写任何别的内容。",
    "en": "{situation}\n\nAnswer with exactly one of these two Chinese labels and nothing else: "
    "会下雨 (it will rain) or 不会下雨 (it will not rain).",
}
_SHOWN = 60


def _choice(row: Mapping[str, Any], name: str, allowed: tuple[str, ...], where: str) -> str:
    value = str(field(row, name, str, where))
    if value not in allowed:
        raise DataError(f"{where}: the field {name!r} is {value!r}, not one of {list(allowed)}")
    return value


def _sample(where: str, row: Mapping[str, Any]) -> Sample:
    language = _choice(row, "language", tuple(_QUESTIONS), where)
    kind = _choice(row, "kind", ("forecast", "observation", "proverb"), where)
    situation = field(row, "situation", str, where)
    return Sample(
        id=field(row, "id", str, where),
        messages=(Message("user", _QUESTIONS[language].format(situation=situation)),),
        target=_choice(row, "label", LABELS, where),
        metadata={
            "group": f"{language} {kind}",
            "language": language,
            "situation": situation,
        },
    )


def load(source: DataSource) -> Dataset:
    """Load the shipped items, or a file of the user's in the same form."""
    found = find_shipped(source, FILE)
    licence = "Apache-2.0" if source.path is None else "unknown"
    samples = tuple(_sample(where, row) for where, row in found.lines())
    if len({sample.id for sample in samples}) < len(samples):
        raise DataError(f"{found.source}: an id occurs twice; every item needs its own")
    return Dataset(samples, found.source, found.revision, found.sha256, licence)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer; `unparsed` if no single label stands by itself in it.

    Of an unparsed answer the first 60 characters, with blanks run together, are the explanation.
    """
    answer = answer_of(completion.text)
    stated = stated_label(answer.text, LABELS)
    right = stated == sample.target
    truth = _NAMES[sample.target]
    failure: Outcome = "wrong" if stated else "unparsed"
    remarks = ["thinking text removed"] if answer.thinking_removed else []
    if stated is None:
        remarks.append(f"answered: {' '.join(answer.text.split())[:_SHOWN] or '(nothing)'}")
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={
            "lenient": right,
            "exact": answer.text == sample.target,
            "exact_label": is_label(answer.text, LABELS),
            "mentioned": mentioned_label(answer.text, LABELS) == sample.target,
        },
        counts={f"{truth}_said_{name}": (int(stated == said), 1) for said, name in _NAMES.items()},
        extracted=stated,
        explanation="; ".join(remarks) or None,
    )


TASK = Task(
    name="labels",
    title="Will it rain? Two labels, nothing else",
    headline="lenient",
    version="1",
    load=load,
    score=score,
    max_tokens=64,
    data="shipped with evenhand",
)
