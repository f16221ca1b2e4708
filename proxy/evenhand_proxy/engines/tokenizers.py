"""How each engine's own tokeniser is asked, as data, and one shape for all of them.

A body in the words of any of the engines is understood, and the answer has everybody's names.
Nothing is sent from here: a `Talk` yields the calls to make and is sent their answers.
"""

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evenhand_proxy.errors import RequestError, UpstreamError


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """The words of one engine's `/tokenize` and `/detokenize`, both at the server's root.

    text, special: the fields of the text, and of the switch for special tokens around it.
    told: the field in which `/detokenize` gives a text.
    renders: the route that writes a chat as a text, None where `/tokenize` takes the messages.
    whole: fields that make `/detokenize` show every token.
    sees: whether it counts the tokens of an image in a chat.
    lacks, lacks_in_chats: values of fields that it would ignore without a word.
    """

    text: str
    special: str
    told: str
    renders: str | None = None
    whole: Mapping[str, Any] = field(default_factory=dict)
    sees: bool = False
    lacks: Mapping[str, Any] = field(default_factory=dict)
    lacks_in_chats: Mapping[str, Any] = field(default_factory=dict)


TOKENIZERS: Final[Mapping[str, Tokenizer]] = {
    # sglang 0.5.20 srt/entrypoints/openai/serving_tokenize.py, protocol.py TokenizeRequest
    "sglang": Tokenizer(
        "prompt",
        "add_special_tokens",
        "text",
        whole={"skip_special_tokens": False},
        lacks={"return_token_strs": True, "with_pieces": True, "parse_special": False},
        lacks_in_chats={"add_special_tokens": True, "add_generation_prompt": False},
    ),
    # vllm 0.32.0 entrypoints/serve/tokenize/protocol.py
    "vllm": Tokenizer(
        "prompt",
        "add_special_tokens",
        "prompt",
        sees=True,
        lacks={"with_pieces": True, "parse_special": False, "skip_special_tokens": True},
    ),
    # llama.cpp tools/server/README.md: POST /tokenize, /detokenize, /apply-template
    "llamacpp": Tokenizer(
        "content",
        "add_special",
        "content",
        renders="/apply-template",
        lacks={"return_token_strs": True, "skip_special_tokens": True},
        lacks_in_chats={"add_special_tokens": True},
    ),
}
"""Engines that tokenise for their clients."""

MOST_AT_ONCE: Final = 128
"""Texts, or lists of token ids, that one request may hold."""

_TEXTS: Final = ("prompt", "content", "text")
_SPECIALS: Final = ("add_special_tokens", "add_special")
_NOT_PASSED: Final = frozenset(("model", "messages", "tokens", *_TEXTS, *_SPECIALS))


_LARGEST: Final = 2**31 - 1
"""llama.cpp takes the lower 32 bits of a larger id, and so another token, without a word."""

_OUTSIDE: Final = re.compile(
    r"_M_range_check|invalid vector subscript|^vector$|out of (range|bounds|vocab)"
    r"|piece id|invalid token|too (large|big) to convert",
    re.IGNORECASE,
)
"""How C++, SentencePiece, tiktoken and the Rust tokenisers say that there is no such token."""

_MEDIA: Final = re.compile(r"(?:input_)?(image|audio|video)(?:_url)?")
"""Types of the parts of a message that are no text."""


@dataclass(frozen=True, slots=True)
class Call:
    """One POST to the engine, at a path from the server's root."""

    path: str
    body: Mapping[str, Any]


Talk = Generator[Call, Mapping[str, Any], dict[str, Any]]
"""Yields calls, is sent the bodies of their answers, returns the answer for the client."""


def tokenise(tokenizer: Tokenizer, document: Mapping[str, Any], model: str) -> Talk:
    """Give the token ids of a text, of several, or of a chat.

    Raises:
        RequestError: it is not said of what, or the engine cannot do it as it is asked.
        UpstreamError: an answer has no tokens in it.

    """
    special = _special(document)
    if document.get("messages") is not None:
        return (yield from _chat(tokenizer, document, model, special))
    texts = _texts(document)
    if special is None:  # llama.cpp's default, of which its clients know, is the other way round
        special = any(document.get(name) is not None for name in ("prompt", "text"))
    _check_count("prompt", texts)
    rest = _rest(document, tokenizer.lacks)
    answers = []
    for text in [texts] if isinstance(texts, str) else texts:
        asked = {"model": model, tokenizer.text: text, tokenizer.special: special, **rest}
        answers.append(_counted((yield Call("/tokenize", asked))))
    if isinstance(texts, str):
        return answers[0]
    return {name: [each[name] for each in answers] for name in ("tokens", "count")}


def detokenise(tokenizer: Tokenizer, document: Mapping[str, Any], model: str) -> Talk:
    """Give the text of token ids, or the texts of several lists of them.

    Raises:
        RequestError: there are no token ids.
        UpstreamError: an answer has no text in it.

    """
    tokens = document.get("tokens")
    if tokens is None:
        raise RequestError(
            "tokens: missing. Send a list of the whole numbers that /tokenize gave.", param="tokens"
        )
    several = isinstance(tokens, list) and bool(tokens) and isinstance(tokens[0], list)
    lists = tokens if several else [tokens]
    _check_count("tokens", lists)
    if not all(_are_ids(each) for each in lists):
        raise RequestError(
            f"tokens: {json.dumps(tokens, ensure_ascii=False)[:60]} is no list of token ids. Send "
            "whole numbers that /tokenize gave, or a list of such lists.",
            param="tokens",
        )
    for each in (number for ids in lists for number in ids if not 0 <= number <= _LARGEST):
        raise RequestError(
            f"tokens: {each} is no token id. Send whole numbers that /tokenize gave.",
            param="tokens",
        )
    rest = {**tokenizer.whole, **_rest(document, tokenizer.lacks)}
    texts = []
    for ids in lists:
        answer = yield Call("/detokenize", {"model": model, "tokens": ids, **rest})
        texts.append(_said(answer, tokenizer.told))
    return dict.fromkeys(_TEXTS, texts if several else texts[0])


def out_of_vocabulary(call: Call, message: str) -> RequestError | None:
    """Give what to tell of an engine's error, None if it is not about a token that it lacks."""
    ids = call.body.get("tokens")
    if not ids or not _OUTSIDE.search(message):
        return None
    return RequestError(
        f"tokens: one of them is outside the model's vocabulary; the largest is {max(ids)}. "
        "Send whole numbers that /tokenize of this model gave.",
        param="tokens",
    )


def _chat(
    tokenizer: Tokenizer, document: Mapping[str, Any], model: str, special: bool | None
) -> Talk:
    given = next((name for name in _TEXTS if document.get(name) is not None), None)
    if given is not None:
        raise RequestError(
            f"messages: there is {given} too. Send a chat or a text, not both.", param="messages"
        )
    if not tokenizer.sees:
        _check_media(document["messages"])
    chat = {name: value for name, value in document.items() if name not in _SPECIALS}
    if special is not None:
        chat["add_special_tokens"] = special
    if chat.get("continue_final_message") and "add_generation_prompt" in tokenizer.lacks_in_chats:
        chat.pop("add_generation_prompt", None)  # there it goes without saying
    rest = _rest(chat, {**tokenizer.lacks, **tokenizer.lacks_in_chats})
    asked = {"model": model, "messages": document["messages"], **rest}
    if tokenizer.renders is None:
        if special is not None:
            asked["add_special_tokens"] = special
        return _counted((yield Call("/tokenize", asked)))
    text = _said((yield Call(tokenizer.renders, asked)), "prompt")
    # as llama.cpp's chat route does with its own text; it adds nothing that stands there already
    return _counted(
        (yield Call("/tokenize", {"model": model, "content": text, "add_special": True}))
    )


def _check_media(messages: Any) -> None:
    """Refuse a part whose tokens the engine would leave out of the count."""
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        parts = message.get("content") if isinstance(message, dict) else None
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            kind = part.get("type") if isinstance(part, dict) else None
            found = _MEDIA.fullmatch(kind) if isinstance(kind, str) else None
            if found is not None:
                raise RequestError(
                    f"messages[{place}].content[{number}]: {found[1]} parts have no tokens "
                    "here, as this model's engine counts those of texts only. Leave it out.",
                    param="messages",
                )


def _check_count(name: str, asked: str | list[Any]) -> None:
    """Each of several is a call of its own, and the engine's to bear."""
    if isinstance(asked, list) and len(asked) > MOST_AT_ONCE:
        raise RequestError(
            f"{name}: {len(asked)} at once are more than {MOST_AT_ONCE}. Send fewer in a request.",
            param=name,
        )


def _texts(document: Mapping[str, Any]) -> str | list[str]:
    given = {name: document[name] for name in _TEXTS if document.get(name) is not None}
    if not given:
        raise RequestError(
            "prompt: there is no text. Send one as prompt (or content), or a chat as messages.",
            param="prompt",
        )
    (name, text), *others = given.items()
    for other, value in others:
        if value != text:
            raise RequestError(f"{name} and {other} differ. Send one of them.", param=other)
    if isinstance(text, str):
        return text
    if isinstance(text, list) and text and all(isinstance(each, str) for each in text):
        return text
    raise RequestError(f"{name}: must be a text or a list of texts.", param=name)


def _special(document: Mapping[str, Any]) -> bool | None:
    given = {name: document[name] for name in _SPECIALS if document.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, bool):
            raise RequestError(f"{name}: must be true or false.", param=name)
    if len(set(given.values())) > 1:
        raise RequestError(f"{' and '.join(given)} differ. Send one of them.", param=_SPECIALS[0])
    return next(iter(given.values()), None)


def _rest(document: Mapping[str, Any], lacks: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that go on as they are."""
    for name in _ignored(document, lacks):
        raise RequestError(
            f"{name}: {str(document[name]).lower()} cannot be had from this model's engine, which "
            "would ignore it. Leave it out.",
            param=name,
        )
    return {name: value for name, value in document.items() if name not in _NOT_PASSED}


def _ignored(document: Mapping[str, Any], lacks: Mapping[str, Any]) -> Iterator[str]:
    return (name for name, value in lacks.items() if document.get(name) is value)


def _counted(answer: Mapping[str, Any]) -> dict[str, Any]:
    tokens = answer.get("tokens")
    if not isinstance(tokens, list):
        raise UpstreamError("The engine's answer has no tokens.")
    return {**answer, "tokens": tokens, "count": len(tokens)}


def _said(answer: Mapping[str, Any], name: str) -> str:
    text = answer.get(name)
    if not isinstance(text, str):
        raise UpstreamError(f"The engine's answer has no text in {name}.")
    return text


def _are_ids(tokens: Sequence[Any] | None) -> bool:
    return isinstance(tokens, list) and all(type(each) is int for each in tokens)
