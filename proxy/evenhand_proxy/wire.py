"""Reading a request body: JSON in OpenAI's shape, as bytes, into a dictionary that can be trusted.

What every JSON library takes in silence is refused or preserved here: of two equal keys all keep
the last, and integers past 64 bits become floats.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from evenhand_proxy.decoding import CLIENT
from evenhand_proxy.errors import RequestError

FORBIDDEN = frozenset(
    (
        "api_base",
        "api_key",
        "base_url",
        "custom_host",
        "custom_logit_processor",
        "extra_headers",
        "lora_path",
        "model_list",
    )
)
"""Fields that would redirect the call, leak a key or run code in an engine; never sent on."""

_TOP_LEVEL = (
    "input",
    "instructions",
    "messages",
    "model",
    "prompt",
    "stream",
    "stream_options",
    "system",
    "tools",
)
_WATCHED = {name: b'"' + name.encode() + b'"' for name in (*CLIENT, *_TOP_LEVEL)}
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else 32 for byte in range(256))
_LONG_NUMBER = b"0" * 19
"""The shortest whole number beyond 64 bits, of which orjson makes a float."""

_INT64 = range(-(2**63), 2**64)

_Doubled = tuple[str, dict[str, Any]]
"""A key that stands in an object twice, and the object, kept so that its id stays its own."""


def parse(body: bytes) -> dict[str, Any]:
    """Parse a request body.

    Raises:
        RequestError: not a JSON object, a field that stands in it twice, or a forbidden field.

    """
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            f"The body is not valid JSON: {error}. Send one JSON object in UTF-8.",
            code="invalid_json",
        ) from error
    if not isinstance(document, dict):
        raise RequestError(
            "The body is not a JSON object. Send an object with model and messages.",
            code="invalid_json",
        )
    fields: dict[str, Any] = document
    if _needs_care(body, fields):
        fields = _parse_with_care(body)
    for name in FORBIDDEN & fields.keys():
        raise RequestError(
            f"{name}: is not accepted from clients. Leave it out; the proxy's config decides it.",
            param=name,
            code="forbidden_field",
        )
    return fields


def serialise(document: Any) -> bytes:
    """Write JSON: whole numbers of any size as they are, which orjson refuses beyond 64 bits."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, separators=(",", ":")).encode()


def _needs_care(body: bytes, document: dict[str, Any]) -> bool:
    """Whether a watched key might stand twice, or a number may have lost digits."""
    if b"\\u00" in body or _LONG_NUMBER in body.translate(_DIGITS):
        return True
    for name, value in document.items():
        if name in CLIENT and isinstance(value, dict):
            return True
        if name in _WATCHED and body.count(_WATCHED[name]) > 1:
            return True
    return False


def _parse_with_care(body: bytes) -> dict[str, Any]:
    doubled: dict[int, _Doubled] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            doubled[id(found)] = (_first_doubled(pairs), found)
        return found

    try:
        document: dict[str, Any] = json.loads(body, object_pairs_hook=collect)
    except (ValueError, RecursionError) as error:
        raise RequestError(
            "The body cannot be read. Send numbers and nesting of a sensible size.",
            code="invalid_json",
        ) from error
    _check_fields(document, doubled)
    return document


def _first_doubled(pairs: list[tuple[str, Any]]) -> str:
    counts = Counter(name for name, _ in pairs)
    return next(name for name, count in counts.items() if count > 1)


def _check_fields(document: dict[str, Any], doubled: dict[int, _Doubled]) -> None:
    """Refuse doubled keys and long numbers: at the top, and inside what carries decoding."""
    if id(document) in doubled:
        raise _twice(doubled[id(document)][0])
    for path, value in _carried(document):
        if id(value) in doubled:
            raise _twice(f"{path}.{doubled[id(value)][0]}")
        if isinstance(value, int) and value not in _INT64 and path.count(".") <= 1:
            raise RequestError(
                f"{path}: {str(value)[:40]} does not fit into 64 bits. Send a smaller number.",
                param=path,
            )


def _carried(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give every value of the fields that carry decoding, however deep, with its path."""
    waiting = [(name, value) for name, value in document.items() if name in CLIENT]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}", item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}.{place}", item) for place, item in enumerate(value)]


def _twice(path: str) -> RequestError:
    return RequestError(
        f"{path}: stands in the body twice. Keep one of them: parsers disagree on which wins.",
        param=path,
        code="duplicate_field",
    )


def model_of(document: dict[str, Any]) -> str:
    """Give the requested model's name.

    Raises:
        RequestError: there is none, or it is no text.

    """
    name = document.get("model")
    if not isinstance(name, str) or not name:
        said = "missing" if name is None else f"{name!r} is no model name"
        raise RequestError(
            f"model: {said}. Send one of those that GET /v1/models lists.",
            param="model",
            code="model_missing",
        )
    return name
