"""Answers kept between runs, so that a run that is made again costs nothing.

An answer is found by the whole request, the endpoint's address, what the endpoint said of itself
(engine, version, weights, effective decoding) and the repeat: another model's answer, or one made
with other settings, never fits. Only whole answers are kept, failures are asked again.
"""

import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from evenhand_evals.errors import UsageError

FOLDER_VARIABLE: Final = "EVENHAND_CACHE"
FILE: Final = "answers.db"

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS answer (
    key BLOB PRIMARY KEY, endpoint TEXT NOT NULL, model TEXT NOT NULL, kept_at REAL NOT NULL,
    body BLOB NOT NULL, request_id TEXT, fingerprint TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of the cache: the parsed body, and what the headers said."""

    body: Any
    request_id: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What the cache holds for one model at one endpoint; `size` is in bytes of bodies."""

    endpoint: str
    model: str
    answers: int
    size: int


def default_folder() -> Path:
    """Give the folder that `EVENHAND_CACHE` names, else that of the XDG base directories."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "evenhand"


class Cache:
    """A file of answers, which several runs may use at once. Use it in `with`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the cache of answers, {self.path}, cannot be used: {error}; name another folder "
                f"with {FOLDER_VARIABLE}, or give --no-cache"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._db is not None:
            self._db.close()

    def get(self, key: bytes) -> Kept | None:
        """Give a kept answer."""
        found = self._open.execute(
            "SELECT body, request_id, fingerprint FROM answer WHERE key = ?", (key,)
        ).fetchone()
        return None if found is None else Kept(orjson.loads(found[0]), found[1], found[2])

    def put(self, key: bytes, endpoint: str, model: str, kept: Kept) -> None:
        """Keep an answer; a second one for the same key does not replace the first."""
        row = (key, endpoint, model, time.time(), orjson.dumps(kept.body))
        self._open.execute(
            "INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, kept.request_id, kept.fingerprint),
        )

    def contents(self) -> list[Contents]:
        """Give what is there, the largest first."""
        rows = self._open.execute(
            "SELECT endpoint, model, count(*), sum(length(body)) FROM answer "
            "GROUP BY endpoint, model ORDER BY 4 DESC"
        )
        return [Contents(*row) for row in rows]

    def clean(
        self, *, endpoint: str | None = None, model: str | None = None, before: float | None = None
    ) -> int:
        """Delete the answers that all given conditions fit; give how many those were.

        `before` is a time in seconds since 1970.
        """
        conditions = {"endpoint = ?": endpoint, "model = ?": model, "kept_at < ?": before}
        given = {text: value for text, value in conditions.items() if value is not None}
        where = " AND ".join(given) or "1"
        deleted = self._open.execute(f"DELETE FROM answer WHERE {where}", (*given.values(),))  # noqa: S608
        self._open.execute("VACUUM")
        return deleted.rowcount

    @property
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise RuntimeError("a Cache is used inside `with`")
        return self._db


def key_of(
    base_url: str,
    identity: Mapping[str, Any],
    path: str,
    body: Mapping[str, Any],
    place: tuple[int, int],
) -> bytes:
    """Give the key of a request's answer; `place` is the repeat, and which request of a sample."""
    whole = [base_url, identity, path, body, place]
    return sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).digest()
