r"""MBPP, asked in a chat: 500 short Python programs to write, judged by three assertions each.

Austin et al. 2021 (arXiv:2108.07732), the full test split (`task_id` 11 to 510), three examples
(`task_id` 2, 3, 4, as in the paper; shipped, CC BY 4.0, the authors of MBPP). The words are those
of lm-evaluation-harness's `mbpp_instruct`; the examples are turns of the chat, each answered with
one block of Python. That harness also begins the answer for the model with a fence, which chat
endpoints do not go on from, so that here the model writes its own.

Reading the answer: thinking text is removed; the first block marked as Python is taken, else the
first block, else the whole text. The program is run with the problem's `test_setup_code` and its
`test_list` after it, in the sandbox (`evenhand_evals/sandbox.py`): standard library only, 6 s of
processor time. `challenge_test_list`, which 11 of all 974 problems have, is not used, as in the
paper. The setup code, which one problem of the split has (367), is left out by
lm-evaluation-harness, where that problem cannot be solved but by writing the setup oneself.

`pass@1` is the mean; with `--repeats N` (sampling, for example `--set temperature=0.8`) pass@k is
the unbiased estimate of Chen et al. 2021. `failed_test`, `raised`, `syntax_error`, `timed_out`,
`out_of_memory`, `crashed` and `exited` are the shares of answers that ended so. An answer without
a block whose text is not Python is "unparsed". Published figures are also of the `sanitized` set
(427 problems) or of MBPP+ (more tests): they cannot be compared with these.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.sandbox import Limits, run_program
from evenhand_evals.scorers.code import code_of, score_of
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Origin, field, find, shipped
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

# A copy of google-research/google-research's mbpp/mbpp.jsonl at a pinned commit of another
# repository; the hub keeps this set as Parquet only.
ORIGIN = Origin(
    file="mbpp/mbpp.jsonl",
    name="google-research-datasets/mbpp",
    url="https://raw.githubusercontent.com/deepseek-ai/DeepSeek-Coder/{revision}"
    "/Evaluation/MBPP/data/mbpp.jsonl",
    revision="2f9fd85927c669dae3c0fbb2d607274023af243e",
    licence="CC-BY-4.0",
    sha256="ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
)
SHOTS_FILE = "mbpp_shots.jsonl"
"""The problems 2, 3 and 4, unchanged (CC BY 4.0, the authors of MBPP, Google Research)."""

TEST_SPLIT = range(11, 511)

LIMITS = Limits(cpu_s=6)
"""The solution that comes with problem 123 needs close to 3 s by itself."""


@cache
def shots() -> Sequence[Mapping[str, Any]]:
    """Give the three worked examples of the paper."""
    return tuple(json.loads(line) for line in shipped(SHOTS_FILE).splitlines())


def _question(text: str, tests: Sequence[str]) -> str:
    return (
        f"You are an expert Python programmer, and here is your task:\n{text}\n"
        "Your code should pass these tests:\n" + "\n".join(tests)
    )


@cache
def _examples() -> tuple[Message, ...]:
    return tuple(
        message
        for shot in shots()
        for message in (
            Message("user", _question(shot["text"], shot["test_list"])),
            Message("assistant", f"```python\n{shot['code']}\n```"),
        )
    )


def _sample(where: str, row: Mapping[str, Any]) -> Sample:
    number = field(row, "task_id", int, where)
    text, tests = field(row, "text", str, where), field(row, "test_list", list, where)
    if not tests or not all(isinstance(test, str) for test in tests):
        raise DataError(f"{where}: the field 'test_list' is {tests!r}, not a list of assertions")
    setup = field(row, "test_setup_code", str, where)
    return Sample(
        id=f"mbpp-{number:03d}",
        messages=(*_examples(), Message("user", _question(text, tests))),
        target="\n".join(tests),
        metadata={"text": text, "tests": tests, "setup": setup},
    )


def load(source: DataSource) -> Dataset:
    """Load MBPP's test split from a file, from EVENHAND_DATA, or by name from a pinned commit."""
    found = find(source, ORIGIN)
    rows = [line for line in found.lines() if field(line[1], "task_id", int, line[0]) in TEST_SPLIT]
    if not rows:
        raise DataError(
            f"{found.source}: no item has a 'task_id' from {TEST_SPLIT.start} to "
            f"{TEST_SPLIT.stop - 1}, which is the test split of MBPP"
        )
    samples = tuple(_sample(*line) for line in rows)
    return Dataset(samples, found.source, found.revision, found.sha256, ORIGIN.licence)


def tested(sample: Sample, code: str) -> str:
    """Put a problem's setup and assertions after a program."""
    return "\n".join(part for part in (code, sample.metadata["setup"], sample.target) if part)


def score(sample: Sample, completion: Completion) -> Score:
    """Run the answer's program with the problem's assertions."""
    answer = answer_of(completion.text)
    code = code_of(answer.text)
    ended = run_program(tested(sample, code.text), LIMITS) if code.text.strip() else None
    readable = code.fenced or (ended is not None and ended.kind != "syntax")
    scored = score_of(ended, readable=readable, thinking_removed=answer.thinking_removed)
    return replace(scored, extracted=code.text or None)


TASK = Task(
    name="mbpp",
    title="MBPP: short Python programs, asked in a chat, 3 shots",
    headline="pass@1",
    version="1",
    load=load,
    score=score,
    max_tokens=1024,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
    aggregate="pass_at_k",
    slow_to_score=True,
)
