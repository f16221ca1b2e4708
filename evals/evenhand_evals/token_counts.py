"""Counting a text's tokens: what every count offers, and the one that needs no endpoint."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

_PIECE = re.compile(r"\s*(?:[a-zA-Z]{1,7}|[0-9]{1,3}|[^\sa-zA-Z0-9])|\s+")
_WIDE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


class Tokens(Protocol):
    """Measures texts in a model's tokens.

    `source` says how, `exact` whether by the model's own tokeniser. `overhead` is how many tokens
    the chat template adds to a single user message; `limit` is the longest context served, None
    where it is not known.
    """

    @property
    def source(self) -> str:
        """How the tokens are counted."""

    @property
    def exact(self) -> bool:
        """Whether the model's own tokeniser counts."""

    @property
    def overhead(self) -> int:
        """Tokens that the chat template adds."""

    @property
    def limit(self) -> int | None:
        """The longest context that is served."""

    def count(self, text: str) -> int:
        """Give how many tokens a text has, special ones left out."""

    def middle(self, text: str, limit: int) -> str:
        """Take the middle out of a text that is longer than `limit` tokens, half from each end."""

    def adjusted(self, text: str) -> "Tokens":
        """Give what counts texts like this one better, after asking for it; itself if nothing."""


@dataclass(frozen=True, slots=True)
class EstimatedTokens:
    """Counts words and characters: `wide` tokens for each CJK sign, `narrow` for other pieces."""

    narrow: float = 1.0
    wide: float = 1.0
    overhead: int = 0
    limit: int | None = None
    source: str = "an estimate from words and characters"
    exact: bool = False
    ask: Callable[[str], int | None] | None = None
    """Gives the prompt tokens of a chat of one message, where there is an endpoint."""

    def count(self, text: str) -> int:
        """Give about how many tokens a text has."""
        wide = len(_WIDE.findall(text))
        narrow = len(_PIECE.findall(text)) - wide
        return round(self.wide * wide + self.narrow * narrow)

    def middle(self, text: str, limit: int) -> str:
        """Take the middle out, about half of `limit` tokens from each end."""
        total = self.count(text)
        if total <= limit:
            return text
        pieces = _PIECE.findall(text)
        half = int(limit / 2 * len(pieces) / total)
        return "".join(pieces[:half]) + "".join(pieces[len(pieces) - half :])

    def adjusted(self, text: str) -> Tokens:
        """Ask the endpoint for the tokens of a text, and count like it from then on."""
        used, counted = self.ask(text) if self.ask else None, self.count(text)
        if used is None or used <= self.overhead or not counted:
            return self
        factor = (used - self.overhead) / counted
        return replace(self, narrow=self.narrow * factor, wide=self.wide * factor)


def estimated() -> Tokens:
    """Give the count that needs no endpoint."""
    return EstimatedTokens()
