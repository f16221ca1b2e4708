r"""MMLU answered with a letter, 5 shots, as lm-evaluation-harness' `mmlu_generative` reads it.

The prompt is that of `mmlu_loglikelihood`, as one user message. Generation stops at a line break;
the first line, without case and ASCII punctuation, must be the letter: `B`, `(b)` and `**B**.` are
B, while `The answer is B` is wrong. Source: harness 0.4.13, `tasks/mmlu/generative` (version 3.0).

Traps: a chat model that answers in a sentence scores nothing here; `robust` says what our own
reader finds. A model that thinks first is stopped at its first line break: use `mmlu_cot` for it.
The harness asks without shots unless it is told `--num_fewshot 5`. An answer that is not one of
the four letters is `unparsed`. `micro` is the harness' score; anatomy counts as `stem`, as there.
"""

from evenhand_evals.scorers.choices_english import first_line
from evenhand_evals.tasks import mmlu
from evenhand_evals.tasks.choices import Item, facts, graded
from evenhand_evals.tasks.mmlu_loglikelihood import SHOTS, preamble, question
from evenhand_evals.types import Chat, Completion, Dataset, DataSource, Message, Sample, Score, Task

STOPS = ["</s>", "\n"]


def _sample(each: Item, before: str) -> Sample:
    messages = (Message("user", before + question(each)),)
    return Sample(
        each.id, messages, each.answer, facts(each), ask=Chat(messages, fields={"stop": STOPS})
    )


def load(source: DataSource) -> Dataset:
    """Load MMLU's test and dev items from a folder, its archive, or EVENHAND_DATA."""
    found = mmlu.tables(source, shots=True)
    samples = []
    for subject in mmlu.SUBJECTS:
        before = preamble(subject, mmlu.items(found, "dev", subject)[:SHOTS])
        samples += [_sample(each, before) for each in mmlu.items(found, "test", subject)]
    return mmlu.dataset(found, samples)


def _letter(text: str) -> str | None:
    line = first_line(text)
    return line if line in tuple("ABCD") else None


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by its first line."""
    return graded(sample, completion, _letter)


TASK = Task(
    name="mmlu_generative",
    title="MMLU, the letter as first line, 5 shots (lm-evaluation-harness)",
    headline="micro",
    version="1",
    load=load,
    score=score,
    max_tokens=256,
    data=mmlu.DATA,
    aggregate="mmlu_of_harnesses",
)
