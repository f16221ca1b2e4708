"""RULER's two question tasks: the paragraphs of a question among those of others.

SQuAD 2.0 (`dev-v2.0.json`, CC BY-SA 4.0) and HotpotQA (`hotpot_dev_distractor_v1.json`, CC BY-SA
4.0) are not shipped: name the file with `--data`. Source: NVIDIA/RULER, scripts/data/synthetic/
qa.py. A text that is too short for a length is refused where the original repeats its paragraphs.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.tasks.ruler_writer import Problem, Writer
from evenhand_evals.tasks.sources import json_of, read_file
from evenhand_evals.types import DataSource

PROMPT = (
    "Answer the question based on the given documents. Only give me the answer and do not output "
    "any other words.\n\nThe following are given documents.\n\n{context}\n\nAnswer the question "
    "based on the given documents. Only give me the answer and do not output any other words."
    "\n\nQuestion: {query}"
)
PREFIX = " Answer:"


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answers, the paragraphs that it needs, and others of the same article."""

    query: str
    answers: tuple[str, ...]
    needed: tuple[str, ...]
    near: tuple[str, ...] = ()


def squad(data: Any) -> list[Question]:
    """Read SQuAD 2.0; questions without an answer are left out."""
    found = []
    for article in data["data"]:
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        for paragraph in article["paragraphs"]:
            near = tuple(dict.fromkeys(each for each in texts if each != paragraph["context"]))
            for asked in paragraph["qas"]:
                answers = tuple(answer["text"] for answer in asked["answers"])
                if answers and not asked.get("is_impossible", False):
                    found.append(
                        Question(asked["question"], answers, (paragraph["context"],), near)
                    )
    return found


def hotpot(data: Any) -> list[Question]:
    """Read HotpotQA's distractor setting: ten paragraphs for each question."""
    return [
        Question(
            row["question"],
            (row["answer"],),
            tuple(f"{title}\n{''.join(sentences)}" for title, sentences in row["context"]),
        )
        for row in data
    ]


Reads = Callable[[Any], list[Question]]


def _read(reads: Reads, source: DataSource) -> tuple[list[Question], str]:
    name = "SQuAD 2.0 (dev-v2.0.json)" if reads is squad else "HotpotQA (hotpot_dev_distractor_v1)"
    if source.path is None:
        raise DataError(f"no data: this task needs {name}; give its file with --data FILE")
    raw = read_file(source.path)
    where = f"--data {source.path}"
    document = json_of(raw.data, where, f"give {name}")
    try:
        found = reads(document)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{where}: this is not {name}: {reason}; give that file") from error
    if not found:
        raise DataError(f"{where}: it holds no question with an answer; give {name}")
    return found, raw.sha256


def _write(asked: list[Question], pool: list[str], draw: random.Random, size: int) -> Problem:
    """Write a problem with `size` paragraphs: those needed, then near ones, then any."""
    question = draw.choice(asked)
    room = max(0, size - len(question.needed))
    if room <= len(question.near):
        others = draw.sample(question.near, room)
    else:
        taken = {*question.needed, *question.near}
        rest = [each for each in pool if each not in taken]
        others = [*question.near, *draw.sample(rest, room - len(question.near))]
    documents = [*question.needed, *others]
    draw.shuffle(documents)
    context = "\n\n".join(f"Document {n}:\n{text}" for n, text in enumerate(documents, start=1))
    return Problem(PROMPT.format(context=context, query=question.query), PREFIX, question.answers)


def questions(reads: Reads, source: DataSource, _length: int) -> Writer:
    """Give the writer of one of the two data sets.

    Raises:
        DataError: there is no file, or it is another.

    """
    asked, digest = _read(reads, source)
    pool = sorted({text for each in asked for text in (*each.needed, *each.near)})
    smallest = max(len(each.needed) for each in asked)
    return Writer(
        "qa",
        lambda draw, size: _write(asked, pool, draw, size),
        smallest,
        len(pool),
        str(source.path),
        digest,
    )
