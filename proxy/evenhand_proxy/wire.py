"""Reading a request body: JSON in OpenAI's shape, as bytes, into a dictionary that can be trusted.

What every JSON library takes in silence is refused or preserved here: of two equal keys all keep
the last, and integers past 64 bits become floats.
"""

import json
from typing import Any

import orjson

from evenhand_proxy.decoding import SPELLINGS
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

_WATCHED = {name: b'"' + name.encode() + b'"' for name in (*SPELLINGS, "model", "stream")}


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


def _needs_care(body: bytes, document: dict[str, Any]) -> bool:
    """Whether a watched key might stand twice, or a number may have lost digits."""
    if b"\\u00" in body:
        return True
    for name, quoted in _WATCHED.items():
        if name in document:
            if body.count(quoted) > 1:
                return True
            value = document[name]
            if isinstance(value, float) and abs(value) >= 2**53:
                return True
    return False


def _parse_with_care(body: bytes) -> dict[str, Any]:
    depth_first: list[dict[str, Any]] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            found["\0twice"] = next(name for name in names if names.count(name) > 1)
        depth_first.append(found)
        return found

    document: dict[str, Any] = json.loads(body, object_pairs_hook=collect)
    twice = document.pop("\0twice", None)
    for inner in depth_first:
        inner.pop("\0twice", None)
    if twice is not None:
        raise RequestError(
            f"{twice}: stands in the body twice. Keep one of them: parsers disagree on which wins.",
            param=twice,
            code="duplicate_field",
        )
    return document


def model_of(document: dict[str, Any]) -> str:
    """Give the requested model's name.

    Raises:
        RequestError: there is none, or it is no text.

    """
    name = document.get("model")
    if not isinstance(name, str) or not name:
        raise RequestError(
            f"model: {name!r} is no model name. Send one of those that GET /v1/models lists.",
            param="model",
            code="model_missing",
        )
    return name
