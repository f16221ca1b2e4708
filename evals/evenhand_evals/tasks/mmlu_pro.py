r"""MMLU-Pro: 12,032 items in 14 categories with up to ten options, with a chain of thought.

Wang et al. 2024 (arXiv:2406.01574); MIT licence. Prompt and extraction are those of
lm-evaluation-harness 0.4.13, task `mmlu_pro` (version 3.1), in one user message: a line that asks
to end with `the answer is (X)`, five worked examples of the category, the question, and
`Answer: Let's think step by step.` Generation stops at `Question:`.

- `mmlu_pro` takes its examples from the validation split's `cot_content`; it needs that split.
- `mmlu_pro_zero_shot` is the same without examples, for data without it. Its scores cannot be
  compared with published ones, which have five.

Two readings are always given. `compat`, the score, is the harness': the *first* `answer is X`, so
that `If the answer is A then ..., so the answer is (C)` is A and `the answer is **B**` is nothing.
`robust` is our own reader: the last statement, in any dress. `disagree` is how often they differ.

The data are JSON lines, plain or gzipped: `test.jsonl`, `validation.jsonl`. The hub keeps this set
as Parquet only, so it is not downloaded by name: convert it, and name the folder with `--data`.
The set was corrected since its first release (48 questions after July 2024); the manifest's
SHA-256 says which one was asked.
"""

from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.choices import LETTERS
from evenhand_evals.scorers.choices_english import answer_is
from evenhand_evals.tasks.choices import Item, facts, graded
from evenhand_evals.tasks.sources import Found, field, read_file, unpacked
from evenhand_evals.types import (
    Chat,
    Completion,
    Dataset,
    DataSource,
    Message,
    Sample,
    Score,
    Task,
)

FOLDER = "mmlu-pro"
LICENCE = "MIT"
SHOTS = 5
STOPS = ["Question:"]
_LEAD = "A: Let's think step by step. "


def _find(source: DataSource, split: str) -> Found:
    """Read `{split}.jsonl` or `{split}.jsonl.gz` from the user's folder or EVENHAND_DATA.

    Raises:
        DataError: there is none; saying where it was looked for.

    """
    folder = source.path or (source.root / FOLDER if source.root else None)
    if folder is None:
        raise DataError(
            f"no data: set EVENHAND_DATA to a folder that holds {FOLDER}/{split}.jsonl, or give "
            "--data FOLDER"
        )
    if split == "test" and folder.is_file():
        return unpacked(read_file(folder))
    home = folder.parent if folder.is_file() else folder
    for name in (f"{split}.jsonl", f"{split}.jsonl.gz"):
        if (home / name).is_file():
            return unpacked(read_file(home / name))
    hint = ", or choose mmlu_pro_zero_shot" if split == "validation" else ""
    raise DataError(
        f"no data: for {folder} there is no {split}.jsonl or {split}.jsonl.gz in {home}; "
        f"put it there{hint}"
    )


def _item(where: str, row: Mapping[str, Any]) -> Item:
    options = field(row, "options", list, where)
    if not 2 <= len(options) <= len(LETTERS) or not all(isinstance(each, str) for each in options):
        raise DataError(f"{where}: the field 'options' is {options!r}, not 2 to 10 texts")
    answer = field(row, "answer", str, where)
    if len(answer) != 1 or answer not in LETTERS[: len(options)]:
        raise DataError(f"{where}: the field 'answer' is {answer!r}, which is none of its options")
    return Item(
        id=f"mmlu-pro-{field(row, 'question_id', int, where)}",
        subject=field(row, "category", str, where),
        question=field(row, "question", str, where),
        options=tuple(option.strip() for option in options),
        answer=answer,
        explanation=str(row.get("cot_content") or ""),
    )


def _shots(found: Found) -> dict[str, list[Item]]:
    shots: dict[str, list[Item]] = defaultdict(list)
    for where, row in found.lines():
        field(row, "cot_content", str, where)
        each = _item(where, row)
        shots[each.subject].append(each)
    return shots


def _question(each: Item) -> str:
    options = "\n".join(each.lines())
    return f"Question:\n{each.question}\nOptions:\n{options}\nAnswer: Let's think step by step."


def _prompt(each: Item, shots: list[Item]) -> str:
    opening = (
        f"The following are multiple choice questions (with answers) about {each.subject}. Think "
        'step by step and then finish your answer with "the answer is (X)" where X is the correct '
        "letter choice.\n"
    )
    worked = "".join(
        f"{_question(shot)} {shot.explanation.replace(_LEAD, '')}\n\n" for shot in shots
    )
    return opening + worked + _question(each)


def _sample(where: str, each: Item, shots: Mapping[str, list[Item]] | None) -> Sample:
    own = [] if shots is None else shots.get(each.subject, [])[:SHOTS]
    if shots is not None and len(own) < SHOTS:
        raise DataError(
            f"{where}: the category {each.subject!r} has {len(own)} worked examples in the "
            f"validation split; it needs {SHOTS}"
        )
    messages = (Message("user", _prompt(each, own)),)
    return Sample(
        each.id, messages, each.answer, facts(each), ask=Chat(messages, fields={"stop": STOPS})
    )


def _samples(found: Found, shots: Mapping[str, list[Item]] | None) -> tuple[Sample, ...]:
    return tuple(_sample(where, _item(where, row), shots) for where, row in found.lines())


def load(source: DataSource) -> Dataset:
    """Load MMLU-Pro with the five worked examples of each category.

    The SHA-256 is over the hex digests of the two files, test before validation.
    """
    found, worked = _find(source, "test"), _find(source, "validation")
    digest = sha256(f"{found.sha256}{worked.sha256}".encode()).hexdigest()
    return Dataset(_samples(found, _shots(worked)), found.source, None, digest, LICENCE)


def load_without_shots(source: DataSource) -> Dataset:
    """Load MMLU-Pro's test split."""
    found = _find(source, "test")
    return Dataset(_samples(found, None), found.source, None, found.sha256, LICENCE)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by the harness' pattern."""
    return graded(sample, completion, answer_is)


TASK = Task(
    name="mmlu_pro",
    title="MMLU-Pro, chain of thought, 5 shots (lm-evaluation-harness)",
    headline="micro",
    version="1",
    load=load,
    score=score,
    max_tokens=2048,
    data=f"{FOLDER}/ under EVENHAND_DATA, or --data FOLDER; with validation.jsonl",
    aggregate="subjects",
)
ZERO_SHOT = Task(
    name="mmlu_pro_zero_shot",
    title="MMLU-Pro, chain of thought, no shots",
    headline="micro",
    version="1",
    load=load_without_shots,
    score=score,
    max_tokens=2048,
    data=f"{FOLDER}/ under EVENHAND_DATA, or --data FOLDER",
    aggregate="subjects",
)
