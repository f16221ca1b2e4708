r"""MMLU by log-likelihood, 5 shots, as lm-evaluation-harness' task `mmlu` does with five shots.

Prompt (harness 0.4.13, `tasks/mmlu/default`): a line on the subject, the first five dev items
with their letters, the question with its options, `Answer:`. The letter whose text (with the blank
before it: ` A`) is the likeliest is the answer; nothing is generated. The question's outer blanks
are stripped; blocks are joined by an empty line.

Traps: the harness asks without shots unless it is told `--num_fewshot 5`. A chat template is not
applied. The continuation's tokens are the served tokenizer's (`endpoint/likelihood.py`). `micro` is
the harness' score (`weight_by_size`); anatomy counts as `stem`, as there.
"""

from evenhand_evals.tasks import mmlu
from evenhand_evals.tasks.choices import Item, likeliest, likelihood_sample
from evenhand_evals.types import Dataset, DataSource, Task

SHOTS = 5


def question(each: Item) -> str:
    """Write a question, ready for its letter."""
    return f"{each.stripped().text()}\nAnswer:"


def preamble(subject: str, shots: list[Item]) -> str:
    """Write the line on the subject and the worked examples before a question."""
    topic = subject.replace("_", " ")
    worked = "".join(f"{question(shot)} {shot.answer}\n\n" for shot in shots)
    return f"The following are multiple choice questions (with answers) about {topic}.\n\n{worked}"


def load(source: DataSource) -> Dataset:
    """Load MMLU's test and dev items from a folder, its archive, or EVENHAND_DATA."""
    found = mmlu.tables(source, shots=True)
    samples = []
    for subject in mmlu.SUBJECTS:
        before = preamble(subject, mmlu.items(found, "dev", subject)[:SHOTS])
        samples += [
            likelihood_sample(each, before + question(each))
            for each in mmlu.items(found, "test", subject)
        ]
    return mmlu.dataset(found, samples)


TASK = Task(
    name="mmlu_loglikelihood",
    title="MMLU, log-likelihood of the letter, 5 shots (lm-evaluation-harness)",
    headline="micro",
    version="1",
    load=load,
    score_all=likeliest,
    max_tokens=1,
    data=mmlu.DATA,
    interface="likelihood",
    aggregate="mmlu_of_harnesses",
)
