"""A toy language model: a few hundred readable tokens, and logits that are a pure function.

The next token's logits depend on the last two tokens (smooth noise, seeded by them), on which
words the context already holds (they are likelier, as in real text) and on how long the answer
or the thinking has been (so that both end of their own accord).
"""

import math
import random
import re
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

_WORDS = """
a about after again air all almost along also always and another are around at back be bear
before bird blue boat bread bridge bright but by came can child city clear close cloud cold come
could dark day deep did door down dream each early earth east end even evening every eye fall far
farm field find fire first fish five flower for forest found four from garden gave go gold good
grass great green had hand has he heart her here high hill his home horse hour house how i ice if
in into is island it its keep kind lake land last late leaf left light like little long made man
many may moon morning most mountain moved near never new night no north not now of old on one open
or other our over own path place quiet rain red rest river road rock room sea see she ship short
side sing sky slow small snow so some song south star still stone storm story summer sun than that
the their then there they thing three through time to town tree true two under until up very
village voice walk wall warm was water way we well went were west what when where white who will
wind window winter with word world year yellow yes you young
"""

SPECIALS = ("<eot>", "<unk>", "<system>", "<user>", "<assistant>", "<think>", "</think>")
EOT, UNK, SYSTEM, USER, ASSISTANT, THINK, END_THINK = range(len(SPECIALS))

_CHARACTERS = [chr(code) for code in range(32, 127)] + ["\n"]
_PIECES = ['{"', '": ', '", "', '"}', "yes", "no", "true", "false", "null", "Yes", "No"]

VOCABULARY: tuple[str, ...] = (
    *SPECIALS,
    *_CHARACTERS,
    *_PIECES,
    *(f" {word}" for word in _WORDS.split()),
)
"""A token's id is its place here: specials, then each printable ASCII character, then pieces of
JSON, then words with the space before them. A text is its tokens' texts, joined with nothing."""

IDS = {text: index for index, text in enumerate(VOCABULARY) if index >= len(SPECIALS)}
FIRST_WORD = len(SPECIALS) + len(_CHARACTERS) + len(_PIECES)
NATURAL_LENGTH = 48
"""Tokens after which an answer ends by itself, unless something else decides."""

_NOISE = [NormalDist(0, 2.6).inv_cdf((place + 0.5) / 1024) for place in range(1024)]


def _mean(token: int) -> float:
    if token < len(SPECIALS):
        return -math.inf
    common = token >= FIRST_WORD or VOCABULARY[token] in ".,"
    return (3.0 if common else -3.0) + token * 1e-5  # so that no two logits are ever equal


_MEANS = [_mean(token) for token in range(len(VOCABULARY))]
_LONGEST_FIRST = re.compile(
    "|".join(re.escape(text) for text in sorted(IDS, key=len, reverse=True)) + "|(?s:.)"
)


def tokenize(text: str) -> list[int]:
    """The ids of a text, longest token first; a character that no token spells is `<unk>`."""
    return [IDS.get(piece, UNK) for piece in _LONGEST_FIRST.findall(text)]


def words_among(tokens: Iterable[int]) -> set[int]:
    """Those of the tokens that are words, the ones that a context makes likelier."""
    return {token for token in tokens if token >= FIRST_WORD}


def log_softmax(logits: Collection[float]) -> list[float]:
    """Natural log probabilities of logits; at least one must be finite."""
    top = max(logits)
    total = top + math.log(sum(math.exp(value - top) for value in logits))
    return [value - total for value in logits]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text the model stands.

    Attributes:
        before: The last token but one.
        last: The last token.
        words: The words of the whole context.
        length: Tokens since the answer began, or since the thinking began.
        thinking: How many tokens the thinking takes when still inside it, else 0.
    """

    before: int
    last: int
    words: Collection[int]
    length: int
    thinking: int = 0


class ToyModel:
    """Logits for the next token; about four bits of entropy, or nearly none when `peaked`."""

    def __init__(self, *, peaked: bool = False, seed: int = 20) -> None:
        self._peaked = peaked
        self._seed = seed

    def logits(self, place: Place) -> list[float]:
        """One logit for each token of `VOCABULARY`; minus infinity for what never comes next."""
        fixed, mass = _row(self._seed, place.before, place.last)
        row = list(fixed)
        for word in place.words:
            row[word] += 0.7
            mass += math.exp(row[word]) - math.exp(fixed[word])
        if self._peaked:
            best = max(range(len(row)), key=row.__getitem__)
            row[best] += 20.0
            mass += math.exp(row[best])
        ending = self._ending(place)
        end = END_THINK if place.thinking else EOT
        row[end] = math.log(mass * ending / (1 - ending))
        return row

    def _ending(self, place: Place) -> float:
        """The probability that the answer, or the thinking, ends here."""
        due = place.length >= (place.thinking or NATURAL_LENGTH)
        if self._peaked:
            return 1 - 1e-7 if due else 1e-9
        if place.length == 0:
            return 1e-9
        return 0.8 if due else 0.015


@lru_cache(maxsize=8192)
def _row(seed: int, before: int, last: int) -> tuple["array[float]", float]:
    """The part that depends on two tokens alone, and the sum of its exponentials."""
    noise = random.Random((seed * 4099 + before) * 4099 + last)
    drawn = noise.choices(_NOISE, k=len(VOCABULARY))
    row = [mean + more for mean, more in zip(_MEANS, drawn, strict=True)]
    return array("d", row), sum(map(math.exp, row))
