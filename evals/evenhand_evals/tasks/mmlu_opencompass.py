r"""MMLU as chat with 5 worked turns, as OpenCompass' `mmlu_gen_4d595a` asks and reads it.

The first five dev items are turns of the chat: a user's question, the assistant's letter. Each
question begins with a line that names the subject and asks for a letter, and ends in `Answer: `
with the blank. Prompt and extraction (`first_option_postprocess`) are those of OpenCompass 0.5.4.

Traps: OpenCompass' figure "mmlu" is the plain mean of the 57 subjects (`macro`); its
"mmlu-weighted" is `micro`. Its last resort takes any letter A to D from anywhere, the "A" of a
refusal too, so almost nothing is unparsed: compare `robust`. Anatomy counts as `stem`, as there.
"""

from evenhand_evals.scorers.choices_opencompass import first_option
from evenhand_evals.tasks import mmlu
from evenhand_evals.tasks.choices import Item, facts, graded
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

SHOTS = 5


def _question(each: Item) -> Message:
    topic = each.subject.replace("_", " ")
    return Message(
        "user",
        f"There is a single choice question about {topic}. Answer the question by replying "
        f"A, B, C or D.\nQuestion: {each.text()}\nAnswer: ",
    )


def load(source: DataSource) -> Dataset:
    """Load MMLU's test and dev items from a folder, its archive, or EVENHAND_DATA."""
    found = mmlu.tables(source, shots=True)
    samples = []
    for subject in mmlu.SUBJECTS:
        shots: list[Message] = []
        for shot in mmlu.items(found, "dev", subject)[:SHOTS]:
            shots += [_question(shot), Message("assistant", f"{shot.answer}\n")]
        samples += [
            Sample(each.id, (*shots, _question(each)), each.answer, facts(each))
            for each in mmlu.items(found, "test", subject)
        ]
    return mmlu.dataset(found, samples)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as OpenCompass does."""
    return graded(sample, completion, first_option)


TASK = Task(
    name="mmlu_opencompass",
    title="MMLU, a letter as chat, 5 shots (OpenCompass gen_4d595a)",
    headline="macro",
    version="1",
    load=load,
    score=score,
    max_tokens=512,
    data=mmlu.DATA,
    aggregate="mmlu_of_harnesses",
)
