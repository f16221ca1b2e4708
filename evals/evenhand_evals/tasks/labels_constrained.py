"""Will it rain, with the answer held to its two labels by the engine.

The items and the questions of `labels`, asked with constrained decoding: `labels_choice` names the
answers, `labels_regex` a pattern, `labels_grammar` a grammar (in the form that llama.cpp's GBNF and
SGLang's EBNF share), `labels_json_schema` a schema, so that its answer is a JSON text. The fields
have their canonical names; the proxy, or the resolver that speaks to an engine directly, writes
the engine's own. Not every engine has all four (llama.cpp: grammar and schema; SGLang: all but
choice; vLLM: all four). `obeyed` is the share of answers that are a label and nothing else: below
1 the constraint did not act, and the run's warnings say which parameter was dropped.

`labels_format_cost` asks every item twice, free and then constrained, and its headline is
`format_cost`, constrained accuracy minus free accuracy: negative where the constraint costs. The
free answer is read leniently. `--task-set constraint=choice|regex|grammar|json_schema` names the
constraint, the schema by default; compare two runs of it to compare two constraints. Where the
engine is known not to have the constraint, nothing is asked: there would be no cost to report.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from evenhand_evals.scorers.labels import is_label, stated_label
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks import labels
from evenhand_evals.tasks.labels import DRY, LABELS, RAIN
from evenhand_evals.tasks.options import choice
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Constraint,
    Dataset,
    DataSource,
    Outcome,
    Reply,
    Sample,
    Score,
    Task,
)

SCHEMA: Final = {"type": "string", "enum": list(LABELS)}
FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "choice": {"choice": list(LABELS)},
    "regex": {"regex": f"{RAIN}|{DRY}"},
    "grammar": {"grammar": f'root ::= "{RAIN}" | "{DRY}"'},
    "json_schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "label", "schema": SCHEMA, "strict": True},
        }
    },
}
"""What each constraint puts into the body."""

DEFAULT = "json_schema"
_OPTION: Final = "constraint"


def _load(constraint: str, source: DataSource) -> Dataset:
    found = labels.load(source)
    samples = (
        replace(sample, ask=Chat(sample.messages, FIELDS[constraint])) for sample in found.samples
    )
    return replace(found, samples=tuple(samples))


def bare(text: str) -> str:
    """Give the text of an answer, out of its JSON quotes if it is a JSON text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as `labels` does; `obeyed` says whether it is a label and nothing else."""
    answer = bare(answer_of(completion.text).text.strip())
    scored = labels.score(sample, replace(completion, text=answer))
    return replace(scored, metrics={**scored.metrics, "obeyed": is_label(answer, LABELS)})


def _load_twice(source: DataSource) -> Dataset:
    constraint = choice(source, _OPTION, tuple(FIELDS), DEFAULT)
    found = labels.load(source)
    samples = (
        replace(each, metadata={**each.metadata, _OPTION: constraint}) for each in found.samples
    )
    return replace(found, samples=tuple(samples), options={_OPTION: constraint})


def _then_constrained(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    if len(replies) > 1:
        return None
    return Chat(sample.messages, FIELDS[sample.metadata[_OPTION]])


def _score_both(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Score both answers; what the item is worth is the constrained one."""
    free, held = replies
    if not isinstance(free, Completion) or not isinstance(held, Completion):
        raise TypeError(f"{sample.id}: two answers were asked for")
    free_right = stated_label(answer_of(free.text).text, LABELS) == sample.target
    scored = score(sample, held)
    right = scored.value == 1.0
    outcome: Outcome = scored.outcome
    if held.finish_reason == "length" and not right:
        outcome = "truncated"
    return replace(
        scored,
        outcome=outcome,
        metrics={
            "constrained": right,
            "free": free_right,
            "obeyed": scored.metrics["obeyed"],
            "free_exact_label": is_label(answer_of(free.text).text, LABELS),
        },
        counts={},
        data={"difference": float(right) - float(free_right)},
    )


def _task(constraint: str) -> Task:
    return replace(
        labels.TASK,
        name=f"labels_{constraint}",
        title=f"Will it rain? Held to two labels by {constraint}",
        load=partial(_load, constraint),
        score=score,
    )


FORMAT_COST = Task(
    name="labels_format_cost",
    title="Will it rain? What a constraint costs or gains",
    headline="format_cost",
    version="1",
    load=_load_twice,
    max_tokens=labels.TASK.max_tokens,
    data=labels.TASK.data,
    follow=_then_constrained,
    score_all=_score_both,
    aggregate="format_cost",
    options={_OPTION: f"one of {', '.join(FIELDS)}; {DEFAULT} if it is left out"},
    constraint=Constraint(_OPTION, FIELDS),
)

TASKS: dict[str, Task] = {
    **{f"labels_{constraint}": _task(constraint) for constraint in FIELDS},
    "labels_format_cost": FORMAT_COST,
}
