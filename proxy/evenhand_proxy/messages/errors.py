"""Errors in Anthropic's shape.

The types by status are those of the table of HTTP errors in Anthropic's API reference; other 4xx
are `invalid_request_error` there. 503 is ours: "come again later", which Anthropic says with 529.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.errors import HTTPError
from evenhand_proxy.wire import serialise

ERROR_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""Anthropic's error type for each status that has one of its own."""


def error_type(status: int) -> str:
    """Give Anthropic's error type for an HTTP status."""
    return ERROR_TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")


def error_body(error: HTTPError, request_id: str | None = None) -> dict[str, Any]:
    """Give one of our errors as the body of an answer."""
    return _body(error_type(error.status), error.message, request_id)


def upstream_error_body(
    status: int, document: Any, request_id: str | None = None
) -> dict[str, Any]:
    """Give an engine's error, in any of the shapes that engines use, as the body of an answer."""
    said = engine_error(document)
    message = said[1] if said else f"The engine answered with HTTP {status}."
    return _body(error_type(status), message, request_id)


def error_event(kind: str, message: str) -> bytes:
    """Give the event that tells a client in the middle of a stream what went wrong."""
    return b"event: error\ndata: " + serialise(_error(kind, message)) + b"\n\n"


def engine_error(document: Any) -> tuple[str, str] | None:
    """Give the type and message of an error that an engine sent, None where it is no error.

    OpenAI's error object, SGLang's flat one (`object: error`), or a bare text. The type follows
    from its `code` where that is a status.
    """
    if not isinstance(document, dict):
        return None
    found = document.get("error")
    if found is None:
        if document.get("object") != "error":
            return None
        found = document
    if not isinstance(found, dict):
        return error_type(500), _readable(found)
    message = found.get("message")
    return error_type(_status(found.get("code"))), _readable(found if message is None else message)


def _status(code: Any) -> int:
    if isinstance(code, str) and len(code) == 3 and code.isdecimal():
        return int(code)
    return code if isinstance(code, int) else 500


def _readable(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return serialise(value).decode()
    except RecursionError:
        return "The engine's error is nested too deeply to be shown."


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _body(kind: str, message: str, request_id: str | None) -> dict[str, Any]:
    return {**_error(kind, message), "request_id": request_id}
