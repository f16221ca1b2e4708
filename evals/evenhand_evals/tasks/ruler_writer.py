"""What RULER's programs have in common: they write a problem of a size, from a random source."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

GENERATED_HERE: Final = "evenhand:ruler"
"""The source of a text that no file of the user's is in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A prompt, the words that its answer begins with, and what the answer must hold.

    `tokens` is how long prompt and prefix are for the served model, template included.
    """

    prompt: str
    prefix: str
    answers: tuple[str, ...]
    tokens: int = 0

    def counted(self, tokens: int) -> "Problem":
        """Say how long it is."""
        return replace(self, tokens=tokens)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes problems of a size: a number of lines, words or documents, smallest to largest.

    `source` is where the text comes from, `sha256` the digest of it.
    """

    name: str
    write: Callable[[random.Random, int], Problem]
    smallest: int
    largest: int = 2**31
    source: str = GENERATED_HERE
    sha256: str = ""
