"""The journal in one process: what it keeps, what it refuses, and what it says then."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.audit.query import get_request
from evenhand_proxy.audit.store import Durability
from evenhand_proxy.errors import AuditUnavailable, ConfigError
from evenhand_proxy.exchange import Opening, Outcome, Usage
from tests.proxy.facts import opening, outcome
from tests.proxy.journals import kinds, running


@pytest.mark.parametrize("durability", ["full", "normal", "async"])
async def test_a_request_comes_back_as_it_was_written(
    tmp_path: Path, durability: Durability
) -> None:
    """What was opened and closed is read back equal, contents included, at every durability."""
    path = tmp_path / "audit" / "journal.db"
    asked = opening(content=b'{"messages": []}', client_request_id="c", key_name="k", stream=True)
    ended = outcome(content=b"answer", usage=Usage(3, 4, "estimate", "o200k_base"), error="e")
    async with running(path, durability) as journal:
        await journal.open(asked)
        journal.close(ended)
    row = get_request(path, "req-1")
    assert (row.opening, row.outcome) == (asked, ended)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SENT = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | FLOATS | st.lists(TEXT))
OPENINGS = st.builds(
    opening,
    request_id=TEXT.filter(bool),
    opened_at=FLOATS,
    model=TEXT,
    server_port=INTEGERS,
    stream=st.booleans(),
    decoding=st.binary(),
    sent_parameters=SENT,
    profile=st.none() | TEXT,
    traceparent=st.none() | TEXT,
    content=st.none() | st.binary(),
)
USAGES = st.builds(
    Usage,
    st.none() | INTEGERS,
    st.none() | INTEGERS,
    st.sampled_from(["engine", "estimate"]),
    st.none() | TEXT,
)
OUTCOMES = st.builds(
    outcome,
    kind=st.sampled_from(["completed", "refused", "proxy_failed"]),
    status=st.none() | INTEGERS,
    duration=FLOATS,
    first_byte=st.none() | FLOATS,
    usage=st.none() | USAGES,
    finish_reasons=st.lists(TEXT).map(tuple),
    error=st.none() | TEXT,
    content=st.none() | st.binary(),
)


@settings(max_examples=40, deadline=None)
@given(asked=OPENINGS, ended=OUTCOMES)
def test_any_facts_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, asked: Opening, ended: Outcome
) -> None:
    """Whatever the fields hold, zero, null, empty, Chinese or huge, is read back equal."""
    path = tmp_path_factory.mktemp("any") / "journal.db"

    async def write() -> None:
        async with running(path) as journal:
            await journal.open(asked)
            journal.close(Outcome(**{**_fields(ended), "request_id": asked.request_id}))

    asyncio.run(write())
    row = get_request(path, asked.request_id)
    assert row.opening == asked
    assert row.outcome is not None
    assert _fields(row.outcome) == {**_fields(ended), "request_id": asked.request_id}


def _fields(facts: Outcome) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in Outcome.__dataclass_fields__}


async def test_many_at_once_are_all_written(tmp_path: Path) -> None:
    """Five hundred concurrent requests are all there, each with its outcome."""
    path = tmp_path / "journal.db"
    names = [f"r{n}" for n in range(500)]
    async with running(path) as journal:
        await asyncio.gather(*(journal.open(opening(name)) for name in names))
        for name in names:
            journal.close(outcome(name))
    assert kinds(path) == dict.fromkeys(names, "completed")
    assert (journal.written, journal.failed, journal.queued) == (1000, 0, 0)


async def test_stopping_marks_what_was_never_closed(tmp_path: Path) -> None:
    """A request without an outcome when its proxy stops gets `unknown_outcome` with a reason."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        await journal.open(opening("left"))
    row = get_request(path, "left")
    assert row.outcome is not None
    assert row.outcome.kind == "unknown_outcome"
    assert "ended before" in str(row.outcome.error)


async def test_a_locked_journal_refuses_requests_and_keeps_outcomes(tmp_path: Path) -> None:
    """While another program locks the file, `open` fails with the reason; outcomes wait."""
    path = tmp_path / "journal.db"
    async with running(path, busy_timeout=0.05) as journal:
        await journal.open(opening("one"))
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            journal.close(outcome("one"))
            with pytest.raises(AuditUnavailable, match="locked"):
                await journal.open(opening("two"))
            assert journal.queued == 1
            holder.execute("ROLLBACK")
        await journal.open(opening("three"))
        assert (journal.written, journal.failed, journal.queued) == (3, 1, 0)
    assert kinds(path) == {"one": "completed", "three": "unknown_outcome"}


async def test_outcomes_that_can_never_be_written_are_counted(tmp_path: Path) -> None:
    """If the store refuses to the end, what it did not take is counted as failed."""
    path = tmp_path / "journal.db"
    journal = Journal(path, busy_timeout=0.01)
    await journal.start()
    await journal.open(opening("one"))
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        journal.close(outcome("one"))
        await journal.stop()
        holder.execute("ROLLBACK")
    assert (journal.written, journal.failed, journal.queued) == (1, 1, 0)


async def test_a_full_queue_refuses_requests(tmp_path: Path) -> None:
    """Above the capacity `open` refuses at once, and what was queued before is still written."""
    path = tmp_path / "journal.db"
    async with running(path, capacity=8, busy_timeout=60) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            waiting = [asyncio.create_task(journal.open(opening(f"w{n}"))) for n in range(8)]
            await asyncio.sleep(0)
            with pytest.raises(AuditUnavailable, match="8 rows wait"):
                await journal.open(opening("ninth"))
            holder.execute("ROLLBACK")
        await asyncio.gather(*waiting)
        assert journal.failed == 1
    assert set(kinds(path)) == {f"w{n}" for n in range(8)}


async def test_one_bad_row_does_not_take_its_group_along(tmp_path: Path) -> None:
    """An id that is used twice is refused alone; the requests written with it go on."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        results = await asyncio.gather(
            *(journal.open(opening(name)) for name in ("a", "b", "a", "c")), return_exceptions=True
        )
    assert [type(result) for result in results] == [
        type(None),
        type(None),
        AuditUnavailable,
        type(None),
    ]
    assert set(kinds(path)) == {"a", "b", "c"}
    assert journal.failed == 1


async def test_text_that_is_not_unicode_is_stored_escaped(tmp_path: Path) -> None:
    """A lone surrogate in an engine's id does not cost the outcome."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        await journal.open(opening("s"))
        journal.close(outcome("s", response_id="x\ud800", finish_reasons=("\udfff",)))
    row = get_request(path, "s")
    assert row.outcome is not None
    assert (row.outcome.response_id, row.outcome.finish_reasons) == ("x\\ud800", ("\udfff",))


async def test_a_cancelled_open_disturbs_no_one(tmp_path: Path) -> None:
    """A caller that goes away while it waits leaves the writer and the others at work."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        gone = asyncio.create_task(journal.open(opening("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        await journal.open(opening("stays"))
        with pytest.raises(asyncio.CancelledError):
            await gone
        journal.close(outcome("gone", kind="client_cancelled", status=None))
    assert kinds(path) == {"gone": "client_cancelled", "stays": "unknown_outcome"}


async def test_before_start_and_after_stop_nothing_is_taken(tmp_path: Path) -> None:
    """Outside its life the journal refuses requests and counts the outcomes that come."""
    journal = Journal(tmp_path / "journal.db")
    with pytest.raises(AuditUnavailable, match="not started"):
        await journal.open(opening("early"))
    await journal.stop()
    await journal.start()
    await journal.stop()
    with pytest.raises(AuditUnavailable, match="stopped"):
        await journal.open(opening("late"))
    journal.close(outcome("late"))
    assert (journal.written, journal.failed) == (0, 3)


async def test_a_writer_that_fails_lets_no_one_wait(tmp_path: Path) -> None:
    """After a fault in the writer itself every request is refused, with the reason."""
    journal = Journal(tmp_path / "journal.db")
    await journal.start()
    journal.close(outcome("one", usage="no usage"))
    with pytest.raises(AuditUnavailable, match="writer failed"):
        await journal.open(opening("one"))
    await journal.stop()
    assert journal.queued == 0


async def test_rows_cannot_be_changed_or_deleted(tmp_path: Path) -> None:
    """The tables refuse updates and deletions, so a slip in a later query cannot alter the past."""
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        await journal.open(opening("one"))
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("UPDATE opening SET model = 'x'", "DELETE FROM outcome"):
            with pytest.raises(sqlite3.IntegrityError, match="insert-only"):
                connection.execute(statement)


@pytest.mark.parametrize("version", [3, 99])
async def test_a_journal_of_another_version_is_refused(tmp_path: Path, version: int) -> None:
    """A file that a newer release wrote is not written to; the error says what to do."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
    with pytest.raises(ConfigError, match=f"schema version {version}.*--data-dir"):
        await Journal(path).start()


async def test_a_place_that_cannot_hold_a_journal_is_refused(tmp_path: Path) -> None:
    """A file that is no database, or a folder that is a file, fails the start and names the fix."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database, but long enough to be looked at" * 50)
    (tmp_path / "file").touch()
    for path in (garbage, tmp_path / "file" / "journal.db"):
        with pytest.raises(ConfigError, match=r"cannot be used.*--data-dir"):
            await Journal(path).start()
