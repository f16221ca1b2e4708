"""MMLU with a chain of thought, as simple-evals asks and reads it: GLM-4's authors name it.

GLM-4's authors name openai/simple-evals for their MMLU (zai-org/GLM-4, issue 162). No shots: one
user message with the question, the options as `A) ...`, and the demand to end with
`Answer: $LETTER`. Prompt and extraction are those of simple-evals' multilingual version
(`common.py`, `mmlu_eval.py`): forty-one ways to write "Answer:", the first that matches.

Traps: simple-evals samples at temperature 0.5 unless told otherwise, so its figures move from run
to run, and for some models it adds a system message; here nothing is added, and decoding is what
you set. Its first version asked for `ANSWER: $LETTER` and had one English pattern; GLM-4's figures
of June 2024 do not say which version made them. An answer in lower case is wrong. `micro` is its
score; its `other` holds anatomy.
"""

from evenhand_evals.scorers.choices_english import simple_evals
from evenhand_evals.tasks import mmlu
from evenhand_evals.tasks.choices import Item, facts, graded
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

INSTRUCTION = (
    "Answer the following multiple choice question. The last line of your response should be of "
    "the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. Think "
    "step by step before answering."
)


def prompt(question: str, lines: list[str]) -> str:
    """Write the question as simple-evals does, with the options' lines (`A) ...`)."""
    return "\n".join((INSTRUCTION, "", question, "", *lines))


def _sample(each: Item) -> Sample:
    text = prompt(each.question, each.lines(") "))
    return Sample(each.id, (Message("user", text),), each.answer, facts(each))


def load(source: DataSource) -> Dataset:
    """Load MMLU's test items from a folder, its archive, EVENHAND_DATA, or the authors' address."""
    found = mmlu.tables(source, shots=False)
    samples = [_sample(each) for name in mmlu.SUBJECTS for each in mmlu.items(found, "test", name)]
    return mmlu.dataset(found, samples)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as simple-evals does."""
    return graded(sample, completion, simple_evals)


TASK = Task(
    name="mmlu_cot",
    title="MMLU, chain of thought, no shots (simple-evals)",
    headline="micro",
    version="1",
    load=load,
    score=score,
    max_tokens=1024,
    data=mmlu.DATA,
    aggregate="mmlu",
)
