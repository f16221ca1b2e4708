r"""MBPP for base models: the paper's prompt of three examples between `[BEGIN]` and `[DONE]`.

Austin et al. 2021 (arXiv:2108.07732), the full test split (`task_id` 11 to 510). The prompt is the
one that the authors publish with the data (google-research/google-research, mbpp/README.md), with
the examples 2, 3 and 4, joined as lm-evaluation-harness's `mbpp` joins them, to the byte (the
examples keep the line ends of the data, which are `\r\n`). It goes to `/completions` with the stop
`[DONE]`; an answer that goes on beyond it is cut there again before it is run.

The program is the answer with the problem's `test_setup_code` and `test_list` after it, in the
sandbox (`evenhand_evals/sandbox.py`): standard library only, 6 s of processor time. The metrics are
those of `mbpp`. No answer is "unparsed" here, for there is nothing to look for: what is not Python
is a `syntax_error`. lm-evaluation-harness leaves the setup code out, which concerns one problem of
the split (367).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from evenhand_evals.sandbox import run_program
from evenhand_evals.scorers.code import before_stops, score_of
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks import mbpp
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task, Text

STOPS = ("[DONE]",)


def _question(text: str, tests: Sequence[str]) -> str:
    return (
        f"You are an expert Python programmer, and here is your task: {text} "
        "Your code should pass these tests:\n\n" + "\n".join(tests) + "\n[BEGIN]\n"
    )


@cache
def _examples() -> str:
    return "".join(
        f"{_question(shot['text'], shot['test_list'])}{shot['code']}\n[DONE]\n\n"
        for shot in mbpp.shots()
    )


def _bare(sample: Sample) -> Sample:
    prompt = _examples() + _question(sample.metadata["text"], sample.metadata["tests"])
    ask = Text(prompt, {"stop": list(STOPS)})
    return replace(sample, messages=(Message("user", prompt),), ask=ask)


def load(source: DataSource) -> Dataset:
    """Load MBPP's test split as `mbpp` does, with the prompt of the paper."""
    dataset = mbpp.load(source)
    return replace(dataset, samples=tuple(map(_bare, dataset.samples)))


def score(sample: Sample, completion: Completion) -> Score:
    """Run the answer up to `[DONE]` with the problem's assertions."""
    answer = answer_of(completion.text)
    code = before_stops(answer.text, STOPS)
    ended = run_program(mbpp.tested(sample, code), mbpp.LIMITS)
    scored = score_of(ended, readable=True, thinking_removed=answer.thinking_removed)
    return replace(scored, extracted=code)


TASK = Task(
    name="mbpp_base",
    title="MBPP: short Python programs, 3 shots, for base models",
    headline="pass@1",
    version="1",
    load=load,
    score=score,
    max_tokens=512,
    data=mbpp.TASK.data,
    interface="completions",
    aggregate="pass_at_k",
    slow_to_score=True,
)
