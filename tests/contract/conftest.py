"""One real engine at a time, with a real proxy in front of it."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from evenhand_proxy.config import Config
from tests.contract.engines import ENGINES, RealEngine
from tests.running import RunningProxy, running_proxy


@dataclass(frozen=True)
class Subject:
    """What a contract test works on: the proxy, the model's name there, and the engine."""

    proxy: RunningProxy
    engine: RealEngine
    model: str = "tiny-glm4"

    @property
    def url(self) -> str:
        """The base URL that a client is pointed at."""
        return f"{self.proxy.url}/v1"


@pytest.fixture(
    scope="session",
    params=[
        "llamacpp",
        pytest.param("sglang", marks=pytest.mark.sglang),
        pytest.param("vllm", marks=pytest.mark.vllm),
    ],
)
async def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Subject]:
    """A proxy that serves the engine's model as `tiny-glm4`, and strictly as `strict`."""
    folder = tmp_path_factory.mktemp(request.param)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    async with ENGINES[request.param](folder) as engine:
        strict = replace(engine.model, mode="strict")
        config = Config(models={"tiny-glm4": engine.model, "strict": strict})
        async with running_proxy(config, folder) as proxy:
            yield Subject(proxy, engine)


@pytest.fixture
async def http(subject: Subject) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose base is the proxy."""
    async with httpx.AsyncClient(base_url=subject.url, trust_env=False, timeout=120) as client:
        yield client


async def settled(subject: Subject, request_id: str) -> Any:
    """The audited request, once it has its outcome."""
    for _ in range(200):
        row = subject.proxy.request(request_id)
        if row.outcome is not None:
            return row
        await asyncio.sleep(0.02)
    raise AssertionError(f"{request_id} has no outcome")
