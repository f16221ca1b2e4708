"""Read a journal, also while a proxy writes it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evenhand_proxy.audit import schema
from evenhand_proxy.audit.store import check_version
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.events import Event
from evenhand_proxy.exchange import Opening, Outcome

STILL_OPEN = "open"
"""Stands for a request that has no outcome yet, wherever an outcome's kind is given."""

_MOST_MATCHES = 5
_PAST_ANY_CHARACTER = "\U0010ffff"

_OPENING = ", ".join(f"o.{name}" for name in schema.OPENING_COLUMNS)
_OUTCOME = ", ".join(f"c.{name}" for name in schema.OUTCOME_COLUMNS)
_FROM = "FROM opening AS o LEFT JOIN outcome AS c USING (request_id)"
_WHOLE = f"SELECT {_OPENING}, {_OUTCOME} {_FROM}"
_WITHOUT_CONTENT = _WHOLE.replace("o.content", "NULL").replace("c.content", "NULL")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One audited request; `outcome` is None while it is under way."""

    opening: Opening
    outcome: Outcome | None

    @property
    def kind(self) -> str:
        """The outcome's kind, or `open`."""
        return self.outcome.kind if self.outcome else STILL_OPEN

    @property
    def name(self) -> str:
        """The model as a client can ask for it again: `model` or `model@profile`."""
        profile = self.opening.profile
        return f"{self.opening.model}@{profile}" if profile else self.opening.model

    def decoding(self) -> dict[str, Any]:
        """Give the decoding record, as `POST /v1/decoding/explain` answers it."""
        document: dict[str, Any] = json.loads(self.opening.decoding or b"{}")
        return document


def list_requests(
    path: Path,
    *,
    limit: int,
    model: str | None = None,
    outcome: str | None = None,
    since: float | None = None,
) -> list[AuditRow]:
    """Give the newest `limit` requests, newest first, without their stored contents.

    `model` is a name or `name@profile`, `outcome` an outcome's kind or `open`, `since` seconds
    since the Unix epoch.

    Raises:
        ConfigError: there is no readable journal at the path.

    """
    conditions: list[str] = []
    values: list[str | float] = []
    if model is not None:
        name, at, profile = model.partition("@")
        conditions.append("o.model = ?")
        values.append(name)
        if at:
            conditions.append("o.profile = ?")
            values.append(profile)
    if outcome is not None:
        conditions.append("coalesce(c.kind, 'open') = ?")
        values.append(outcome)
    if since is not None:
        conditions.append("o.opened_at >= ?")
        values.append(since)
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    order = "ORDER BY o.opened_at DESC, o.seq DESC LIMIT ?"
    with _reading(path) as connection:
        rows = connection.execute(f"{_WITHOUT_CONTENT} {where}{order}", [*values, limit])
        return [_audit_row(row) for row in rows]


def get_request(path: Path, id_or_prefix: str) -> AuditRow:
    """Give one request by its id, or by a beginning of it that no other id has.

    Raises:
        ConfigError: no readable journal, no such id, or several ids begin so.

    """
    with _reading(path) as connection:
        rows = connection.execute(
            f"{_WHOLE} WHERE o.request_id >= ? AND o.request_id <= ? "
            f"ORDER BY o.request_id LIMIT {_MOST_MATCHES}",
            (id_or_prefix, id_or_prefix + _PAST_ANY_CHARACTER),
        ).fetchall()
    found = [_audit_row(row) for row in rows]
    if not found:
        raise ConfigError(
            f"no request {id_or_prefix!r} in {path}: `evenhand audit list` shows the ids, "
            "and a proxy's answers carry theirs in the header evenhand-request-id"
        )
    if len(found) > 1 and found[0].opening.request_id != id_or_prefix:
        matches = ", ".join(row.opening.request_id for row in found)
        more = ", ..." if len(found) == _MOST_MATCHES else ""
        raise ConfigError(
            f"several requests begin with {id_or_prefix!r}: {matches}{more}; give more of the id"
        )
    return found[0]


def latest_request(path: Path) -> AuditRow:
    """Give the request that was opened last.

    Raises:
        ConfigError: no readable journal, or an empty one.

    """
    newest = list_requests(path, limit=1)
    if not newest:
        raise ConfigError(f"the audit journal {path} is empty: send the proxy a request first")
    return get_request(path, newest[0].opening.request_id)


def list_events(
    path: Path,
    *,
    limit: int,
    model: str | None = None,
    kind: str | None = None,
    since: float | None = None,
) -> list[Event]:
    """Give the newest `limit` events, newest first; none from a journal that had no events yet.

    `model` is a name in the config, `kind` an event's kind, `since` seconds since the Unix epoch.

    Raises:
        ConfigError: there is no readable journal at the path.

    """
    asked = {"model = ?": model, "kind = ?": kind, "at >= ?": since}
    given = {condition: value for condition, value in asked.items() if value is not None}
    where = f"WHERE {' AND '.join(given)} " if given else ""
    with _reading(path) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == schema.WITHOUT_EVENTS:
            return []
        rows = connection.execute(
            f"SELECT {', '.join(schema.EVENT_COLUMNS)} FROM event {where}"  # noqa: S608
            "ORDER BY at DESC, seq DESC LIMIT ?",
            [*given.values(), limit],
        )
        return [schema.event_from(row) for row in rows]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise ConfigError(
            f"there is no audit journal at {path} yet: a proxy makes it when it starts "
            "(`evenhand serve`); if yours keeps it elsewhere, give the same --data-dir"
        )
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            check_version(connection.execute("PRAGMA user_version").fetchone()[0], path)
            yield connection
    except sqlite3.Error as error:
        raise ConfigError(
            f"the audit journal {path} cannot be read: {error}; check that the file is a journal "
            "and that you may write its folder, where SQLite keeps its shared memory"
        ) from error


def _audit_row(row: tuple[schema.Value, ...]) -> AuditRow:
    split = len(schema.OPENING_COLUMNS)
    outcome = schema.outcome_from(row[split:])
    return AuditRow(opening=schema.opening_from(row[:split]), outcome=outcome)
