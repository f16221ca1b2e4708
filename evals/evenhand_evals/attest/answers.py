"""An endpoint's answer, as far as the probes look at it, from either route and either shape.

Log probabilities come as chat's `content` list (also on llama.cpp's completions route) or as the
parallel lists of OpenAI's legacy completions.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand_evals.wire import ABORTED

Symbol = tuple[str, ...]
"""What one answer is compared by: its tokens where they are known, else its texts."""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token: its text, its log probability, and the likeliest at its place."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]

    @property
    def options(self) -> dict[str, float]:
        """The likeliest tokens whose text is theirs alone, likeliest first."""
        seen = Counter(text for text, _ in self.top)
        ranked = sorted(self.top, key=lambda pair: -pair[1])
        return {text: logprob for text, logprob in ranked if seen[text] == 1}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to a request; `tokens` is None where no log probabilities came."""

    text: str
    reasoning: str
    finish: str | None
    tokens: tuple[Token, ...] | None

    @property
    def symbol(self) -> Symbol:
        """What the answer is compared by."""
        if self.tokens:
            return tuple(token.text for token in self.tokens)
        return (self.reasoning, self.text)

    @property
    def thinks(self) -> bool:
        """Whether the model thought before it answered."""
        return bool(self.reasoning.strip()) or "<think>" in self.text


@dataclass(frozen=True, slots=True)
class Reply:
    """The answers to one request, and the token counts that the endpoint reports."""

    choices: tuple[Choice, ...]
    prompt_tokens: int | None
    completion_tokens: int | None

    @property
    def first(self) -> Choice:
        """The first answer; there always is one."""
        return self.choices[0]

    @property
    def length(self) -> int | None:
        """How many tokens were generated, as reported or as counted by their log probabilities."""
        if self.completion_tokens is not None:
            return self.completion_tokens
        return None if self.first.tokens is None else len(self.first.tokens)


def parse_reply(body: Any) -> Reply | None:
    """Read a chat answer or a completion, None where the body is neither, or was given up."""
    listed = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(listed, list) or not listed:
        return None
    choices = [_choice(each) for each in listed]
    found = tuple(choice for choice in choices if choice is not None)
    if len(found) < len(listed) or any(choice.finish in ABORTED for choice in found):
        return None
    usage = body.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return Reply(found, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _choice(value: Any) -> Choice | None:
    if not isinstance(value, Mapping):
        return None
    message = value.get("message")
    if isinstance(message, Mapping):
        text = _text(message.get("content"))
        reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    elif isinstance(value.get("text"), str):
        text, reasoning = value["text"], ""
    else:
        return None
    finish = value.get("finish_reason")
    return Choice(
        text,
        reasoning,
        finish if isinstance(finish, str) else None,
        _tokens(value.get("logprobs")),
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, Mapping))
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _tokens(value: Any) -> tuple[Token, ...] | None:
    if not isinstance(value, Mapping):
        return None
    content = value.get("content")
    if isinstance(content, list):
        return tuple(_token(each) for each in content if isinstance(each, Mapping))
    texts, logprobs = value.get("tokens"), value.get("token_logprobs")
    if not isinstance(texts, list) or not isinstance(logprobs, list):
        return None
    tops = value.get("top_logprobs")
    tops = tops if isinstance(tops, list) else [None] * len(texts)
    return tuple(
        Token(str(text), _logprob(logprob), _pairs(top))
        for text, logprob, top in zip(texts, logprobs, tops, strict=False)
    )


def _token(value: Mapping[str, Any]) -> Token:
    top = value.get("top_logprobs")
    entries: Sequence[Any] = top if isinstance(top, list) else ()
    pairs = tuple(
        (str(each.get("token")), _logprob(each.get("logprob")))
        for each in entries
        if isinstance(each, Mapping)
    )
    return Token(str(value.get("token")), _logprob(value.get("logprob")), pairs)


def _pairs(value: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, Mapping):
        return ()
    return tuple((str(text), _logprob(logprob)) for text, logprob in value.items())


def _logprob(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else -math.inf
