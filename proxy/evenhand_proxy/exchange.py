"""One request and what became of it: the facts that audit and telemetry are written from.

`Opening` is known before the engine is called, `Outcome` after the answer ended. Both are plain
values: the journal stores them, telemetry projects them, and neither is asked by the hot path for
anything but to take them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

OutcomeKind = Literal[
    "completed",  # the engine's answer reached the client whole, with a status below 400
    "refused",  # the engine, or strict mode, answered 4xx
    "upstream_failed",  # unreachable, timed out, or 5xx
    "upstream_broken",  # the answer ended before it was complete
    "client_cancelled",  # the client went away first
    "proxy_failed",  # a fault of ours
    "unknown_outcome",  # the proxy ended before it could write the outcome
]

UsageSource = Literal["engine", "estimate"]


@dataclass(frozen=True, slots=True)
class Opening:
    """A request that was accepted and is about to be sent upstream.

    `opened_at` is seconds since the Unix epoch, `route` the path that was called. `decoding` is
    the decoding record as the JSON document that `POST /v1/decoding/explain` answers with;
    `sent_parameters` are the canonical decoding parameters that went on the wire.
    """

    request_id: str
    opened_at: float
    route: str
    model: str
    engine: str
    upstream_model: str
    server_address: str
    server_port: int
    stream: bool
    fingerprint: str
    decoding: bytes
    sent_parameters: Mapping[str, Any] = field(default_factory=dict)
    profile: str | None = None
    key_name: str | None = None
    client_request_id: str | None = None
    traceparent: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, and whether the engine reported them or they were estimated with tiktoken."""

    prompt_tokens: int | None
    completion_tokens: int | None
    source: UsageSource
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the request ended.

    `duration` and `first_byte` are seconds since the opening, on a monotonic clock. `status` is
    the HTTP status that the client got, None if it got none. `content` is the raw answer, only
    where the config stores content.
    """

    request_id: str
    closed_at: float
    kind: OutcomeKind
    status: int | None
    duration: float
    first_byte: float | None = None
    usage: Usage | None = None
    finish_reasons: tuple[str, ...] = ()
    response_id: str | None = None
    response_model: str | None = None
    bytes_out: int = 0
    error: str | None = None
    content: bytes | None = None
