"""What the proxy's tests share: a fake engine, and a real proxy in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from evenhand_proxy.config import Config, Model, Timeouts
from tests.fake_engine import FakeEngine, fake_engine
from tests.running import RunningProxy, running_proxy


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine."""
    async with fake_engine() as running:
        yield running


@pytest.fixture
async def proxy(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy that serves the fake engine as `m` (a vLLM), `strict` and `openai`."""
    patience = Timeouts(connect=2, first_byte=2, between_bytes=1, total=20)
    config = Config(
        models={
            "m": Model("vllm", engine.url, upstream_model="served", timeouts=patience),
            "strict": Model("openai", engine.url, mode="strict", timeouts=patience),
            "openai": Model("openai", engine.url, timeouts=patience),
        }
    )
    async with running_proxy(config, tmp_path) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client
