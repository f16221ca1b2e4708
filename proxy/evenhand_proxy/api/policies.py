"""The policy in force: read again whenever its file changes, with counts of whom its rules hit."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evenhand_proxy.decoding import DecodingRecord, Policy
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.events import Event, EventKind
from evenhand_proxy.policy_file import load_policy

log = logging.getLogger("evenhand.policy")

LOOK = 0.5
"""Seconds between two looks at the file."""

_Stamp = tuple[int, int, int] | None


class Policies:
    """Holds the policy of a proxy.

    A file that is broken when the proxy starts is an error; one that breaks later leaves the old
    policy in force, and `problem` says why. `revision` grows with every change of the policy.
    """

    def __init__(self, path: Path | None, note: Callable[[Event], None]) -> None:
        self.path = path
        self._note = note
        self._stamp = self._stat()  # before it is read, so that no change falls between the two
        self._seen = self._stamp
        self.current = load_policy(path) if path is not None else Policy()
        self.revision = 0
        self.loaded_at = time.time()
        self.problem: str | None = None
        self._hits: Counter[tuple[str, str | None]] = Counter()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self.path is not None:
            self._tell("policy_loaded")
            self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    def count(self, record: DecodingRecord, key: str | None) -> None:
        """Count the rules that hit a request, each once, by rule and the name of the key."""
        for rule in {hit.rule for hit in record.policy_hits}:
            self._hits[rule, key] += 1

    def reload(self) -> None:
        """Read the file again, now."""
        if self.path is None:
            return
        self._stamp = self._stat()
        try:
            policy = load_policy(self.path)
        except ConfigError as error:
            self.problem = str(error)
            log.error("the policy stays as it was: %s", error)  # noqa: TRY400
            self._tell("policy_refused")
            return
        mended = self.problem is not None
        self.problem = None
        if policy.digest != self.current.digest:
            self.current = policy
            self.revision += 1
            self.loaded_at = time.time()
            self._hits.clear()
        elif not mended:
            return
        if policy.digest is None:
            log.info("no rule is in force any more")
        else:
            log.info("policy %s is in force: %d rules", policy.digest, len(policy.rules))
        self._tell("policy_loaded")

    def look(self) -> None:
        """Read the file again if it has changed, once it looks the same twice.

        A file that is written in place is empty for a moment, and then half: fewer rules.
        """
        found = self._stat()
        if found != self._stamp and found == self._seen:
            self.reload()
        self._seen = found

    def document(self) -> dict[str, Any]:
        """Give the policy as JSON, with how many requests each rule hit since it was loaded."""
        return {
            "digest": self.current.digest,
            "loaded_at": datetime.fromtimestamp(self.loaded_at, UTC).isoformat(
                timespec="milliseconds"
            ),
            "problem": self.problem,
            "rules": [
                {**rule.document(), **self._counts(rule.name)} for rule in self.current.rules
            ],
        }

    def _counts(self, rule: str) -> dict[str, Any]:
        by_key = [
            {"key": key, "requests": count}
            for (name, key), count in self._hits.most_common()
            if name == rule
        ]
        return {"requests": sum(item["requests"] for item in by_key), "by_key": by_key}

    def _stat(self) -> _Stamp:
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def _tell(self, kind: EventKind) -> None:
        about = {
            "file": str(self.path),
            "digest": self.current.digest,
            "rules": len(self.current.rules),
        }
        if self.problem is not None:
            about["problem"] = self.problem
        self._note(Event(time.time(), kind, about))
