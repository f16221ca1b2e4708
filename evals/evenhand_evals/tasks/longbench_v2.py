"""LongBench v2: 503 questions with four choices about texts of 8,000 to 2,000,000 words.

Bai et al. 2024 (arXiv:2412.15204); prompts and extraction as THUDM/LongBench publishes them
(prompts/0shot.txt, prompts/0shot_cot.txt, prompts/0shot_cot_ans.txt, pred.py, result.py). Data: the
authors' `data.json`, or the same rows as JSON lines, with `--data FILE` or as `longbench-v2/` in
EVENHAND_DATA.

- `longbench_v2` asks at once (128 tokens); `longbench_v2_cot` lets the model think first (1,024
  tokens), then asks for the choice without the text. Published runs have temperature 0.1
  (`--profile longbench-v2`); here decoding is what the user sets.
- The answer is the letter after "The correct answer is", in parentheses or not, asterisks left out
  of account; anything else is `unparsed`, wrong and counted. `compensated` gives it a quarter, as
  the authors' second figure does.
- The authors skip requests that failed or came back empty, so that these leave the denominator. An
  empty answer counts as wrong here, and a failed request is `failed`: in no score, but the lower
  bound of the result counts it as wrong.
- Their result.py never fills its "medium" column (it compares with "short" twice) and counts those
  items as long; the figures by length here are by the items' own field.
- A prompt that is too long loses its middle, half of the tokens from each end, as in LongBench v1.
Thinking text is removed before scoring.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.longbench import longest, shortened
from evenhand_evals.tasks.sources import Found, field, json_of, object_of, read_file, unpacked
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Reply,
    Sample,
    Score,
    Task,
)

FILES = ("longbench-v2/data.json", "longbench-v2/data.jsonl", "longbench-v2/data.jsonl.gz")
ANSWER_TOKENS, THOUGHT_TOKENS = 128, 1024
_QUESTION = (
    "What is the correct answer to this question: {question}\nChoices:\n"
    "(A) {A}\n(B) {B}\n(C) {C}\n(D) {D}\n\n"
)
_FORMAT = 'Format your response as follows: "The correct answer is (insert answer here)".'
PROMPT = (
    "Please read the following text and answer the question below.\n\n<text>\n{text}\n</text>\n\n"
    + _QUESTION
    + _FORMAT
)
THINK = (
    "Please read the following text and answer the questions below.\n\n<text>\n{text}\n</text>\n\n"
    + _QUESTION
    + "Let’s think step by step:"
)
CONCLUDE = (
    "Please read the following text and answer the questions below.\n\n"
    "The text is too long and omitted here.\n\n"
    + _QUESTION
    + "Let’s think step by step: {thought}\n\n"
    "Based on the above, what is the single, most likely answer choice? " + _FORMAT
)
_CHOSEN = (
    re.compile(r"The correct answer is \(([A-D])\)"),
    re.compile(r"The correct answer is ([A-D])"),
)


def extract(text: str) -> str | None:
    """Give the letter that an answer names, None where it names none in the form asked for."""
    plain = text.replace("*", "")
    found = next((match for form in _CHOSEN if (match := form.search(plain))), None)
    return found[1] if found else None


def _find(source: DataSource) -> Found:
    if source.path is not None:
        if not source.path.is_file():
            raise DataError(f"--data {source.path}: no such file; give data.json of LongBench v2")
        return unpacked(read_file(source.path))
    paths = [source.root / file for file in FILES] if source.root else []
    for path in paths:
        if path.is_file():
            return unpacked(read_file(path))
    raise DataError(
        f"no data: set EVENHAND_DATA to a folder that holds {FILES[0]}, or give --data FILE"
    )


def _rows(found: Found) -> list[tuple[str, Mapping[str, Any]]]:
    """Read the authors' one JSON list, or JSON lines."""
    if not found.data.lstrip().startswith(b"["):
        return found.lines()
    rows = json_of(found.data, found.source, "give data.json of LongBench v2, or JSON lines")
    if not rows:
        raise DataError(f"{found.source} holds no items; give data.json of LongBench v2")
    places = [f"{found.source}, item {number}" for number in range(1, len(rows) + 1)]
    return [(where, object_of(row, where)) for where, row in zip(places, rows, strict=True)]


def _slots(row: Mapping[str, Any], where: str) -> dict[str, str]:
    slots = {"text": "context", "question": "question"}
    slots |= {letter: f"choice_{letter}" for letter in "ABCD"}
    return {slot: field(row, name, str, where).strip() for slot, name in slots.items()}


def load(name: str, prompt: str, tokens: int, source: DataSource) -> Dataset:
    """Load the questions; prompts that are too long for the served context lose their middle."""
    found = _find(source)
    limit = longest(source, tokens)
    samples = []
    for where, row in _rows(found):
        slots = _slots(row, where)
        target = field(row, "answer", str, where)
        if target not in tuple("ABCD"):
            raise DataError(f"{where}: the field 'answer' is {target!r}, not A, B, C or D")
        asked = shortened(source, prompt.format(**slots), limit)
        facts = {key: field(row, key, str, where) for key in ("difficulty", "length", "domain")}
        samples.append(
            Sample(
                id=f"{name}-{field(row, '_id', str, where)}",
                messages=(Message("user", asked),),
                target=target,
                metadata={
                    "group": facts["domain"],
                    "difficulty": facts["difficulty"],
                    "length": facts["length"],
                    "slots": {key: text for key, text in slots.items() if key != "text"},
                },
            )
        )
    digest = sha256(found.data + str(source.options.get("max_prompt")).encode())
    again = source.options
    return Dataset(tuple(samples), found.source, None, digest.hexdigest(), "Apache-2.0", again)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by the letter it names."""
    answer = answer_of(completion.text)
    letter = extract(answer.text.strip())
    right = letter == sample.target
    failure: Outcome = "wrong" if letter else "unparsed"
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={
            "accuracy": right,
            "compensated": 0.25 if letter is None else float(right),
            sample.metadata["difficulty"]: right,
            sample.metadata["length"]: right,
        },
        extracted=letter,
        explanation="thinking text removed" if answer.thinking_removed else None,
    )


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask for the choice, with the thoughts and without the text."""
    if len(replies) > 1 or not isinstance(replies[0], Completion):
        return None
    thought = answer_of(replies[0].text).text.strip()
    prompt = CONCLUDE.format(thought=thought, **sample.metadata["slots"])
    return Chat((Message("user", prompt),), {"max_tokens": ANSWER_TOKENS})


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Judge the last answer; one cut at its budget is `truncated` unless it is right."""
    last = replies[-1]
    if not isinstance(last, Completion):
        raise TypeError(f"{sample.id}: chats were asked")
    judged = score(sample, last)
    if last.refusal:
        return replace(judged, outcome="refused")
    if last.finish_reason == "length" and judged.outcome != "correct":
        return replace(judged, outcome="truncated")
    return judged


_OPTIONS = {"max_prompt": "tokens of a prompt before its middle is taken out"}
_DATA = f"{FILES[0]} under EVENHAND_DATA, or --data FILE"

TASK = Task(
    name="longbench_v2",
    title="LongBench v2: four choices about long texts",
    headline="accuracy",
    version="1",
    load=partial(load, "longbench_v2", PROMPT, ANSWER_TOKENS),
    score=score,
    max_tokens=ANSWER_TOKENS,
    data=_DATA,
    options=_OPTIONS,
)
COT = Task(
    name="longbench_v2_cot",
    title="LongBench v2, thinking first",
    headline="accuracy",
    version="1",
    load=partial(load, "longbench_v2_cot", THINK, THOUGHT_TOKENS),
    follow=follow,
    score_all=score_all,
    max_tokens=THOUGHT_TOKENS,
    data=_DATA,
    options=_OPTIONS,
)
