"""Running a journal and looking into it, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.audit.query import list_requests
from evenhand_proxy.audit.store import Durability


@asynccontextmanager
async def running(
    path: Path, durability: Durability = "normal", **limits: Any
) -> AsyncIterator[Journal]:
    """Run a journal for the length of a block."""
    journal = Journal(path, durability, **limits)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


def kinds(path: Path) -> dict[str, str]:
    """Give each request's outcome kind."""
    return {r.opening.request_id: r.kind for r in list_requests(path, limit=1_000_000)}
