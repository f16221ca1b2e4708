"""Events in the journal, and journals of the release that had none."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.audit.query import get_request, list_events, list_requests
from evenhand_proxy.events import Event
from tests.proxy.facts import opening, outcome
from tests.proxy.journals import kinds, running

CHANGED = Event(
    1_790_000_000.5,
    "engine_changed",
    {"engine": {"name": "sglang"}, "changes": {"version": {"old": "0.5.20", "new": "0.5.23"}}},
    "glm-4",
)

VERSION_1 = """
CREATE TABLE writer (
    id TEXT PRIMARY KEY, started_at REAL NOT NULL, pid INTEGER NOT NULL, first_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE writer_end (
    id TEXT PRIMARY KEY, ended_at REAL NOT NULL, dangling INTEGER NOT NULL
) STRICT;
CREATE TABLE opening (
    seq INTEGER PRIMARY KEY, writer TEXT NOT NULL, request_id TEXT NOT NULL UNIQUE,
    opened_at REAL NOT NULL, route TEXT NOT NULL, model TEXT NOT NULL, engine TEXT NOT NULL,
    upstream_model TEXT NOT NULL, server_address TEXT NOT NULL, server_port INTEGER NOT NULL,
    stream INTEGER NOT NULL, fingerprint TEXT NOT NULL, decoding BLOB NOT NULL,
    sent_parameters TEXT NOT NULL, profile TEXT, key_name TEXT, client_request_id TEXT,
    traceparent TEXT, content BLOB
) STRICT;
CREATE INDEX opening_by_time ON opening (opened_at);
CREATE INDEX opening_by_model ON opening (model, opened_at);
CREATE TABLE outcome (
    request_id TEXT NOT NULL UNIQUE, closed_at REAL NOT NULL, kind TEXT NOT NULL, status INTEGER,
    duration REAL, first_byte REAL, prompt_tokens INTEGER, completion_tokens INTEGER,
    usage_source TEXT, usage_encoding TEXT, finish_reasons TEXT NOT NULL, response_id TEXT,
    response_model TEXT, bytes_out INTEGER NOT NULL, error TEXT, content BLOB
) STRICT;
CREATE TRIGGER opening_no_UPDATE BEFORE UPDATE ON opening
BEGIN SELECT RAISE(ABORT, 'the journal is insert-only'); END;
INSERT INTO writer VALUES ('0011223344556677', 1790000000.0, 4321, 1);
INSERT INTO opening VALUES (
    1, '0011223344556677', 'ended', 1790000000.25, '/v1/chat/completions', 'glm-4', 'sglang',
    'served', '127.0.0.1', 30000, 0, 'abab', x'7b7d', '{"temperature": 0}', NULL, NULL, NULL, NULL,
    NULL
);
INSERT INTO outcome VALUES (
    'ended', 1790000001.5, 'completed', 200, 1.25, 0.2, 11, 22, 'engine', NULL, '["stop"]', NULL,
    NULL, 512, NULL, NULL
);
INSERT INTO opening VALUES (
    2, '0011223344556677', 'left', 1790000002.0, '/v1/completions', 'glm-4', 'sglang', 'served',
    '127.0.0.1', 30000, 1, 'cdcd', x'7b7d', '{}', 'greedy', 'team', NULL, NULL, NULL
);
PRAGMA user_version = 1;
"""
"""A journal as the first release left it when it was killed: one request without an outcome."""


def version_1(path: Path) -> Path:
    """Make the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(VERSION_1)
    return path


async def test_an_event_comes_back_as_it_was_noted(tmp_path: Path) -> None:
    """Document, model and time; one of no single model too."""
    path = tmp_path / "journal.db"
    loaded = Event(1_790_000_001.0, "policy_loaded", {"digest": "ab", "规则": ["温度"]})
    async with running(path) as journal:
        journal.note(CHANGED)
        journal.note(loaded)
    assert list_events(path, limit=10) == [loaded, CHANGED]


async def test_events_are_found_by_model_kind_and_time(tmp_path: Path) -> None:
    """Newest first, as many as asked."""
    path = tmp_path / "journal.db"
    events = [
        Event(1.0, "engine_seen", {"n": 1}, "a"),
        Event(2.0, "engine_seen", {"n": 2}, "b"),
        Event(3.0, "policy_loaded", {"n": 3}),
        Event(4.0, "engine_changed", {"n": 4}, "a"),
    ]
    async with running(path) as journal:
        for event in events:
            journal.note(event)

    def numbers(**asked: Any) -> list[int]:
        return [event.document["n"] for event in list_events(path, **{"limit": 10, **asked})]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(limit=2) == [4, 3]
    assert numbers(model="a") == [4, 1]
    assert numbers(kind="engine_seen") == [2, 1]
    assert numbers(since=3.0) == [4, 3]
    assert numbers(model="a", kind="engine_seen", since=1.0) == [1]
    assert numbers(model="c") == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(document=st.dictionaries(st.text(), JSON), at=st.floats(allow_nan=False))
def test_any_document_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any], at: float
) -> None:
    """Zero, null, empty, Chinese, huge, or text that is not Unicode."""
    path = tmp_path_factory.mktemp("any") / "journal.db"
    event = Event(at, "engine_seen", document, "m")

    async def write() -> None:
        async with running(path) as journal:
            journal.note(event)

    asyncio.run(write())
    assert list_events(path, limit=1) == [event]


async def test_noting_waits_for_nobody(tmp_path: Path) -> None:
    """While another program locks the file, `note` returns, and the row is written after."""
    path = tmp_path / "journal.db"
    async with running(path, busy_timeout=0.05) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            journal.note(CHANGED)
            assert journal.queued == 1
            holder.execute("ROLLBACK")
    assert list_events(path, limit=10) == [CHANGED]


async def test_an_event_that_cannot_be_written_is_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes nothing else along; after the end of the journal it is counted as lost."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    await journal.start()
    journal.note(Event(1.0, "engine_seen", {"what": object()}, "glm-4"))
    journal.note(CHANGED)
    await journal.stop()
    journal.note(Event(2.0, "policy_refused"))
    assert list_events(path, limit=10) == [CHANGED]
    assert (journal.written, journal.failed, journal.queued) == (1, 2, 0)
    logged = "\n".join(caplog.messages)
    assert "event engine_seen of glm-4 not written" in logged
    assert "event policy_refused lost: it was stopped" in logged


async def test_events_cannot_be_changed_or_deleted(tmp_path: Path) -> None:
    """Like every row."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        journal.note(CHANGED)
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("UPDATE event SET kind = 'x'", "DELETE FROM event"):
            with pytest.raises(sqlite3.IntegrityError, match="insert-only"):
                connection.execute(statement)


def test_a_journal_of_the_first_release_is_read_as_it_is(tmp_path: Path) -> None:
    """Reading changes nothing: its requests are there, and no events."""
    path = version_1(tmp_path / "journal.db")
    assert [row.kind for row in list_requests(path, limit=9)] == ["open", "completed"]
    assert get_request(path, "ended").opening.sent_parameters == {"temperature": 0}
    assert list_events(path, limit=9) == []
    assert version_of(path) == 1


async def test_a_journal_of_the_first_release_is_migrated_to_write(tmp_path: Path) -> None:
    """Its rows stay, what its writer left open is closed, and events can be noted."""
    path = version_1(tmp_path / "journal.db")
    before = get_request(path, "ended")
    async with running(path) as journal:
        journal.note(CHANGED)
        await journal.open(opening("new"))
        journal.close(outcome("new"))
    assert version_of(path) == 2
    assert get_request(path, "ended") == before
    assert kinds(path) == {"ended": "completed", "left": "unknown_outcome", "new": "completed"}
    assert list_events(path, limit=9) == [CHANGED]
    async with running(path):
        pass
    assert list_events(path, limit=9) == [CHANGED]


async def test_a_migrated_journal_is_the_same_as_a_new_one(tmp_path: Path) -> None:
    """Table for table and column for column, with the guards of the new one."""
    old, new = version_1(tmp_path / "old.db"), tmp_path / "new.db"
    for path in (old, new):
        async with running(path):
            pass
    assert columns(old) == columns(new)
    assert {"event_no_UPDATE", "event_no_DELETE"} <= triggers(old)


def version_of(path: Path) -> int:
    """The version that stands in the file."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def columns(path: Path) -> dict[str, list[Any]]:
    """Every table's columns with their types."""
    tables = ("writer", "writer_end", "opening", "outcome", "event")
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"PRAGMA table_info({table})").fetchall() for table in tables
        }


def triggers(path: Path) -> set[str]:
    """Every trigger's name."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in rows}
