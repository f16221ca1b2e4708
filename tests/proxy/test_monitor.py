"""Watching engines: what is first seen, and what a redeploy changes, goes into the journal."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evenhand_proxy.audit.query import list_events
from evenhand_proxy.config import Model
from evenhand_proxy.decoding import EngineFacts
from evenhand_proxy.engines.monitor import EngineMonitor
from evenhand_proxy.events import Event
from tests.proxy.engine_answers import SGLANG_SERVER_INFO
from tests.proxy.journals import running
from tests.proxy.told_engine import ToldEngine, told_engine

OFTEN = 0.01


@asynccontextmanager
async def watched(
    engine: ToldEngine, *more: str, **settings: Any
) -> AsyncIterator[tuple[EngineMonitor, list[Event]]]:
    """Watch an SGLang as `glm-4`, again every hundredth of a second."""
    events: list[Event] = []
    models = {name: Model("sglang", engine.url, **settings) for name in ("glm-4", *more)}
    async with EngineMonitor(models, events.append, interval=OFTEN, retry=OFTEN) as monitor:
        yield monitor, events


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the monitor does in the background."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(OFTEN)
    raise AssertionError("it did not happen")


async def looked_again(engine: ToldEngine) -> None:
    """Wait until the engine was asked some more times."""
    engine.asked.clear()
    await until(lambda: engine.asked.count("GET /server_info") > 2)


async def test_the_first_sight_is_an_event() -> None:
    """One for each model, with the identity and every fact."""
    async with (
        told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine,
        watched(engine, "other") as (monitor, events),
    ):
        await looked_again(engine)
        facts = monitor.facts("glm-4")
        assert [(event.kind, event.model) for event in events] == [
            ("engine_seen", "glm-4"),
            ("engine_seen", "other"),
        ]
    assert events[0].document == {"engine": dict(facts.identity()), "facts": facts.document()}
    assert facts.version == "0.5.23"
    assert monitor.revision == 2


async def test_a_redeploy_is_an_event_with_the_difference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Old and new of each fact that changed, in the journal, the log and the revision."""
    newer = {**SGLANG_SERVER_INFO, "version": "0.5.24", "enable_deterministic_inference": True}
    async with (
        told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine,
        watched(engine) as (monitor, events),
    ):
        before = dict(monitor.facts("glm-4").identity())
        engine.routes["GET /server_info"] = (200, newer)
        with caplog.at_level(logging.WARNING, "evenhand.engines"):
            await until(lambda: monitor.revision == 2)
        await looked_again(engine)
        now = dict(monitor.facts("glm-4").identity())
    assert [event.kind for event in events] == ["engine_seen", "engine_changed"]
    assert events[1].document == {
        "engine": now,
        "was": before,
        "changes": {
            "version": {"old": "0.5.23", "new": "0.5.24"},
            "flags.deterministic": {"old": False, "new": True},
            "limits.min_p": {"old": None, "new": 0},
        },
    }
    changed = "engine of glm-4 changed: version, flags.deterministic, limits.min_p"
    assert changed in caplog.messages


async def test_an_outage_is_no_redeploy() -> None:
    """What was known stays known, and the engine that comes back is compared with it."""
    async with (
        told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine,
        watched(engine) as (monitor, events),
    ):
        engine.routes["GET /server_info"] = (503, {})
        await until(monitor.problems)
        assert monitor.facts("glm-4").version == "0.5.23"
        engine.routes["GET /server_info"] = (200, {**SGLANG_SERVER_INFO, "weight_version": "v2"})
        await until(lambda: monitor.revision == 2)
        assert monitor.problems() == {}
    assert [event.kind for event in events] == ["engine_seen", "engine_changed"]
    assert set(events[1].document["changes"]) == {"weights"}


async def test_an_engine_that_never_answered_was_never_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its facts are its name, the log and the problem say why, and the journal nothing of it."""
    async with told_engine() as engine, watched(engine) as (monitor, events):
        await looked_again(engine)
        assert monitor.facts("glm-4") == EngineFacts("sglang", told=False)
        assert "is models.glm-4.engine (sglang) right?" in monitor.problems()["glm-4"]
        assert "answered 404" in monitor.problems()["glm-4"]
    assert events == []
    (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert warning.startswith(
        f"the defaults of glm-4 at {engine.url} are not known: sglang /server"
    )


async def test_a_warning_is_logged_once(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Not again with every look."""
    with caplog.at_level(logging.WARNING, "evenhand.engines"):
        async with (
            told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine,
            watched(engine, attestation=tmp_path / "none.json"),
        ):
            await looked_again(engine)
    assert len([text for text in caplog.messages if "none.json" in text]) == 1


async def test_events_reach_the_journal(tmp_path: Path) -> None:
    """The monitor and the journal fit together as the proxy joins them."""
    path = tmp_path / "journal.db"
    async with running(path) as journal, told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine:
        models = {"glm-4": Model("sglang", engine.url)}
        async with EngineMonitor(models, journal.note):
            pass
    (event,) = list_events(path, limit=10)
    assert (event.kind, event.model) == ("engine_seen", "glm-4")
    assert event.document["engine"]["version"] == "0.5.23"
