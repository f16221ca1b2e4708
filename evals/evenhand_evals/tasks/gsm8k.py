r"""GSM8K: 1,319 grade-school word problems, with three readings of the same answer.

Cobbe et al. 2021 (arXiv:2110.14168). Five worked examples, the first five of the train split,
stand before the question in one user message, in the words of lm-evaluation-harness's task
`gsm8k` (`Question: ...\nAnswer: ...`); there the five are drawn with a seed, here they are the same
for every question and every run. A response is read in three ways: `compat_strict` and
`compat_flexible` are that harness's two filters, to the byte; `robust`, the headline, is our
number reader with exact equality. `disagree_*` say how often a filter judges other than the reader.
Thinking text is removed before scoring.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.gsm8k_filters import (
    exact_match,
    flexible_extract,
    stopped,
    strict_match,
)
from evenhand_evals.scorers.numbers import read_number
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Origin, field, find, shipped
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

# The hub keeps this set as Parquet only; the authors' own repository has it as JSON lines.
ORIGIN = Origin(
    file="gsm8k/test.jsonl",
    name="openai/gsm8k",
    url="https://raw.githubusercontent.com/openai/grade-school-math/{revision}"
    "/grade_school_math/data/test.jsonl",
    revision="3101c7d5072418e28b9008a6636bde82a006892c",
    licence="MIT",
    sha256="3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
)
SHOTS_FILE = "gsm8k_shots.jsonl"
"""The first five lines of GSM8K's train split, unchanged (MIT licence, Copyright 2021 OpenAI)."""


def _problem(question: str) -> str:
    return f"Question: {question}\nAnswer:"


@cache
def _shots() -> str:
    rows = [json.loads(line) for line in shipped(SHOTS_FILE).splitlines()]
    return "".join(f"{_problem(row['question'])} {row['answer']}\n\n" for row in rows)


def _sample(number: int, where: str, row: Mapping[str, Any]) -> Sample:
    answer = field(row, "answer", str, where)
    if read_number(answer) is None or "####" not in answer:
        raise DataError(f"{where}: the field 'answer' is {answer!r}, without `#### ` and a number")
    question = field(row, "question", str, where)
    return Sample(
        id=f"gsm8k-{number:04d}",
        messages=(Message("user", _shots() + _problem(question)),),
        target=answer,
    )


def load(source: DataSource) -> Dataset:
    """Load GSM8K from a file, from EVENHAND_DATA, or from its repository as `openai/gsm8k`."""
    found = find(source, ORIGIN)
    samples = tuple(_sample(number, *line) for number, line in enumerate(found.lines(), start=1))
    return Dataset(samples, found.source, found.revision, found.sha256, ORIGIN.licence)


def _before_next_question(text: str) -> str:
    """Cut what a model goes on to invent in the manner of the shots: further problems."""
    return text.partition("\nQuestion:")[0]


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer in three ways; `unparsed` if the robust reader finds no number."""
    answer = answer_of(completion.text)
    expected = read_number(sample.target)
    reading = read_number(_before_next_question(answer.text))
    cut = stopped(answer.text)
    robust = reading is not None and expected is not None and reading.value == expected.value
    strict = exact_match(strict_match(cut), sample.target)
    flexible = exact_match(flexible_extract(cut), sample.target)
    found = f"read after: {reading.found_by}" if reading else "no number found"
    thinking = "thinking text removed; " if answer.thinking_removed else ""
    failure: Outcome = "wrong" if reading else "unparsed"
    return Score(
        outcome="correct" if robust else failure,
        value=float(robust),
        metrics={
            "robust": robust,
            "compat_strict": strict,
            "compat_flexible": flexible,
            "disagree_strict": robust != strict,
            "disagree_flexible": robust != flexible,
        },
        extracted=reading.text if reading else None,
        explanation=thinking + found,
    )


TASK = Task(
    name="gsm8k",
    title="GSM8K: grade-school maths, 5 shots",
    headline="robust",
    version="1",
    load=load,
    score=score,
    max_tokens=512,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
)
