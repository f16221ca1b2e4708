"""What all tasks of multiple choice share: an item, its options, its likelihoods, its score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.choices import LETTERS, stated_letter
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.subject_folders import SubjectOrigin, Tables, find_tables
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Likelihood,
    Likelihoods,
    Message,
    Outcome,
    Reply,
    Sample,
    Score,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its options, the letter of the right one, and where it stands."""

    id: str
    subject: str
    question: str
    options: tuple[str, ...]
    answer: str
    explanation: str = ""

    def text(self, mark: str = ". ") -> str:
        """Give the question and a line for each option: `A. ...`."""
        return "\n".join((self.question, *self.lines(mark)))

    def lines(self, mark: str = ". ") -> list[str]:
        """Give a line for each option."""
        return [
            f"{letter}{mark}{option}" for letter, option in zip(LETTERS, self.options, strict=False)
        ]

    def stripped(self) -> "Item":
        """Give the same item without blanks around the question, as lm-evaluation-harness asks."""
        return replace(self, question=self.question.strip())


def item(
    where: str, subject: str, number: int, cells: Sequence[str], explanation: str = ""
) -> Item:
    """Make an item of a row's cells: question, A, B, C, D, answer.

    Raises:
        DataError: the row has another length, or an answer that is none of A, B, C, D.

    """
    if len(cells) != 6:
        raise DataError(
            f"{where}: {len(cells)} columns of question, A, B, C, D and answer; it must have 6"
        )
    question, *options, answer = cells
    if answer not in LETTERS[:4] or len(answer) != 1:
        raise DataError(f"{where}: the field 'answer' is {answer!r}, not one of A, B, C, D")
    return Item(f"{subject}-{number:04d}", subject, question, tuple(options), answer, explanation)


def columns(where: str, header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Give the places of the named columns.

    Raises:
        DataError: one is missing.

    """
    for name in names:
        if name not in header:
            raise DataError(f"{where}: the column {name!r} is missing; it has {list(header)}")
    return [header.index(name) for name in names]


def picked(where: str, row: Sequence[str], places: Sequence[int]) -> list[str]:
    """Give a row's cells at some places.

    Raises:
        DataError: the row is too short.

    """
    if len(row) <= max(places):
        raise DataError(f"{where}: {len(row)} cells; the header promises more")
    return [row[place] for place in places]


Reader = Callable[[Tables, str, str], list[Item]]
"""Gives the items of a split and a subject."""

Builder = Callable[[Item, list[Item]], Sample]
"""Gives a sample of an item and its shots."""


def of_subjects(
    source: DataSource,
    origin: SubjectOrigin,
    subjects: Sequence[str],
    split: str,
    items: Reader,
    build: Builder,
    shots: int,
) -> Dataset:
    """Load a set of subjects, each with so many shots from its `dev`, which is else not read."""
    found = find_tables(source, origin, subjects, ("dev", split) if shots else (split,))
    samples: list[Sample] = []
    for subject in subjects:
        worked = items(found, "dev", subject)[:shots] if shots else []
        samples += [build(each, worked) for each in items(found, split, subject)]
    return Dataset(tuple(samples), found.source, found.revision, found.sha256, origin.licence)


def facts(each: Item) -> Mapping[str, object]:
    """Give what scorers and averages need of an item, as a sample's metadata."""
    return {"group": each.subject, "options": list(each.options)}


def likelihood_sample(each: Item, context: str) -> Sample:
    """Ask for the likelihoods of ` A`, ` B`, ... after a context.

    The messages are what a reader is shown; they are not asked.
    """
    continuations = tuple(f" {letter}" for letter in LETTERS[: len(each.options)])
    return Sample(
        id=each.id,
        messages=(Message("user", context),),
        target=each.answer,
        metadata=facts(each),
        ask=Likelihood(context, continuations),
    )


def likeliest(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Judge by the likeliest continuation, the first of equals as in lm-evaluation-harness."""
    (reply,) = replies
    if not isinstance(reply, Likelihoods):
        raise TypeError(f"{sample.id}: this task asks for likelihoods")
    best = max(range(len(reply.logprobs)), key=reply.logprobs.__getitem__)
    letter = LETTERS[best]
    right = letter == sample.target
    told = ", ".join(
        f"{name} {value:.3f}" for name, value in zip(LETTERS, reply.logprobs, strict=False)
    )
    return Score("correct" if right else "wrong", float(right), extracted=letter, explanation=told)


def graded(sample: Sample, completion: Completion, read: Callable[[str], str | None]) -> Score:
    """Judge an answer by a published extraction, with our own reading beside it.

    `compat`, which is the score, is the published extraction's verdict and `robust` that of
    `stated_letter`; `disagree` says that they differ. What the published one reads as no option at
    all is `unparsed`. Thinking text is removed first.
    """
    answer = answer_of(completion.text)
    letter = read(answer.text)
    own = stated_letter(answer.text, len(sample.metadata["options"]))
    compat, robust = letter == sample.target, own == sample.target
    failure: Outcome = "unparsed" if letter is None else "wrong"
    remarks = ["thinking text removed"] if answer.thinking_removed else []
    if letter != own:
        remarks.append(f"our own reader finds {own or 'nothing'}")
    return Score(
        outcome="correct" if compat else failure,
        value=float(compat),
        metrics={"compat": compat, "robust": robust, "disagree": compat != robust},
        extracted=letter,
        explanation="; ".join(remarks) or None,
    )
