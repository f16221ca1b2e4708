"""IFEval: 541 prompts whose 834 instructions a program can check.

Zhou et al. 2023 (arXiv:2311.07911). The prompt is the item's own text as one user message, no
shots. Published figures are greedy with 1,280 new tokens (lm-evaluation-harness, task `ifeval`).
The headline is prompt-level strict accuracy: all instructions of a prompt are followed by the
answer as it stands. Thinking text is removed before scoring.

The rules are made for English, and Chinese answers meet them as the published checker would: a run
of Chinese without punctuation is one word (`number_words`), a whole answer with `。` alone is one
sentence, the full-width `，` is no comma, `•` and `1.` begin no item of a list, `“”` is no
quotation, `《》` no title, and a forbidden word with Chinese characters beside it is not found. So
a Chinese answer fails lengths that it has and follows prohibitions that it breaks. For Chinese
prompts use `ifeval_zh`.
"""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.extras import require
from evenhand_evals.scorers.instructions import (
    INSTRUCTIONS,
    MODULES,
    Rule,
    judge,
    parse_instruction,
)
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Found, Origin, field, find
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

Rules = Mapping[str, Rule]

ORIGIN = Origin(
    file="ifeval/input_data.jsonl",
    name="google/IFEval",
    url="{hub}/datasets/google/IFEval/resolve/{revision}/ifeval_input_data.jsonl",
    revision="966cd89545d6b6acfd7638bc708b98261ca58e84",
    licence="Apache-2.0",
)


def _target(where: str, name: object, arguments: object, rules: Rules) -> dict[str, Any]:
    if not isinstance(name, str):
        raise DataError(f"{where}: the field 'instruction_id_list' holds {name!r}, not a text")
    if not isinstance(arguments, dict):
        raise DataError(f"{where}: the field 'kwargs' holds {arguments!r}, not an object")
    given = {key: value for key, value in arguments.items() if value is not None}
    try:
        parse_instruction(name, given, rules)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return {"id": name, "kwargs": given}


def _sample(where: str, row: Mapping[str, Any], rules: Rules) -> Sample:
    ids = field(row, "instruction_id_list", list, where)
    kwargs = field(row, "kwargs", list, where)
    if not ids or len(ids) != len(kwargs):
        raise DataError(
            f"{where}: {len(ids)} instructions and {len(kwargs)} sets of arguments; "
            "there must be as many of the one as of the other, and at least one"
        )
    plural = "s" if len(ids) > 1 else ""
    return Sample(
        id=str(field(row, "key", object, where)),
        messages=(Message("user", field(row, "prompt", str, where)),),
        target=[
            _target(where, name, given, rules) for name, given in zip(ids, kwargs, strict=True)
        ],
        metadata={"group": f"{len(ids)} instruction{plural}"},
    )


def read_samples(found: Found, rules: Rules) -> tuple[Sample, ...]:
    """Turn rows of IFEval's form into samples, reading every instruction to find faults early.

    Raises:
        DataError: for a row that is not IFEval's form, and for a key that occurs twice.

    """
    result: dict[str, Sample] = {}
    for where, row in found.lines():
        sample = _sample(where, row, rules)
        if sample.id in result:
            raise DataError(f"{where}: the key {sample.id!r} occurs twice")
        result[sample.id] = sample
    return tuple(result.values())


def samples(found: Found) -> tuple[Sample, ...]:
    """Turn IFEval's rows into samples.

    Raises:
        DataError: for a faulty row, see `read_samples`.
        UsageError: if a package that the rules need is not installed.

    """
    require("scoring this task", *MODULES)
    return read_samples(found, INSTRUCTIONS)


def load(source: DataSource) -> Dataset:
    """Load IFEval from a file, from EVENHAND_DATA, or from the hub as `google/IFEval`."""
    found = find(source, ORIGIN)
    return Dataset(samples(found), found.source, found.revision, found.sha256, ORIGIN.licence)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer: strict and loose, by prompt and pooled over instructions.

    An answer with no text besides thinking is `unparsed`, and follows nothing.
    """
    return score_by(INSTRUCTIONS, sample, completion)


def score_by(rules: Rules, sample: Sample, completion: Completion) -> Score:
    """Judge an answer by a set of rules; see `score`."""
    answer = answer_of(completion.text)
    instructions = [parse_instruction(each["id"], each["kwargs"], rules) for each in sample.target]
    verdicts = judge(instructions, answer.text)
    strict, loose = all(verdicts.strict), all(verdicts.loose)
    remarks = ["thinking text removed"] if answer.thinking_removed else []
    for instruction, passed, forgiven in zip(
        instructions, verdicts.strict, verdicts.loose, strict=True
    ):
        if not passed:
            remarks.append(f"not followed{' strictly' if forgiven else ''}: {instruction.id}")
    if not answer.text.strip():
        remarks.append("empty answer")
    failure: Outcome = "wrong" if answer.text.strip() else "unparsed"
    return Score(
        outcome="correct" if strict else failure,
        value=float(strict),
        metrics={"prompt_strict": strict, "prompt_loose": loose},
        counts={
            "instruction_strict": (sum(verdicts.strict), len(instructions)),
            "instruction_loose": (sum(verdicts.loose), len(instructions)),
        },
        explanation="; ".join(remarks) or None,
    )


TASK = Task(
    name="ifeval",
    title="IFEval: verifiable instructions",
    headline="prompt_strict",
    version="1",
    load=load,
    score=score,
    max_tokens=1280,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
)
