"""Needles in a haystack: a fact hidden in a long text, at every length and every depth.

The test is Kamradt's (2023, "Needle In A Haystack"), its scoring our own. The tasks:

- `needle`: the fact is a random seven-digit number of a thing that does not exist; the answer is
  right if that number stands in it. No judge, and no wording to score.
- `needle_reasoning`: two or three facts far apart, and a question that one of them cannot answer:
  by turns a sum of two, and a chain of two beside a false trail. The idea is that of NeedleBench's
  multi-needle reasoning (Li et al. 2024) and of the chains of RULER's variable tracking (Hsieh et
  al. 2024); facts, questions and scoring are our own.
- `long_context` (in `long_context.py`): both in one table.
- `needle_glm` and `needle_glm_judged` (in `needle_glm.py`): the variant that GLM-4 published.

Lengths are whole prompts in the tokens of the served model, chat template included
(`tokens.py`), and are checked afterwards against the endpoint's `usage`: `length
deviation` must stay below 0.01.
An endpoint that does not tokenise is asked one more prompt for each length and language, for one
token, to count it. Behind a proxy that hides the context's size, ask for lengths that fit.
By default 8192, 32768 and 131072 tokens, of which those are left out that the served context has
no room for, one length after the other, so that the engine's memory can be told by length
(`engine_memory.py`). The same question is asked at every depth of every length, so that beside
accuracy the answers' own agreement can be given (`scorers/retrieval_lengths.py`). Groups are the
cells, length by depth.

The text is generated, in English and in Chinese, and holds no digits (`haystack.py`); a text of
the user's own (`--data FILE`) or books (`--task-set haystack=books`) may hold some. Others use
essays of Paul Graham, repeat them where they end, and count tokens with another model's tokeniser.
Thinking text is removed before scoring.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from evenhand_evals.errors import DataError
from evenhand_evals.haystack import (
    BOOKS,
    GENERATED,
    LANGUAGES,
    Haystack,
    find_haystack,
    fit_prompt,
    insert,
)
from evenhand_evals.haystack_words import words
from evenhand_evals.scorers.retrieval import key_match
from evenhand_evals.scorers.retrieval_lengths import REASONING as REASONS
from evenhand_evals.scorers.retrieval_lengths import RETRIEVAL, facts
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.options import (
    choice,
    choices,
    left_out,
    lengths,
    numbers,
    settled,
    whole,
)
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
)

LENGTHS, DEPTHS = (8192, 32768, 131072), (0, 25, 50, 75, 100)
QUESTIONS = 2
ANSWER_TOKENS = 64

PROMPTS: Mapping[str, str] = {
    "en": "Read the following text. Afterwards you will be asked about a detail of it.\n\n"
    "<text>\n{text}\n</text>\n\n{question} Answer with the number only.",
    "zh": "请阅读下面的文字，随后会问到其中的一个细节。\n\n"
    "<文字>\n{text}\n</文字>\n\n{question}只回答数字。",
}
_NAMES = {"en": "names", "zh": "zh names"}
_SPACE = {"en": " ", "zh": ""}


@dataclass(frozen=True, slots=True)
class Hidden:
    """One question: the facts to hide, what is asked of them, and the number that is right.

    The first fact stands at the depth of the cell, each further one at its `shift` further on,
    wrapping around at the end of the text.
    """

    facts: tuple[str, ...]
    question: str
    key: str
    shift: float = 0.5

    def placed(self, depth: int) -> list[tuple[float, str]]:
        """Give the facts with their places, as shares of the text."""
        first = depth / 100
        later = [((first + n * self.shift) % 1, fact) for n, fact in enumerate(self.facts) if n]
        return [(first, self.facts[0]), *later]


Asks = Callable[[str, random.Random], Hidden]

Kinds = Mapping[str, tuple[Asks, ...]]
"""The kinds of questions, each with the ways to ask them, by turns."""


def one_fact(language: str, draw: random.Random) -> Hidden:
    """Hide the number of one thing."""
    name, key = draw.choice(words(_NAMES[language])), str(draw.randint(1_000_000, 9_999_999))
    if language == "zh":
        return Hidden((f"{name}的登记号码是{key}。",), f"问题：{name}的登记号码是多少？", key)
    fact = f"The registry number of the {name} is {key}."
    return Hidden((fact,), f"Question: What is the registry number of the {name}?", key)


def two_facts(language: str, draw: random.Random) -> Hidden:
    """Hide how much two places store; asked is the sum."""
    first, second = draw.sample(words(_NAMES[language]), 2)
    some, more = draw.randint(111, 499), draw.randint(111, 499)
    key = str(some + more)
    if language == "zh":
        told = (f"{first}存有{some}桶灯油。", f"{second}存有{more}桶灯油。")
        return Hidden(told, f"问题：{first}和{second}一共存有多少桶灯油？", key)
    told = (
        f"The {first} stores {some} barrels of lamp oil.",
        f"The {second} stores {more} barrels of lamp oil.",
    )
    question = f"Question: How many barrels of lamp oil do the {first} and the {second} store "
    return Hidden(told, f"{question}together?", key)


def one_chain(language: str, draw: random.Random) -> Hidden:
    """Hide where one place sends its post, and the numbers of that place and of another."""
    first, second, other = draw.sample(words(_NAMES[language]), 3)
    key, wrong = (str(each) for each in draw.sample(range(1_000_000, 10_000_000), 2))
    if language == "zh":
        told = (
            f"{first}的信件都送往{second}。",
            f"{second}的登记号码是{key}。",
            f"{other}的登记号码是{wrong}。",
        )
        asked = f"问题：收取{first}信件的地方，登记号码是多少？"
        return Hidden(told, asked, key, 1 / 3)
    told = (
        f"The {first} sends all its post to the {second}.",
        f"The registry number of the {second} is {key}.",
        f"The registry number of the {other} is {wrong}.",
    )
    asked = f"Question: What is the registry number of the place that gets the post of the {first}?"
    return Hidden(told, asked, key, 1 / 3)


def cell(length: int, depth: int) -> str:
    """Name a cell of the grid so that names sort as the cells do."""
    return f"{length:>7} tokens, depth {depth:>3} %"


@dataclass(frozen=True, slots=True)
class Grid:
    """What the user made of the grid."""

    lengths: tuple[int, ...]
    depths: tuple[int, ...]
    languages: tuple[str, ...]
    questions: int
    kind: str

    @classmethod
    def of(cls, source: DataSource) -> "Grid":
        """Read the options."""
        return cls(
            lengths(source, LENGTHS, ANSWER_TOKENS),
            numbers(source, "depths", DEPTHS, low=0, high=100),
            choices(source, "languages", LANGUAGES, LANGUAGES),
            whole(source, "questions", QUESTIONS),
            choice(source, "haystack", (GENERATED, BOOKS), GENERATED),
        )


def _prompt(language: str, hidden: Hidden, text: str, depth: int) -> str:
    filled = insert(text, hidden.placed(depth), _SPACE[language])
    return PROMPTS[language].format(text=filled, question=hidden.question)


def _filled(language: str, hidden: Hidden, text: str) -> str:
    return _prompt(language, hidden, text, 50)


def _row(name: str, kind: str, asks: tuple[Asks, ...], plan: "Plan", language: str) -> list[Sample]:
    """Make every item of one kind in one language; each way to ask has one text of each length."""
    source, grid, haystack = plan.source, plan.grid, plan.haystacks[language]
    tokens, samples = source.tokens(), list[Sample]()
    hidden = []
    for number in range(grid.questions):
        draw = random.Random(f"{source.seed}/{name}/{language}/{number}")  # noqa: S311 - a plan
        hidden.append(asks[number % len(asks)](language, draw))
    for length in grid.lengths:
        texts: list[str] = []
        for number, each in enumerate(hidden):
            if number < len(asks):
                fill = partial(_filled, language, each)
                texts.append(fit_prompt(haystack, length, tokens, fill))
            text = texts[number % len(asks)]
            if each.key in text:
                raise DataError(f"{haystack.source} holds {each.key}; ask with another --seed")
            samples += [
                Sample(
                    id=f"{name}-{language}-{number}-{length}-{depth}",
                    messages=(Message("user", _prompt(language, each, text, depth)),),
                    target=each.key,
                    metadata={
                        "group": cell(length, depth),
                        "length": length,
                        "depth": depth,
                        "question": f"{kind}-{language}-{number}",
                        "kind": kind,
                        "language": language,
                    },
                )
                for depth in grid.depths
            ]
    return samples


@dataclass(frozen=True, slots=True)
class Plan:
    """A grid, and the text of each language that it is cut from."""

    source: DataSource
    grid: Grid
    haystacks: Mapping[str, Haystack]


def load_grid(name: str, version: str, kinds: Kinds, source: DataSource) -> Dataset:
    """Make the items of a grid.

    The digest is over the plan and the text it cuts from, not over the prompts: the same grid on
    two models has the same digest, though their tokenisers cut the text at different places.
    """
    grid, tokens = Grid.of(source), source.tokens()
    digest = sha256(repr((name, version, source.seed, grid)).encode())
    texts = {
        each: find_haystack(source, grid.kind, each, max(grid.lengths)) for each in grid.languages
    }
    plan, samples = Plan(source, grid, texts), list[Sample]()
    for language, haystack in texts.items():
        digest.update(haystack.sha256.encode())
        for kind, asks in kinds.items():
            own = name if len(kinds) == 1 else f"{name}-{kind}"
            samples += _row(own, kind, asks, plan, language)
    places = dict.fromkeys(haystack.source for haystack in texts.values())
    return Dataset(
        tuple(samples),
        f"{' and '.join(places)}; tokens by {tokens.source}",
        None,
        digest.hexdigest(),
        "Apache-2.0" if source.path is None and grid.kind == GENERATED else "unknown",
        settled(source, grid.lengths),
        left_out(source, LENGTHS, ANSWER_TOKENS),
    )


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by its numbers; `unparsed` if it holds none."""
    answer = answer_of(completion.text)
    read = key_match(answer.text, sample.target)
    right = read == sample.target
    failure: Outcome = "wrong" if read else "unparsed"
    length = sample.metadata["length"]
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={"accuracy": right},
        extracted=read,
        explanation="thinking text removed" if answer.thinking_removed else None,
        data={
            **facts(length, length, completion.usage.prompt_tokens),
            **{name: sample.metadata[name] for name in ("question", "depth", "kind")},
        },
    )


OPTIONS = {
    "lengths": "prompt lengths in tokens, by commas (8192,32768,131072)",
    "depths": "places of the needle in per cent, by commas (0,25,50,75,100)",
    "languages": "en, zh or both (en,zh)",
    "questions": "how many needles for each language (2)",
    "haystack": "generated, or books of EVENHAND_DATA (generated)",
}

TASK = Task(
    name="needle",
    title="Needle in a haystack: a number, by length and depth",
    headline="accuracy",
    version="2",
    load=partial(load_grid, "needle", "2", {RETRIEVAL: (one_fact,)}),
    score=score,
    max_tokens=ANSWER_TOKENS,
    data="generated, or a text of yours with --data FILE",
    aggregate="by_length",
    options=OPTIONS,
    stages="length",
)
REASONING = Task(
    name="needle_reasoning",
    title="Several needles in a haystack and one inference, by length and depth",
    headline="accuracy",
    version="2",
    load=partial(load_grid, "needle_reasoning", "2", {REASONS: (two_facts, one_chain)}),
    score=score,
    max_tokens=ANSWER_TOKENS,
    data=TASK.data,
    aggregate="by_length",
    options=OPTIONS,
    stages="length",
)
