"""MT-Bench: 80 two-turn questions of eight categories, both answers marked by a judge.

Zheng et al. 2023 (arXiv:2306.05685); questions, judge prompts and reference answers are FastChat's,
fastchat/llm_judge/data. The model answers the first turn, then, in the same conversation, the
second. The judge marks each turn from 1 to 10 with the published prompts: `single-v1` shows it the
first question and answer, `single-v1-multi-turn` the whole conversation. In the categories
mathematics, reasoning and coding the prompts `single-math-v1*` show it GPT-4's answers as well.

`rating`, the headline, is the mean of both turns' marks; `first_turn` and `second_turn` are the
tables of the paper, the groups its categories. How marks are read and counted, what
`rating_of_read` and the judge's agreement are, and `judge_repeats`, stand in `scorers/ratings.py`.
FastChat reads any number between brackets; here one outside 1..10 is an unparsed verdict.

Traps:

- FastChat samples each category at its own temperature (0.7 for writing and roleplay, 0.1 for STEM
  and humanities, 0 for the others). A run has one temperature for all, unless `temperatures` is
  `published`. The profiles `mt-bench-writing` and so on are these temperatures one by one; what
  `--set temperature=` or a profile says wins over the published ones.
- FastChat's judge is GPT-4 at temperature 0 with 2,048 tokens: `--judge-profile mt-bench-judge`.
  Marks of different judges cannot be compared. Judges prefer longer answers and their own.
- What a reasoning model thinks is shown neither to the judge nor to the model in its second turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.ratings import (
    REPEATS,
    asked_again,
    first_mark,
    panel,
    rated,
    shown,
    spoken,
)
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.options import choice, whole
from evenhand_evals.tasks.sources import Found, Origin, field, find
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Dataset,
    DataSource,
    Message,
    Reply,
    Sample,
    Score,
    Task,
)

_REPOSITORY = "https://raw.githubusercontent.com/lm-sys/FastChat/{revision}/fastchat/llm_judge/data"


def _origin(file: str, place: str, digest: str) -> Origin:
    return Origin(
        file=f"mt-bench/{file}",
        name="lm-sys/FastChat",
        url=f"{_REPOSITORY}/{place}",
        revision="0e6d3e4beaab66f4d3f93db72541a4abab8af28d",
        licence="Apache-2.0",
        sha256=digest,
    )


QUESTIONS = _origin(
    "question.jsonl",
    "mt_bench/question.jsonl",
    "119565adbab82227089cefdb44c8d7e2cf04dc0a0ec233634c82e7d4e2a944f7",
)
PROMPTS = _origin(
    "judge_prompts.jsonl",
    "judge_prompts.jsonl",
    "fd283293406d024f44c174b094ef48031d0687a4682fd3a56b29b138f80281b6",
)
REFERENCES = _origin(
    "reference_answer_gpt-4.jsonl",
    "mt_bench/reference_answer/gpt-4.jsonl",
    "f957a5bc977badb66885ec970e6cd08527845780313f0995764260e5777b9b3f",
)

WITH_REFERENCE = frozenset(("math", "reasoning", "coding"))
TEMPERATURES: Mapping[str, float] = {
    "writing": 0.7,
    "roleplay": 0.7,
    "extraction": 0.0,
    "math": 0.0,
    "coding": 0.0,
    "reasoning": 0.0,
    "stem": 0.1,
    "humanities": 0.1,
}
"""FastChat, llm_judge/common.py."""
TURNS = ("first_turn", "second_turn")
ANSWER_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """One of FastChat's judge prompts; the template has its fields in braces."""

    system: str
    template: str

    def messages(self, **fields: str) -> tuple[Message, ...]:
        """Give the messages to the judge."""
        return (Message("system", self.system), Message("user", self.template.format(**fields)))


@dataclass(frozen=True, slots=True)
class Question:
    """Two turns, GPT-4's answers to them where the judge is to see these, and the judge's prompts.

    `prompts` are one for each turn, `repeats` how often the judge is asked about each.
    """

    turns: tuple[str, str]
    references: tuple[str, ...]
    prompts: tuple[JudgePrompt, JudgePrompt]
    repeats: int = 1

    @property
    def facts(self) -> dict[str, str]:
        """What the judge's prompts say besides the answers; a prompt uses what it names."""
        references = {f"ref_answer_{n}": text for n, text in enumerate(self.references, start=1)}
        first, second = self.turns
        return {"question": first, "question_1": first, "question_2": second, **references}


Names = tuple[str, str]
"""The judge prompt of a question without a reference answer, and of one with it."""

SINGLE: Names = ("single-v1", "single-math-v1")


def load_questions(source: DataSource, names: Names, repeats: int) -> Dataset:
    """Load the questions with the judge prompts of these names, both forms of each.

    Raises:
        DataError: a file is missing or broken, or a question lacks what the judge needs.

    """
    origins = (QUESTIONS, PROMPTS, REFERENCES)
    if source.path is not None and source.path.is_file():
        files = ", ".join(each.file.rpartition("/")[2] for each in origins)
        raise DataError(f"--data {source.path}: name the folder that holds {files}")
    found, prompts, answers = [find(source, origin) for origin in origins]
    judge = _Judge(names, _prompts(prompts), _references(answers), repeats)
    published = choice(source, "temperatures", ("run", "published"), "run") == "published"
    samples = tuple(_sample(where, row, judge, published) for where, row in found.lines())
    digest = sha256(found.data + prompts.data + answers.data).hexdigest()
    return Dataset(
        samples, found.source, found.revision, digest, QUESTIONS.licence, dict(source.options)
    )


def _prompts(found: Found) -> dict[str, JudgePrompt]:
    return {
        field(row, "name", str, where): JudgePrompt(
            field(row, "system_prompt", str, where), field(row, "prompt_template", str, where)
        )
        for where, row in found.lines()
    }


def _references(found: Found) -> dict[int, tuple[str, str]]:
    answers = {}
    for where, row in found.lines():
        answers[field(row, "question_id", int, where)] = answered_turns(row, where)
    return answers


def answered_turns(row: Mapping[str, Any], where: str) -> tuple[str, str]:
    """Read both answers of a line of FastChat's answer files, the first choice of it."""
    choices = field(row, "choices", list, where)
    return _two(choices[0] if choices and isinstance(choices[0], dict) else {}, where)


def _two(row: Mapping[str, Any], where: str) -> tuple[str, str]:
    turns = field(row, "turns", list, where)
    if len(turns) != len(TURNS) or not all(isinstance(turn, str) for turn in turns):
        raise DataError(f"{where}: the field 'turns' must be two texts, not {str(turns)[:100]}")
    return turns[0], turns[1]


_NO_REFERENCES: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Judge:
    names: Names
    prompts: Mapping[str, JudgePrompt]
    references: Mapping[int, tuple[str, str]]
    repeats: int

    def question(self, number: int, category: str, turns: tuple[str, str], where: str) -> Question:
        plain, mathematical = self.names
        name, references = plain, _NO_REFERENCES
        if category in WITH_REFERENCE:
            if number not in self.references:
                raise DataError(f"{where}: question {number} ({category}) has no reference answer")
            name, references = mathematical, self.references[number]
        both = (name, f"{name}-multi-turn")
        missing = [each for each in both if each not in self.prompts]
        if missing:
            raise DataError(f"{where}: no judge prompt {missing[0]!r} in {sorted(self.prompts)}")
        prompts = (self.prompts[both[0]], self.prompts[both[1]])
        return Question(turns, references, prompts, self.repeats)


def _sample(where: str, row: Mapping[str, Any], judge: _Judge, published: bool) -> Sample:
    number, category = field(row, "question_id", int, where), field(row, "category", str, where)
    if published and category not in TEMPERATURES:
        raise DataError(
            f"{where}: the category {category!r} has no published temperature; "
            "leave out --task-set temperatures"
        )
    turns = _two(row, where)
    messages = (Message("user", turns[0]),)
    fields = {"temperature": TEMPERATURES[category]} if published else {}
    return Sample(
        id=f"mt-bench-{number}",
        messages=messages,
        target=judge.question(number, category, turns, where),
        metadata={"group": category},
        ask=Chat(messages, fields),
    )


def second_turn(sample: Sample, question: Question, first: Completion) -> Ask:
    """Go on with the conversation after the first answer."""
    said = Message("assistant", answer_of(first.text).text)
    messages = (*sample.messages, said, Message("user", question.turns[1]))
    fields = sample.first.fields if isinstance(sample.first, Chat) else {}
    return Chat(messages, fields)


def load(source: DataSource) -> Dataset:
    """Load MT-Bench from a folder, from EVENHAND_DATA, or as `lm-sys/FastChat`."""
    return load_questions(source, SINGLE, whole(source, "judge_repeats", 1))


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask the second turn, then the judge about each turn."""
    question: Question = sample.target
    said = spoken(sample, replies)
    if len(said) < len(TURNS):
        return second_turn(sample, question, said[0])
    turn, number = divmod(len(said) - len(TURNS), question.repeats)
    if turn == len(TURNS):
        return None
    first, second = map(shown, said[: len(TURNS)])
    answers = {"answer": first, "answer_1": first, "answer_2": second}
    return asked_again(question.prompts[turn].messages(**question.facts, **answers), number)


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Give the mean of the judge's marks for both turns."""
    said, repeats = spoken(sample, replies), sample.target.repeats
    answers, verdicts = said[: len(TURNS)], said[len(TURNS) :]
    panels = {
        name: panel(verdicts[place * repeats : (place + 1) * repeats], first_mark)
        for place, name in enumerate(TURNS)
    }
    return rated(answers, panels)


TEMPERATURE_OPTION = {
    "temperatures": "run: one for all, as set for the run; published: that of each category (run)"
}

TASK = Task(
    name="mt_bench",
    title="MT-Bench: two turns, each marked by a judge",
    headline="rating",
    version="1",
    load=load,
    follow=follow,
    score_all=score_all,
    max_tokens=ANSWER_TOKENS,
    data=f"mt-bench/ under EVENHAND_DATA, or --data {QUESTIONS.name}",
    aggregate="ratings_of_read",
    judged=True,
    options={**REPEATS, **TEMPERATURE_OPTION},
)
