"""LongBench-Chat: 50 questions about long texts, the answers marked by a judge with examples.

Bai et al. 2024 (arXiv:2401.18058); test cases, judge prompt and examples are those of
THUDM/LongAlign, LongBench_Chat. The model gets one message, a text of 10,000 to 100,000 tokens with
a question at its end. The judge sees the question, a reference answer, three other answers to it
with their marks, and then the answer, and gives a mark of 1 to 10; it does not see the long text.

`rating`, the headline, is the mean mark over ten. The paper gives means of 1 to 10; the sum over
all cases that the authors' program prints is fifty times that. The groups are the languages of the
questions, `zh` where one has a Chinese character. How marks are read and counted, `rating_of_read`
and `judge_repeats` stand in `scorers/ratings.py`.

Traps:

- The authors sample at temperature 1.0 (profile `longbench-chat`), once, with seed 42, up to 1,024
  tokens, and cut prompts of more than 64,000 tokens in the middle. Here nothing is cut: a prompt
  that the endpoint has no room for is a failed sample, with the reason.
- Lines of an answer are joined by blanks before the judge sees it, as in the authors' program,
  which kept each answer on one line of a file.
- The authors ask the judge again, up to five times, until it gives a mark. Here an unparsed verdict
  is counted; `judge_repeats` asks again whatever came.
- The judge there is GPT-4 at temperature 0.

The data is a folder with `test_cases.json` and `few_shots.json` (fields `idx` from 1, `prompt`,
`query`, `answer`; and for each case three of `answer` and `score`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.ratings import (
    REPEATS,
    asked_again,
    last_mark,
    panel,
    rated,
    shown,
    spoken,
)
from evenhand_evals.tasks.options import whole
from evenhand_evals.tasks.sources import Found, Origin, field, find, json_of, object_of
from evenhand_evals.types import Ask, Dataset, DataSource, Message, Reply, Sample, Score, Task


def _origin(file: str) -> Origin:
    return Origin(
        file=f"longbench-chat/{file}",
        name="THUDM/LongAlign",
        url="https://raw.githubusercontent.com/THUDM/LongAlign/{revision}/LongBench_Chat/" + file,
        revision="450ecc8c9faeafd83a169610fad94d4b7fac1357",
        licence="Apache-2.0",
    )


CASES, EXAMPLES = _origin("test_cases.json"), _origin("few_shots.json")
SHOTS = 3
ANSWER_TOKENS = 1024

JUDGE_SYSTEM = "You're a good assistant at evaluating the quality of texts."
JUDGE = """[Instructions]
You are asked to evaluate the quality of the AI assistant's answers to user questions as an \
impartial judge, and your evaluation should take into account factors including correctness (high \
priority), helpfulness, accuracy, and relevance. The scoring principles are as follows:
1. Read the AI assistant's answer and compare the assistant's answer with the reference answer.
2. Identify all errors in the AI Assistant's answers and consider how much they affect the answer \
to the question.
3. Evaluate how helpful the AI assistant's answers are in directly answering the user's questions \
and providing the information the user needs.\x20
4. Examine any additional information in the AI assistant's answer to ensure that it is correct \
and closely related to the question. If this information is incorrect or not relevant to the \
question, points should be deducted from the overall score.

Please give an overall integer rating from 1 to 10 based on the above principles, strictly in the \
following format:"[[rating]]", e.g. "[[5]]".

[Question]
{question}

[Reference answer begins]
{reference}
[Reference answer ends]

Below are several assistants' answers and their ratings:

{examples}Please rate the following assistant answers based on the scoring principles and examples \
above:

[Assistant's answer begins]
{answer}
[Assistant's answer ends]

Rating: """
EXAMPLE = """[Assistant's answer begins]
{answer}
[Assistant's answer ends]

Rating: [[{score}]]

"""
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Case:
    """What the judge is shown besides the answer; `examples` are answers with their marks."""

    question: str
    reference: str
    examples: tuple[tuple[str, int], ...]
    repeats: int

    def judged(self, answer: str) -> tuple[Message, ...]:
        """Give the messages to the judge."""
        examples = (EXAMPLE.format(answer=text, score=score) for text, score in self.examples)
        prompt = JUDGE.format(
            question=self.question,
            reference=self.reference,
            examples="".join(examples),
            answer=answer,
        )
        return (Message("system", JUDGE_SYSTEM), Message("user", prompt))


def _rows(found: Found) -> list[Any]:
    rows = json_of(found.data, found.source, "write one JSON list, in UTF-8")
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{found.source}: it must be a list with at least one entry")
    return rows


def _examples(value: Any, where: str) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, list) or len(value) != SHOTS:
        raise DataError(f"{where}: {SHOTS} marked answers belong here, not {str(value)[:100]}")
    rows = [object_of(each, where) for each in value]
    return tuple(
        (str(field(row, "answer", str, where)), int(field(row, "score", int, where)))
        for row in rows
    )


def load(source: DataSource) -> Dataset:
    """Load the cases from a folder, from EVENHAND_DATA, or as `THUDM/LongAlign`."""
    if source.path is not None and source.path.is_file():
        raise DataError(
            f"--data {source.path}: name the folder that holds test_cases.json and few_shots.json"
        )
    cases, shots = find(source, CASES), find(source, EXAMPLES)
    repeats = whole(source, "judge_repeats", 1)
    marked = [
        _examples(value, f"{shots.source}, entry {number}")
        for number, value in enumerate(_rows(shots), start=1)
    ]
    samples = []
    for number, value in enumerate(_rows(cases), start=1):
        where = f"{cases.source}, entry {number}"
        row = object_of(value, where)
        index = field(row, "idx", int, where)
        if not 1 <= index <= len(marked):
            raise DataError(
                f"{where}: the field 'idx' is {index}, and {shots.source} has the examples "
                f"of 1 to {len(marked)}"
            )
        samples.append(_sample(row, where, marked[index - 1], repeats))
    digest = sha256(cases.data + shots.data).hexdigest()
    return Dataset(
        tuple(samples),
        cases.source,
        cases.revision,
        digest,
        CASES.licence,
        dict(source.options),
    )


def _sample(
    row: Mapping[str, Any], where: str, examples: tuple[tuple[str, int], ...], repeats: int
) -> Sample:
    question = field(row, "query", str, where)
    return Sample(
        id=f"longbench-chat-{row['idx']}",
        messages=(Message("user", field(row, "prompt", str, where)),),
        target=Case(question, field(row, "answer", str, where), examples, repeats),
        metadata={"group": "zh" if _CHINESE.search(question) else "en"},
    )


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Show the answer to the judge."""
    case: Case = sample.target
    said = spoken(sample, replies)
    number = len(said) - 1
    if number == case.repeats:
        return None
    return asked_again(case.judged(shown(said[0]).replace("\n", " ")), number)


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Give the judge's mark."""
    answer, *verdicts = spoken(sample, replies)
    return rated([answer], {"rating": panel(verdicts, last_mark)})


TASK = Task(
    name="longbench_chat",
    title="LongBench-Chat: questions about long texts, marked by a judge",
    headline="rating",
    version="1",
    load=load,
    follow=follow,
    score_all=score_all,
    max_tokens=ANSWER_TOKENS,
    data=f"longbench-chat/ under EVENHAND_DATA, or --data {CASES.name}",
    aggregate="ratings_of_read",
    judged=True,
    options=REPEATS,
)
