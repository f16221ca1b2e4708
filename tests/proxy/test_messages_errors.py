"""Errors in Anthropic's shape."""

from typing import Any

import pytest

from evenhand_proxy.errors import (
    AuditUnavailable,
    AuthenticationError,
    BodyTooLarge,
    HTTPError,
    ModelNotFound,
    RequestError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from evenhand_proxy.messages import error_body, error_event, error_type, upstream_error_body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_types_by_status(status: int, kind: str) -> None:
    """By hand from the API reference; 503 is ours."""
    assert error_type(status) == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestError("no"), "invalid_request_error"),
        (AuthenticationError("no"), "authentication_error"),
        (ModelNotFound("no"), "not_found_error"),
        (BodyTooLarge("no"), "request_too_large"),
        (UpstreamUnreachable("no"), "api_error"),
        (UpstreamTimeout("no"), "timeout_error"),
        (AuditUnavailable("no"), "overloaded_error"),
        (HTTPError("no"), "api_error"),
    ],
)
def test_our_own_errors(error: HTTPError, kind: str) -> None:
    """Each keeps its message and names the request."""
    assert error_body(error, "req_1") == {
        "type": "error",
        "error": {"type": kind, "message": "no"},
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"error": {"message": "too long", "type": "x", "code": 500}}, "too long"),
        ({"object": "error", "message": "too long", "code": 400}, "too long"),
        ({"error": "too long"}, "too long"),
        ({"error": {"reason": 5}}, '{"reason":5}'),
        ({"detail": "Not Found"}, "The engine answered with HTTP 400."),
        ("nonsense", "The engine answered with HTTP 400."),
    ],
)
def test_an_engines_error(document: Any, message: str) -> None:
    """The status that the client gets decides the type, whatever the engine's document says."""
    assert upstream_error_body(400, document, None) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": message},
        "request_id": None,
    }


def test_the_event_in_a_stream() -> None:
    """As the streaming guide shows it; a line break in the message stays within the data."""
    assert error_event("overloaded_error", "Over\nloaded") == (
        b"event: error\n"
        b'data: {"type":"error","error":{"type":"overloaded_error","message":"Over\\nloaded"}}\n\n'
    )
