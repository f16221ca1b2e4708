"""RULER's eight needle tasks: keys and values among noise, a text, or needles of the same kind.

The texts are those of NVIDIA/RULER, scripts/data/synthetic/{constants,niah}.py; the eight settings
those of scripts/synthetic.yaml.
"""

import random
import re
import uuid
from dataclasses import dataclass

from evenhand_evals.haystack import BOOKS, GENERATED, find_haystack
from evenhand_evals.haystack_words import words as listed
from evenhand_evals.tasks.options import choice
from evenhand_evals.tasks.ruler_writer import Problem, Writer
from evenhand_evals.types import DataSource

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
NEEDLE = "One of the special magic {kind} for {key} is: {value}."
PROMPT = (
    "Some special magic {kind} are hidden within the following text. Make sure to memorize it. "
    "I will quiz you about the {kind} afterwards.\n{context}\n"
    "What are all the special magic {kind} for {query} mentioned in the provided text?"
)
PREFIX = " The special magic {kind} for {query} mentioned in the provided text are"
DEPTHS = tuple(round(100 * step / 39) for step in range(40))
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")


@dataclass(frozen=True, slots=True)
class Form:
    """What stands around the needles, the kinds of key and value, and how many there are.

    `keys` with `values` each are hidden, and `queries` of the keys are asked for.
    """

    around: str
    key: str = "words"
    value: str = "numbers"
    keys: int = 1
    values: int = 1
    queries: int = 1


NEEDLES = {
    "single_1": Form("noise"),
    "single_2": Form("text"),
    "single_3": Form("text", value="uuids"),
    "multikey_1": Form("text", keys=4),
    "multikey_2": Form("needles"),
    "multikey_3": Form("needles", key="uuids", value="uuids"),
    "multivalue": Form("text", values=4),
    "multiquery": Form("text", keys=4, queries=4),
}


def draw_one(kind: str, draw: random.Random) -> str:
    """Draw a key or a value: a number of seven digits, two words with a hyphen, or a UUID."""
    if kind == "numbers":
        return str(draw.randint(1_000_000, 9_999_999))
    if kind == "words":
        return f"{draw.choice(listed('adjectives'))}-{draw.choice(listed('nouns'))}"
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def _distinct(kind: str, count: int, draw: random.Random) -> list[str]:
    """Draw keys that differ: the original may draw the same one twice, and then asks for both."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[draw_one(kind, draw)] = None
    return list(found)


def _between(sentences: list[str], hidden: list[str], draw: random.Random) -> str:
    """Put needles between sentences, at some of forty depths."""
    places = sorted(int(len(sentences) * depth / 100) for depth in draw.sample(DEPTHS, len(hidden)))
    parts, last = [], 0
    for place, needle in zip(places, hidden, strict=True):
        parts += [" ".join(sentences[last:place]), needle]
        last = place
    return " ".join([*parts, " ".join(sentences[last:])])


def _among(lines: list[str], hidden: list[str], draw: random.Random) -> str:
    """Put needles between lines, anywhere."""
    places = sorted(draw.sample(range(len(lines)), len(hidden)), reverse=True)
    for place, needle in zip(places, hidden, strict=True):
        lines.insert(place, needle)
    return "\n".join(lines)


def _others(form: Form, size: int, taken: set[str], draw: random.Random) -> list[str]:
    """Write needles of other keys."""
    lines = []
    for _ in range(size):
        key = draw_one(form.key, draw)
        while key in taken:
            key = draw_one(form.key, draw)
        value = draw_one(form.value, draw)
        lines.append(NEEDLE.format(kind=form.value, key=key, value=value))
    return lines


def _context(
    form: Form, words: list[str], size: int, hidden: list[str], taken: set[str], draw: random.Random
) -> str:
    if form.around == "text":
        return _between(_SENTENCE.split(" ".join(words[:size])), hidden, draw)
    lines = [NOISE] * size if form.around == "noise" else _others(form, size, taken, draw)
    return _among(lines, hidden, draw)


def write(form: Form, words: list[str], draw: random.Random, size: int) -> Problem:
    """Write one problem with `size` words of text, or lines of noise or of other needles."""
    keys = _distinct(form.key, form.keys, draw)
    told = {key: [draw_one(form.value, draw) for _ in range(form.values)] for key in keys}
    hidden = [
        NEEDLE.format(kind=form.value, key=key, value=value)
        for key, values in told.items()
        for value in values
    ]
    draw.shuffle(hidden)
    context = _context(form, words, size, hidden, set(keys), draw)
    asked = draw.sample(keys, form.queries)
    query = f"{', '.join(asked[:-1])}, and {asked[-1]}" if len(asked) > 1 else asked[0]
    prompt, prefix, kind = PROMPT, PREFIX, form.value
    if form.queries * form.values == 1:
        prompt, prefix, kind = _singular(PROMPT), _singular(PREFIX), form.value[:-1]
    return Problem(
        prompt.format(kind=kind, context=context, query=query),
        prefix.format(kind=kind, query=query),
        tuple(value for key in asked for value in told[key]),
    )


def _singular(text: str) -> str:
    return text.replace("Some", "A").replace("are all", "is").replace("are", "is")


def needles(form: Form, source: DataSource, length: int) -> Writer:
    """Give the writer of a form, with the text that it needs for prompts of a length."""
    if form.around != "text":
        return Writer("niah", lambda draw, size: write(form, [], draw, size), 4)
    kind = choice(source, "haystack", (GENERATED, BOOKS), GENERATED)
    found = find_haystack(source, kind, "en", length)
    words = found.text.split()
    return Writer(
        "niah",
        lambda draw, size: write(form, words, draw, size),
        min(100, len(words)),
        len(words),
        found.source,
        found.sha256,
    )
