"""GPQA Diamond: 198 questions that experts answer and a search engine does not help with.

Rein et al. 2023 (arXiv:2311.12022); CC BY 4.0. The data are the CSV file of the hub's
`Idavidrein/gpqa` (`gpqa_diamond.csv`), which asks you to agree to its terms: fetch it there and
name it with `--data`. `--data gpqa_diamond` takes the copy that simple-evals reads, whose address
has no versions. Its authors ask that questions are not put on the web: reports show them, so keep
these to yourself.

The prompt is simple-evals' (see `mmlu_cot`), no shots; the extraction that of its `gpqa_eval.py`,
the first `Answer: X`. The right option stands first in the file, so options are shuffled
with the run's seed, drawn row by row as simple-evals does: with seed 0 its first pass has the same
order. Its further passes shuffle anew; here the repeats of an item keep their order, so that what
varies between them is the model. With 198 items the 95 % interval is about seven points wide on
each side.
"""

import csv
import io
import random
from collections.abc import Mapping

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.choices import LETTERS
from evenhand_evals.scorers.choices_english import simple_evals_plain
from evenhand_evals.tasks.choices import Item, facts, graded
from evenhand_evals.tasks.mmlu_cot import prompt
from evenhand_evals.tasks.sources import Found, Origin, field, find, not_utf8
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

ORIGIN = Origin(
    file="gpqa/gpqa_diamond.csv",
    name="gpqa_diamond",
    url="https://openaipublic.blob.core.windows.net/simple-evals/gpqa_diamond.csv",
    revision="",
    licence="CC-BY-4.0",
)
_OPTIONS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def _rows(found: Found) -> list[tuple[str, Mapping[str, str]]]:
    try:
        text = found.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{found.source}: {not_utf8(error)}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = dict.fromkeys(reader.fieldnames or (), "")
        for name in (*_OPTIONS, "Question"):
            field(header, name, str, f"{found.source}, line 1")
        return [(f"{found.source}, line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{found.source}, line {reader.line_num}: not CSV ({error}); "
            "put a field with quotes or commas between quotes, and double the quotes in it"
        ) from error


def _item(where: str, number: int, row: Mapping[str, str], order: list[int]) -> Item:
    given = [field(row, name, str, where) for name in _OPTIONS]
    shuffled = tuple(given[place] for place in order)
    return Item(
        id=row.get("Record ID") or f"gpqa-{number:03d}",
        subject=row.get("High-level domain") or "all",
        question=field(row, "Question", str, where),
        options=shuffled,
        answer=LETTERS[shuffled.index(given[0])],
    )


def load(source: DataSource) -> Dataset:
    """Load GPQA Diamond from a file, from EVENHAND_DATA, or simple-evals' copy by name."""
    found = find(source, ORIGIN)
    draw = random.Random(source.seed)  # noqa: S311 - an order of options, no secret
    samples = []
    for number, (where, row) in enumerate(_rows(found), start=1):
        each = _item(where, number, row, draw.sample(range(4), 4))
        text = prompt(each.question, each.lines(") "))
        samples.append(Sample(each.id, (Message("user", text),), each.answer, facts(each)))
    return Dataset(
        tuple(samples), found.source, found.revision or None, found.sha256, ORIGIN.licence
    )


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as simple-evals does."""
    return graded(sample, completion, simple_evals_plain)


TASK = Task(
    name="gpqa_diamond",
    title="GPQA Diamond, chain of thought, no shots (simple-evals)",
    headline="compat",
    version="1",
    load=load,
    score=score,
    max_tokens=2048,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data FILE",
)
