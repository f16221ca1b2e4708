"""What a request asks of the toy engine, and what a lying engine makes of it.

Order: `refuse` looks at the names as sent; `ignore` drops them unread; the rest is checked as a
strict engine would; `alter` changes what is left.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.toy_grammar import (
    ANY_OBJECT,
    UnsupportedGrammar,
    choice_pattern,
    notation_pattern,
    schema_pattern,
)
from tests.toy_model import ASSISTANT, SYSTEM, USER, VOCABULARY, tokenize
from tests.toy_sampling import Decoding

SHORT_THINKING, LONG_THINKING = 8, 24

_ALIASES = {
    "max_completion_tokens": "max_tokens",
    "guided_choice": "choice",
    "guided_regex": "regex",
    "guided_json": "json",
    "guided_grammar": "grammar",
    "ebnf": "grammar",
}
_NESTED = {
    "structured_outputs": ("choice", "regex", "json", "grammar"),
    "chat_template_kwargs": ("enable_thinking",),
}
_EFFORTS = {"none": 0, "low": SHORT_THINKING, "medium": LONG_THINKING, "high": LONG_THINKING}
_ROLES = {"system": SYSTEM, "developer": SYSTEM, "user": USER, "assistant": ASSISTANT}


class BadRequest(Exception):
    """A request that the engine does not take: an answer 400 that names the parameter."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Lies:
    """How an engine lies; nothing by default. Names are wire names or canonical ones.

    Attributes:
        ignore: Accepted unread, without effect. `max_tokens` covers its other spelling,
            `choice`, `regex`, `grammar` and `json` all of theirs; `greedy` makes temperature 0 act
            as 1.
        alter: The value that acts in place of one that was sent (never of one that was not);
            a callable is given the one sent. Values are canonical, after the checks.
        refuse: A 400 whose `param` is the name, for exactly this wire name.
    """

    ignore: Collection[str] = ()
    alter: Mapping[str, Any] = field(default_factory=dict)
    refuse: Collection[str] = ()

    def __post_init__(self) -> None:
        """Refuse a name that would change nothing."""
        wire = {*_CHECKS, *_ALIASES, *_NESTED, "logprobs"}
        known = {"ignore": wire | {"greedy"}, "alter": {*_CHECKS, *_ALIASES, "logprobs"}}
        for kind, names in (
            ("ignore", self.ignore),
            ("alter", self.alter),
            ("refuse", self.refuse),
        ):
            unknown = set(names) - known.get(kind, wire)
            if unknown:
                raise ValueError(f"{kind}: the toy engine knows no {sorted(unknown)}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _between(low: float, high: float, kind: Callable[[Any], bool] = _number) -> Callable[..., bool]:
    return lambda value: kind(value) and low <= value <= high


def _is_token(value: Any) -> bool:
    return _whole(value) and 0 <= value < len(VOCABULARY)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text for text in value)


def _bias(value: Any) -> bool:
    return isinstance(value, dict) and all(
        str(token).isdecimal() and int(token) < len(VOCABULARY) and _between(-100, 100)(offset)
        for token, offset in value.items()
    )


_MANY = 1_000_000
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (_between(0, 2), "a number from 0 to 2"),
    "top_p": (lambda v: _between(0, 1)(v) and v > 0, "a number above 0, at most 1"),
    "top_k": (_between(-1, _MANY, _whole), "-1, 0 or a positive integer"),
    "min_p": (_between(0, 1), "a number from 0 to 1"),
    "seed": (_whole, "an integer"),
    "max_tokens": (_between(1, 4096, _whole), "an integer from 1 to 4096"),
    "min_tokens": (_between(0, 4096, _whole), "an integer from 0 to 4096"),
    "stop": (lambda v: _texts([v] if isinstance(v, str) else v), "a text or a list of texts"),
    "stop_token_ids": (
        lambda v: isinstance(v, list) and all(_is_token(token) for token in v),
        "a list of token ids of the vocabulary",
    ),
    "n": (_between(1, 128, _whole), "an integer from 1 to 128"),
    "presence_penalty": (_between(-2, 2), "a number from -2 to 2"),
    "frequency_penalty": (_between(-2, 2), "a number from -2 to 2"),
    "repetition_penalty": (lambda v: _between(0, 10)(v) and v > 0, "a number above 0"),
    "logit_bias": (_bias, "token ids of the vocabulary with offsets from -100 to 100"),
    "top_logprobs": (_between(0, 20, _whole), "an integer from 0 to 20"),
    "ignore_eos": (lambda v: isinstance(v, bool), "true or false"),
    "enable_thinking": (lambda v: isinstance(v, bool), "true or false"),
    "reasoning_effort": (lambda v: v in _EFFORTS, f"one of {', '.join(_EFFORTS)}"),
    "choice": (lambda v: _texts(v) and len(v) > 0, "a list of texts"),
    "regex": (lambda v: isinstance(v, str), "a regular expression"),
    "json": (lambda v: isinstance(v, dict), "a JSON schema"),
    "grammar": (lambda v: isinstance(v, str), "a grammar"),
    "response_format": (
        lambda v: isinstance(v, dict) and v.get("type") in ("text", "json_object", "json_schema"),
        "an object whose type is text, json_object or json_schema",
    ),
}
_CHAT_LOGPROBS = (lambda v: isinstance(v, bool), "true or false")
_TEXT_LOGPROBS = (_between(0, 20, _whole), "an integer from 0 to 20")


def decoding_of(body: Mapping[str, Any], lies: Lies, *, chat: bool) -> Decoding:
    """The decoding that acts for a body, lies included.

    Raises:
        BadRequest: A value is wrong or refused.
    """
    for name in body:
        if name in lies.refuse and body[name] is not None:
            raise BadRequest(f"{name} is not supported by this engine", name)
    sent = _flattened(body, lies)
    for name, (value, wire) in sent.items():
        check, expected = _check(name, chat=chat)
        if not check(value):
            raise BadRequest(f"{wire} must be {expected}, got {value!r}", wire)
    values = {name: value for name, (value, _) in sent.items()}
    _together(values)
    for name, change in lies.alter.items():
        canonical = _ALIASES.get(name, name)
        if canonical in values:
            old = values[canonical]
            values[canonical] = change(old) if callable(change) else change
    if "greedy" in lies.ignore and values.get("temperature") == 0:
        values["temperature"] = 1.0
    return _built(values, chat=chat)


def _flattened(body: Mapping[str, Any], lies: Lies) -> dict[str, tuple[Any, str]]:
    """Canonical name to value and wire name, for each that is known, not null and not ignored."""
    pairs: list[tuple[str, str, Any]] = []
    for wire, value in body.items():
        if wire in lies.ignore:
            continue
        if wire in _NESTED and isinstance(value, dict):
            pairs += [(name, wire, value.get(name)) for name in _NESTED[wire]]
        else:
            pairs.append((_ALIASES.get(wire, wire), wire, value))
    sent: dict[str, tuple[Any, str]] = {}
    for name, wire, value in pairs:
        known = name in _CHECKS or name == "logprobs"
        newer = name in sent and wire == "max_tokens"  # max_completion_tokens has precedence
        if known and value is not None and name not in lies.ignore and not newer:
            sent[name] = (value, wire)
    if "logprobs" in lies.ignore:
        sent.pop("top_logprobs", None)
    return sent


def _check(name: str, *, chat: bool) -> tuple[Callable[[Any], bool], str]:
    if name == "logprobs":
        return _CHAT_LOGPROBS if chat else _TEXT_LOGPROBS
    return _CHECKS[name]


def _together(values: Mapping[str, Any]) -> None:
    """Refuse values that exclude each other."""
    if values.get("top_logprobs") and not values.get("logprobs"):
        raise BadRequest("top_logprobs needs logprobs to be true", "top_logprobs")
    if values.get("min_tokens", 0) > values.get("max_tokens", _MANY):
        raise BadRequest("min_tokens must not be above max_tokens", "min_tokens")
    constraints = [name for name in _CONSTRAINTS[:4] if name in values]
    if len(constraints) > 1:
        raise BadRequest("only one constraint can be given", constraints[1])


_CONSTRAINTS = ("choice", "json", "regex", "grammar", "response_format")
_DIRECT = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "max_tokens",
    "min_tokens",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "ignore_eos",
)


def _built(values: Mapping[str, Any], *, chat: bool) -> Decoding:
    stop = values.get("stop", [])
    bias = values.get("logit_bias", {})
    return Decoding(
        **{name: values[name] for name in _DIRECT if name in values},
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        stop_token_ids=tuple(values.get("stop_token_ids", [])),
        logit_bias=tuple((int(token), float(offset)) for token, offset in bias.items()),
        logprobs=_alternatives(values, chat=chat),
        thinking=_thinking(values) if chat else 0,
        pattern=_pattern(values),
    )


def _alternatives(values: Mapping[str, Any], *, chat: bool) -> int | None:
    if not chat:
        return values.get("logprobs")
    return values.get("top_logprobs", 0) if values.get("logprobs") else None


def _thinking(values: Mapping[str, Any]) -> int:
    """The template's switch wins over the effort."""
    if "enable_thinking" in values:
        on = _EFFORTS.get(values.get("reasoning_effort", "high")) or LONG_THINKING
        return on if values["enable_thinking"] else 0
    return _EFFORTS[values.get("reasoning_effort", "none")]


def _pattern(values: Mapping[str, Any]) -> str | None:
    try:
        if "choice" in values:
            return choice_pattern(values["choice"])
        if "json" in values:
            return schema_pattern(values["json"])
        if "regex" in values:
            return str(values["regex"])
        if "grammar" in values:
            return notation_pattern(values["grammar"])
        form = values.get("response_format", {"type": "text"})
        if form["type"] == "json_schema":
            return schema_pattern(form["json_schema"]["schema"])
        return ANY_OBJECT if form["type"] == "json_object" else None
    except (UnsupportedGrammar, KeyError, TypeError, AttributeError) as error:
        named = next(name for name in _CONSTRAINTS if name in values)
        raise BadRequest(f"the constraint cannot be followed: {error}", named) from error


def chat_prompt(body: Mapping[str, Any]) -> list[int]:
    """The template: each message after its role's token, then `<assistant>`."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message", "messages")
    tokens: list[int] = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise BadRequest(f"a message must have a role of {', '.join(_ROLES)}", "messages")
        tokens += [_ROLES[message["role"]], *tokenize(_content(message.get("content")))]
    return [*tokens, ASSISTANT]


def _content(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise BadRequest("content must be a text or a list of parts", "messages")


def text_prompt(body: Mapping[str, Any]) -> list[int]:
    """The prompt of a plain completion: one text, or one list of token ids."""
    prompt = body.get("prompt")
    if isinstance(prompt, str) and prompt:
        return tokenize(prompt)
    if isinstance(prompt, list) and prompt and all(_is_token(token) for token in prompt):
        return prompt
    raise BadRequest("prompt must be one text or one list of token ids, not empty", "prompt")
