"""Whole tasks through a real proxy come to what they come to at the engine itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.results import RunData
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.tasks import TASKS, mmlu
from evenhand_proxy.cli.model import ensure_local
from evenhand_proxy.config import Config, Model
from evenhand_proxy.engines.local import LocalEngine
from tests.evals.subject_files import write_mmlu
from tests.running import running_proxy

LIKELIHOODS = ("perplexity", "mmlu_loglikelihood")
TEXT = "今天下雨, 龘龘。 The sun will shine tomorrow in the south, and rain falls in the north.\n"


@dataclass(frozen=True)
class Places:
    """The base URLs of one engine: its own, and that of the proxy before it."""

    direct: str
    proxied: str


@pytest.fixture(scope="module")
async def places(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Places]:
    """The embedded llama.cpp with tiny-glm4, and a proxy."""
    folder = tmp_path_factory.mktemp("engine")
    name, weights = await ensure_local("tiny-glm4", folder)
    async with LocalEngine(weights, alias=name, slots=2, log_path=folder / "log") as engine:
        config = Config(models={name: Model("llamacpp", engine.base_url)})
        async with running_proxy(config, folder) as proxy:
            yield Places(f"{engine.base_url}/v1", f"{proxy.url}/v1")


async def ran(
    base_url: str,
    task: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    options: Mapping[str, str] | None = None,
) -> RunData:
    """Run a task; in a thread, because loading its data may ask the proxy that runs here."""
    settings = RunSettings(
        base_url=base_url,
        model="tiny-glm4",
        out=out,
        data=data,
        limit=limit,
        options=options or {},
        parameters={} if task in LIKELIHOODS else {"max_tokens": 8},
    )
    return await asyncio.to_thread(lambda: asyncio.run(run_task(TASKS[task], settings)))


async def both(places: Places, task: str, out: Path, **how: Any) -> tuple[RunData, RunData]:
    """Run a task at the engine and through the proxy."""
    direct = await ran(places.direct, task, out / "direct", **how)
    proxied = await ran(places.proxied, task, out / "proxied", **how)
    assert proxied.manifest.server.kind == "evenhand"
    assert direct.manifest.server.kind == "openai-style"
    return direct, proxied


async def test_perplexity(places: Places, tmp_path: Path) -> None:
    """The same sums over the same tokens, of characters in several tokens too."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT * 2, encoding="utf-8")
    direct, proxied = await both(
        places, "perplexity", tmp_path, data=text, options={"window": "40"}
    )
    (one,), (other,) = direct.records, proxied.records
    assert one.score is not None
    assert other.score is not None
    assert other.score.data["tokens"] == one.score.data["tokens"] > 40
    assert other.score.data["logprob"] == pytest.approx(one.score.data["logprob"], abs=1e-4)
    assert any(step.request.get("logit_bias") for step in other.steps)
    assert proxied.result.fingerprints == {}, "what measures is not decoded as the run says"


async def test_mmlu_loglikelihood(places: Places, tmp_path: Path) -> None:
    """Every option of every item."""
    write_mmlu(tmp_path / "mmlu", mmlu.SUBJECTS)
    direct, proxied = await both(
        places, "mmlu_loglikelihood", tmp_path, data=tmp_path / "mmlu", limit=4
    )
    own = {each.item: each for each in direct.records}
    assert len(own) == 4
    for each in proxied.records:
        assert each.score is not None, each.reason
        assert each.outcome == own[each.item].outcome
        expected = own[each.item].score
        assert expected is not None
        assert each.score.extracted == expected.extracted
    assert proxied.result.score == direct.result.score


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("needle_glm", {"lengths": "900", "depths": "20,80"}),
        ("ruler_niah_single_1", {"lengths": "1000", "samples": "2"}),
        ("ruler_vt", {"lengths": "1500", "samples": "2"}),
    ],
)
async def test_long_prompts_are_planned_by_exact_tokens(
    places: Places, tmp_path: Path, task: str, options: Mapping[str, str]
) -> None:
    """The served model's own: the same prompts as at the engine, as long as `usage` says."""
    direct, proxied = await both(places, task, tmp_path, options=options)
    assert "tokens by the endpoint's /tokenize" in proxied.manifest.dataset.source
    own = {each.item: each.request for each in direct.records}
    assert len(own) == 2
    for each in proxied.records:
        sent, other = each.request, own[each.item]
        assert sent is not None
        assert other is not None
        assert sent["messages"] == other["messages"]
        assert each.score is not None, each.reason
        planned, used = each.score.data["planned"], each.score.data["prompt_tokens"]
        assert 0.9 * planned < used <= planned
