"""The journal's file as one writer sees it: open, write groups, mark what others left open.

Blocking, used by one thread at a time. SQLite in WAL mode: readers and a second writer on the
same file do not disturb each other, and a killed process loses nothing that was committed.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from evenhand_proxy.audit import liveness, schema
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.events import Event
from evenhand_proxy.exchange import Opening, Outcome

Fact = Opening | Outcome | Event
"""What a journal takes."""

Durability = Literal["full", "normal", "async"]

# What each setting survives: https://www.sqlite.org/pragma.html#pragma_synchronous. In WAL mode
# NORMAL keeps every commit when the process is killed; only FULL keeps the last ones when the
# machine loses power.
_SYNCHRONOUS: dict[Durability, str] = {"full": "FULL", "normal": "NORMAL", "async": "NORMAL"}

# Faults of one row, which must not take its whole group along.
_ROW_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,
    OverflowError,
    TypeError,
)


class Store:
    """One writer's hold on a journal file."""

    def __init__(self, connection: sqlite3.Connection, claim: liveness.Claim) -> None:
        self._connection = connection
        self._claim = claim
        self.dangling = 0
        """Openings of dead writers that were given `unknown_outcome` at the start."""

    @classmethod
    def open(cls, path: Path, durability: Durability, busy_timeout: float) -> Self:
        """Open or make the journal and mark the openings that dead writers left without an end.

        `busy_timeout` is in seconds: how long a write waits for another writer of the same file.

        Raises:
            ConfigError: no journal can be kept there; it names the path, the reason and the fix.

        """
        folder = liveness.writers_folder(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.ExitStack() as undo, liveness.starting(folder):
                connection = sqlite3.connect(
                    path, timeout=busy_timeout, isolation_level=None, check_same_thread=False
                )
                undo.callback(connection.close)
                _prepare(connection, path, durability)
                claim = liveness.Claim(folder)
                undo.callback(claim.release)
                store = cls(connection, claim)
                store._join(folder)
                undo.pop_all()
                return store
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"the audit journal {path} cannot be used: {error}; "
                "free or repair the place, or choose another with --data-dir"
            ) from error

    def write(self, facts: Sequence[Fact]) -> dict[int, str]:
        """Write the facts in one transaction; give the reason for each position that was refused.

        Raises:
            sqlite3.Error: the store took none of them (disk full, read-only, locked).

        """
        refused: dict[int, str] = {}
        with self._transaction():
            for position, fact in enumerate(facts):
                try:
                    self._insert(fact)
                except _ROW_FAULTS as error:
                    refused[position] = str(error)
        return refused

    def close(self) -> None:
        """Leave the journal; openings of ours that are still without an end get one."""
        with contextlib.suppress(sqlite3.Error), self._transaction():
            self._end(self._claim.writer)
        self._connection.close()
        self._claim.release()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may already have ended the transaction, or refuse the rollback too.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, fact: Fact) -> None:
        if isinstance(fact, Opening):
            values = schema.opening_values(self._claim.writer, fact)
            self._connection.execute(schema.INSERT_OPENING, values)
        elif isinstance(fact, Outcome):
            self._connection.execute(schema.INSERT_OUTCOME, schema.outcome_values(fact))
        else:
            values = schema.event_values(self._claim.writer, fact)
            self._connection.execute(schema.INSERT_EVENT, values)

    def _join(self, folder: Path) -> None:
        with self._transaction():
            self._recover(folder)
            self._connection.execute(
                "INSERT INTO writer SELECT ?, ?, ?, coalesce(max(seq), 0) + 1 FROM opening",
                (self._claim.writer, time.time(), os.getpid()),
            )

    def _recover(self, folder: Path) -> None:
        unended = self._connection.execute(
            "SELECT id FROM writer WHERE id NOT IN (SELECT id FROM writer_end)"
        ).fetchall()
        for (writer,) in unended:
            if not liveness.is_alive(folder, writer):
                self.dangling += self._end(writer)
                liveness.forget(folder, writer)

    def _end(self, writer: str) -> int:
        (first_seq,) = self._connection.execute(
            "SELECT first_seq FROM writer WHERE id = ?", (writer,)
        ).fetchone()
        now = time.time()
        reason = f"the proxy process (writer {writer}) ended before it could write the outcome"
        count = self._connection.execute(
            schema.MARK_DANGLING,
            {"now": now, "reason": reason, "writer": writer, "first_seq": first_seq},
        ).rowcount
        self._connection.execute("INSERT INTO writer_end VALUES (?, ?, ?)", (writer, now, count))
        return count


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigError(
            f"the audit journal {path} cannot be used: its file system does not allow "
            "write-ahead logging; choose a local disk with --data-dir"
        )
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(schema.DDL)
        return
    check_version(version, path)
    if version == schema.WITHOUT_EVENTS:
        connection.executescript(schema.ADD_EVENTS)


def check_version(version: int, path: Path) -> None:
    """Refuse a journal whose tables are not ones that this release knows.

    Raises:
        ConfigError: the version is neither ours nor the one before.

    """
    if version not in (schema.WITHOUT_EVENTS, schema.SCHEMA_VERSION):
        raise ConfigError(
            f"the audit journal {path} has schema version {version}, this release reads "
            f"{schema.WITHOUT_EVENTS} and {schema.SCHEMA_VERSION}: use the release that wrote it, "
            "or another --data-dir"
        )
