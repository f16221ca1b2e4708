"""Writing HTTP answers by hand, for the routes that cannot afford a framework."""

from collections.abc import Iterable
from typing import Any

import orjson

from evenhand_proxy.api.guard import Send
from evenhand_proxy.errors import HTTPError, UpstreamError
from evenhand_proxy.exchange import Opening

Headers = Iterable[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")

RELAYED = ("content-type", "retry-after", "openai-processing-ms", "openai-version")
"""Headers of the engine's that reach the client; all others stay here."""

RELAYED_PREFIX = "x-ratelimit-"


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send an answer whose body is at hand."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def error_event(error: HTTPError, *, at_boundary: bool) -> bytes:
    """Give the SSE event that tells a client in the middle of a stream what went wrong.

    `at_boundary` is whether the stream stands between two events; if not, the torn one is ended.
    """
    return (b"" if at_boundary else b"\n\n") + b"data: " + orjson.dumps(error.body()) + b"\n\n"


def relayed(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Give those of the engine's headers that are sent on."""
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in headers
        if name in RELAYED or name.startswith(RELAYED_PREFIX)
    ]


def not_found(body: bytes, opening: Opening) -> bytes:
    """Give an engine's 404 in OpenAI's shape, saying whose it is: ours know every route here."""
    document = in_openai_shape(404, body)
    document["error"]["message"] = (
        f"{opening.model}: its engine answers HTTP 404 ({document['error']['message']}). It has no "
        f"model {opening.upstream_model!r} or no such route; see models.{opening.model} in the "
        "proxy's config."
    )
    return orjson.dumps(document)


def key_refused(status: int, opening: Opening) -> UpstreamError:
    """Give the error for an engine that does not take the proxy's own key."""
    return UpstreamError(
        f"The engine refuses the proxy's own key (HTTP {status}). "
        f"Set models.{opening.model}.api_key in the proxy's config.",
        code="upstream_key_refused",
    )


def in_openai_shape(status: int, body: bytes) -> dict[str, Any]:
    """Give an engine's error body in OpenAI's shape, whatever it has of it already.

    SGLang answers `{"object": "error", "message", ...}` and FastAPI `{"detail": ...}`.
    """
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = body.decode("utf-8", "replace")[:2000]
    found = document if isinstance(document, dict) else {}
    if isinstance(found.get("error"), dict):
        found = found["error"]
    message = found.get("message") or found.get("detail") or found.get("error") or document
    kind = "invalid_request_error" if status < 500 else "upstream_error"
    return {
        "error": {
            "message": message if isinstance(message, str) else orjson.dumps(message).decode(),
            "type": found.get("type") or kind,
            "param": found.get("param"),
            "code": str(found.get("code") or status),
        }
    }
