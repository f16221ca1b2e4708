"""Keeps what is known of every engine up to date, off the hot path."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import httpx

from evenhand_proxy.config import Model
from evenhand_proxy.decoding import EngineFacts
from evenhand_proxy.decoding.facts import difference
from evenhand_proxy.engines.introspect import Introspection, introspect
from evenhand_proxy.events import Event

log = logging.getLogger("evenhand.engines")

INTERVAL = 60.0
"""Seconds between two looks at an engine that answers."""

RETRY = 5.0
"""Seconds between two looks at one that does not."""

FIRST_LOOK = 3.0
"""Seconds that the start of the proxy waits for its engines."""


NOT_YET = "not asked yet"
"""The problem of an engine until it was looked at for the first time."""


class EngineMonitor:
    """Looks at each model's engine at start and then on an interval.

    `note` takes an event for each engine when it is first seen, and whenever its facts change.
    `revision` grows with every change of what is known, so that what was derived can be dropped.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        note: Callable[[Event], None],
        *,
        interval: float = INTERVAL,
        retry: float = RETRY,
    ) -> None:
        self._models = models
        self._note = note
        self._interval = interval
        self._retry = retry
        self._seen: set[str] = set()
        self._found = {
            name: Introspection(EngineFacts(model.engine, told=False), NOT_YET)
            for name, model in models.items()
        }
        self._stack = AsyncExitStack()
        self.revision = 0

    async def __aenter__(self) -> Self:
        client = await self._stack.enter_async_context(
            httpx.AsyncClient(timeout=FIRST_LOOK, trust_env=False)
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._look(client), FIRST_LOOK)
        watching = asyncio.create_task(self._watch(client))
        self._stack.push_async_callback(_ended, watching)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def facts(self, model: str) -> EngineFacts:
        """Give what is known of the engine behind a model."""
        return self._found[model].facts

    def problems(self) -> dict[str, str]:
        """Give the models whose engine did not answer last time, each with the reason.

        The reason says what was asked, and holds no address.
        """
        return {name: found.problem for name, found in self._found.items() if found.problem}

    async def _watch(self, client: httpx.AsyncClient) -> None:
        while True:
            await asyncio.sleep(self._retry if self.problems() else self._interval)
            await self._look(client)

    async def _look(self, client: httpx.AsyncClient) -> None:
        names = list(self._models)
        found = await asyncio.gather(
            *(introspect(self._models[name], client, name) for name in names)
        )
        for name, now in zip(names, found, strict=True):
            self._take(name, now)

    def _take(self, name: str, now: Introspection) -> None:
        before = self._found[name]
        if now.problem is not None:
            url = self._models[name].base_url
            if before.problem is None:
                log.warning("engine of %s at %s no longer answers: %s", name, url, now.problem)
            elif before.problem == NOT_YET:
                log.warning("the defaults of %s at %s are not known: %s", name, url, now.problem)
            # What was known stays known: an engine that is busy has not become another.
            self._found[name] = Introspection(before.facts, now.problem)
            return
        if before.warnings != now.warnings:
            for warning in now.warnings:
                log.warning("engine of %s: %s", name, warning)
        self._found[name] = now
        if now.facts != before.facts:
            self.revision += 1
        self._tell(name, before.facts, now.facts)

    def _tell(self, name: str, old: EngineFacts, new: EngineFacts) -> None:
        identity = dict(new.identity())
        if name not in self._seen:
            self._seen.add(name)
            log.info("engine of %s: %s", name, identity)
            document = {"engine": identity, "facts": new.document()}
            self._note(Event(time.time(), "engine_seen", document, name))
            return
        changes = difference(old, new)
        if changes:
            log.warning("engine of %s changed: %s", name, ", ".join(changes))
            document = {"engine": identity, "was": dict(old.identity()), "changes": changes}
            self._note(Event(time.time(), "engine_changed", document, name))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
