"""The journal's tables, and how `Opening`, `Outcome` and `Event` become rows and come back.

Every table is insert-only: a request is an `opening` row and, later, an `outcome` row; a proxy
process is a `writer` row and, when it ended, a `writer_end` row; an event is an `event` row.
Triggers refuse updates and deletions, which guards against slips, not against someone who may
write to the file.
"""

import json
from dataclasses import fields

from evenhand_proxy.events import Event
from evenhand_proxy.exchange import Opening, Outcome, Usage

SCHEMA_VERSION = 2
"""Stands in `PRAGMA user_version`; 0 is an empty file."""

WITHOUT_EVENTS = 1
"""The version before: the same tables without `event`, read as they are and migrated to write."""

_TABLES = """
CREATE TABLE writer (
    id TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    pid INTEGER NOT NULL,
    first_seq INTEGER NOT NULL  -- no opening of this writer has a smaller seq
) STRICT;
CREATE TABLE writer_end (
    id TEXT PRIMARY KEY,
    ended_at REAL NOT NULL,
    dangling INTEGER NOT NULL   -- openings that were given unknown_outcome
) STRICT;
CREATE TABLE opening (
    seq INTEGER PRIMARY KEY,
    writer TEXT NOT NULL,
    request_id TEXT NOT NULL UNIQUE,
    opened_at REAL NOT NULL,
    route TEXT NOT NULL,
    model TEXT NOT NULL,
    engine TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    server_address TEXT NOT NULL,
    server_port INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    decoding BLOB NOT NULL,
    sent_parameters TEXT NOT NULL,  -- JSON
    profile TEXT,
    key_name TEXT,
    client_request_id TEXT,
    traceparent TEXT,
    content BLOB
) STRICT;
CREATE INDEX opening_by_time ON opening (opened_at);
CREATE INDEX opening_by_model ON opening (model, opened_at);
CREATE TABLE outcome (
    request_id TEXT NOT NULL UNIQUE,
    closed_at REAL NOT NULL,
    kind TEXT NOT NULL,
    status INTEGER,
    duration REAL,                  -- NULL where the end was not seen
    first_byte REAL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    usage_source TEXT,
    usage_encoding TEXT,
    finish_reasons TEXT NOT NULL,   -- JSON
    response_id TEXT,
    response_model TEXT,
    bytes_out INTEGER NOT NULL,
    error TEXT,
    content BLOB
) STRICT;
"""

_EVENT_TABLE = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    writer TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    model TEXT,                     -- NULL for an event that is of no single model
    document TEXT NOT NULL          -- JSON
) STRICT;
CREATE INDEX event_by_time ON event (at);
"""

_GUARD = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is insert-only'); END;
"""


def _script(tables: str, *guarded: str) -> str:
    """Give the script that makes tables which refuse changes, as one transaction."""
    guards = "".join(
        _GUARD.format(table=table, verb=verb) for table in guarded for verb in ("UPDATE", "DELETE")
    )
    return f"BEGIN IMMEDIATE;{tables}{guards}PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"


DDL = _script(_TABLES + _EVENT_TABLE, "writer", "writer_end", "opening", "outcome", "event")
"""Makes an empty file a journal."""

ADD_EVENTS = _script(_EVENT_TABLE, "event")
"""Makes a journal of version 1 one of version 2; its rows stay as they are."""

OPENING_COLUMNS = tuple(field.name for field in fields(Opening))
OUTCOME_COLUMNS = (
    "request_id",
    "closed_at",
    "kind",
    "status",
    "duration",
    "first_byte",
    "prompt_tokens",
    "completion_tokens",
    "usage_source",
    "usage_encoding",
    "finish_reasons",
    "response_id",
    "response_model",
    "bytes_out",
    "error",
    "content",
)
EVENT_COLUMNS = ("at", "kind", "model", "document")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608


INSERT_OPENING = _insert("opening", ("writer", *OPENING_COLUMNS))
INSERT_OUTCOME = _insert("outcome", OUTCOME_COLUMNS)
INSERT_EVENT = _insert("event", ("writer", *EVENT_COLUMNS))

# Dangling openings of one writer: a seq range instead of an index that every insert would pay for.
MARK_DANGLING = """
INSERT INTO outcome (request_id, closed_at, kind, finish_reasons, bytes_out, error)
SELECT request_id, :now, 'unknown_outcome', '[]', 0, :reason FROM opening
WHERE writer = :writer AND seq >= :first_seq
  AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.request_id = opening.request_id)
"""

Value = str | bytes | int | float | None


def _text(text: str | None) -> str | None:
    """Make text that an engine sent storable: SQLite takes UTF-8, which has no lone surrogates."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def opening_values(writer: str, opening: Opening) -> tuple[Value, ...]:
    """Give the values of `INSERT_OPENING`."""
    return (
        writer,
        opening.request_id,
        opening.opened_at,
        opening.route,
        opening.model,
        opening.engine,
        opening.upstream_model,
        opening.server_address,
        opening.server_port,
        opening.stream,
        opening.fingerprint,
        opening.decoding,
        json.dumps(dict(opening.sent_parameters)),
        opening.profile,
        opening.key_name,
        opening.client_request_id,
        opening.traceparent,
        opening.content,
    )


def outcome_values(outcome: Outcome) -> tuple[Value, ...]:
    """Give the values of `INSERT_OUTCOME`."""
    usage = outcome.usage
    return (
        outcome.request_id,
        outcome.closed_at,
        outcome.kind,
        outcome.status,
        outcome.duration,
        outcome.first_byte,
        usage.prompt_tokens if usage else None,
        usage.completion_tokens if usage else None,
        usage.source if usage else None,
        usage.encoding if usage else None,
        json.dumps(outcome.finish_reasons),
        _text(outcome.response_id),
        _text(outcome.response_model),
        outcome.bytes_out,
        _text(outcome.error),
        outcome.content,
    )


def event_values(writer: str, event: Event) -> tuple[Value, ...]:
    """Give the values of `INSERT_EVENT`."""
    return (writer, event.at, event.kind, _text(event.model), json.dumps(dict(event.document)))


def event_from(row: tuple[Value, ...]) -> Event:
    """Rebuild an `Event` from the values of `EVENT_COLUMNS`, in that order."""
    values = dict(zip(EVENT_COLUMNS, row, strict=True))
    document = json.loads(str(values.pop("document")))
    return Event(document=document, **values)  # type: ignore[arg-type]


def opening_from(row: tuple[Value, ...]) -> Opening:
    """Rebuild an `Opening` from the values of `OPENING_COLUMNS`, in that order."""
    values = dict(zip(OPENING_COLUMNS, row, strict=True))
    values["stream"] = bool(values["stream"])
    sent = json.loads(str(values.pop("sent_parameters")))
    return Opening(sent_parameters=sent, **values)  # type: ignore[arg-type]


def outcome_from(row: tuple[Value, ...]) -> Outcome | None:
    """Rebuild an `Outcome` from the values of `OUTCOME_COLUMNS`, None where there is no row.

    The duration of an `unknown_outcome` is given as 0: nobody measured it.
    """
    values = dict(zip(OUTCOME_COLUMNS, row, strict=True))
    if values["request_id"] is None:
        return None
    source = values.pop("usage_source")
    counts = (values.pop("prompt_tokens"), values.pop("completion_tokens"))
    encoding = values.pop("usage_encoding")
    usage = Usage(*counts, source, encoding) if source else None  # type: ignore[arg-type]
    values["duration"] = values["duration"] or 0.0
    reasons = tuple(json.loads(str(values.pop("finish_reasons"))))
    return Outcome(usage=usage, finish_reasons=reasons, **values)  # type: ignore[arg-type]
