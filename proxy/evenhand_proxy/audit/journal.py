"""The durable journal: a row before the engine is called, a row after the answer ended.

One thread writes. Everything that is queued when it wakes goes into one transaction, so a busy
proxy pays one commit for many requests (group commit) and an idle one waits for no timer.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from evenhand_proxy.audit.store import Durability, Fact, Store
from evenhand_proxy.errors import AuditUnavailable
from evenhand_proxy.events import Event
from evenhand_proxy.exchange import Opening, Outcome

JOURNAL_FILE = Path("audit", "journal.db")
"""Where the journal lies, relative to the data directory."""

RETRY_SECONDS = 0.5
"""How long outcomes that the store refused wait for the next attempt, if nothing else is queued."""

logger = logging.getLogger(__name__)

_Waiter = asyncio.Future[None]
_Entry = tuple[Fact, _Waiter | None]


class Journal:
    """The one way into the journal file for one proxy process.

    `durability` says when `open` returns: `full`, the row is on the disk and survives a power
    failure; `normal`, it is committed and survives SIGKILL; `async`, it is queued. `capacity`
    bounds the rows that wait to be written. `busy_timeout`, in seconds, bounds the wait for
    another writer of the same file.

    `start`, `open`, `close`, `note` and `stop` belong to one event loop.
    """

    def __init__(
        self,
        path: Path,
        durability: Durability = "normal",
        *,
        capacity: int = 10_000,
        busy_timeout: float = 5.0,
    ) -> None:
        self.path = path
        self.written = 0
        """Rows that were committed."""
        self._durability: Durability = durability
        self._capacity = capacity
        self._busy_timeout = busy_timeout
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._in_hand: list[_Entry] = []
        self._accepted = 0
        self._rows_failed = 0
        self._rows_refused = 0
        self._stopped_because: str | None = "it was not started"
        self._last_refusal: str | None = None

    @property
    def failed(self) -> int:
        """Rows that were not written and never will be."""
        return self._rows_failed + self._rows_refused

    @property
    def queued(self) -> int:
        """Rows that wait to be written."""
        return self._accepted - self.written - self._rows_failed

    @property
    def problem(self) -> str | None:
        """Why it takes no rows now, None if it does."""
        return self._stopped_because or self._last_refusal

    async def start(self) -> int:
        """Open the file, mark what dead proxies left open, start the writer.

        Returns:
            How many openings got the outcome `unknown_outcome`.

        Raises:
            ConfigError: no journal can be kept at the path.

        """
        self._loop = asyncio.get_running_loop()
        self._store = await asyncio.to_thread(
            Store.open, self.path, self._durability, self._busy_timeout
        )
        if self._store.dangling:
            logger.warning(
                "%d requests of an earlier proxy have no known outcome", self._store.dangling
            )
        self._thread = threading.Thread(target=self._run, name="evenhand-journal", daemon=True)
        self._stopped_because = None
        self._thread.start()
        return self._store.dangling

    async def open(self, opening: Opening) -> None:
        """Write the opening row; return when it is as durable as was asked.

        If the caller is cancelled while it waits, the row may be written all the same: it should
        then `close` the request like any other.

        Raises:
            AuditUnavailable: the row was not written; it names the reason.

        """
        if self._stopped_because is not None:
            self._rows_refused += 1
            raise _unavailable(self._stopped_because)
        if self.queued >= self._capacity:
            self._rows_refused += 1
            raise _unavailable(f"{self._capacity} rows wait to be written already")
        self._accepted += 1
        if self._durability == "async":
            self._queue.put((opening, None))
            return
        waiter = self._loop.create_future()
        self._queue.put((opening, waiter))
        if self._stopped_because is not None:  # the writer died meanwhile, and may not have seen it
            waiter.cancel()
            raise _unavailable(self._stopped_because)
        await waiter

    def close(self, outcome: Outcome) -> None:
        """Queue the outcome row, which goes with the next group. Never blocks, never raises.

        Outcomes are taken above the capacity too: there are no more of them than open requests.
        If the store refuses them, they are kept and tried again until `stop`.
        """
        self._queue_unawaited(outcome)

    def note(self, event: Event) -> None:
        """Queue an event row, which goes with the next group. Never blocks, never raises.

        Like an outcome, it is taken above the capacity too, and kept if the store refuses it.
        """
        self._queue_unawaited(event)

    def _queue_unawaited(self, fact: Outcome | Event) -> None:
        if self._stopped_because is not None:
            self._rows_refused += 1
            logger.error("%s lost: %s", _named(fact), self._stopped_because)
            return
        self._accepted += 1
        self._queue.put((fact, None))

    async def stop(self) -> None:
        """Write what is queued and leave the file. Stop the server first."""
        if self._stopped_because is not None:
            return
        self._stopped_because = "it was stopped"
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            self._write_until_stopped()
        except Exception as error:
            # The rim of the thread: whatever it was, no one may wait for a dead writer.
            logger.exception("the journal's writer failed")
            self._stopped_because = f"its writer failed: {error}"
            self._refuse(self._in_hand + self._take(0)[0], self._stopped_because)
            self._in_hand = []
        finally:
            self._store.close()

    def _write_until_stopped(self) -> None:
        stopping = False
        while not stopping:
            entries, stopping = self._take(RETRY_SECONDS if self._in_hand else None)
            self._in_hand += entries
            self._in_hand = self._commit(self._in_hand)
        self._refuse(self._in_hand, "the journal stopped before it could be written")
        self._in_hand = []

    def _take(self, patience: float | None) -> tuple[list[_Entry], bool]:
        """Wait for an entry, at most `patience` seconds; give all there are, and if to stop."""
        entries: list[_Entry] = []
        try:
            entry = self._queue.get(timeout=patience)
            while entry is not None:
                entries.append(entry)
                entry = self._queue.get_nowait()
        except queue.Empty:
            return entries, False
        return entries, True

    def _commit(self, entries: list[_Entry]) -> list[_Entry]:
        """Write the entries as one group; give those that wait for the next attempt."""
        if not entries:
            return []
        try:
            refused = self._store.write([fact for fact, _ in entries])
        except sqlite3.Error as error:
            # Whoever waits is told now; what nobody waits for is kept.
            logger.error("the journal cannot be written: %s", error)  # noqa: TRY400
            self._last_refusal = str(error)
            self._refuse([entry for entry in entries if entry[1] is not None], str(error))
            return [entry for entry in entries if entry[1] is None]
        self._last_refusal = None
        self.written += len(entries) - len(refused)
        for position, reason in refused.items():
            self._refuse([entries[position]], reason)
        self._wake([w for n, (_, w) in enumerate(entries) if w is not None and n not in refused])
        return []

    def _refuse(self, entries: Sequence[_Entry], reason: str) -> None:
        self._rows_failed += len(entries)
        self._wake([waiter for _, waiter in entries if waiter is not None], reason)
        for fact, waiter in entries:
            if waiter is None:
                logger.error("%s not written: %s", _named(fact), reason)

    def _wake(self, waiters: Sequence[_Waiter], reason: str | None = None) -> None:
        if waiters:
            self._loop.call_soon_threadsafe(_settle, waiters, reason)


def _named(fact: Fact) -> str:
    """Name a row in the log."""
    if isinstance(fact, Event):
        return f"event {fact.kind} of {fact.model}" if fact.model else f"event {fact.kind}"
    return f"{type(fact).__name__.lower()} of {fact.request_id}"


def _settle(waiters: Sequence[_Waiter], reason: str | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if reason is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(_unavailable(reason))


def _unavailable(reason: str) -> AuditUnavailable:
    return AuditUnavailable(
        f"the audit journal cannot take this request: {reason}; the request was not sent upstream"
    )
