"""The engine's memory: what each engine's own answers say, and what a run makes of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.engine_memory import (
    GIB,
    PROXIED,
    TOLD,
    EngineMemory,
    Entry,
    Memory,
    Series,
    Watch,
    memory_of,
    series,
)
from evenhand_evals.http.client import Client
from evenhand_evals.manifest import read_manifest
from evenhand_evals.run import run_task, stages
from evenhand_evals.types import Message, Sample
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for, yes_task

SGLANG_LOADS = {
    "version": "0.5.20",
    "loads": [
        {
            "dp_rank": rank,
            "num_used_tokens": used,
            "max_total_num_tokens": 16384,
            "token_usage": round(used / 16384, 4),
            "memory": {"weight_gb": 0.5, "kv_cache_gb": 2.0, "token_capacity": 16384},
        }
        for rank, used in ((0, 8192), (1, 4096))
    ],
}
SGLANG_METRICS = """\
# HELP sglang:num_used_tokens The number of used tokens.
# TYPE sglang:num_used_tokens gauge
sglang:num_used_tokens{engine_type="unified",model_name="tiny",pp_rank="0",tp_rank="0"} 1961.0
sglang:num_used_tokens{engine_type="unified",model_name="tiny",pp_rank="0",tp_rank="1"} 1961.0
# HELP sglang:max_total_num_tokens Maximum total number of tokens in the KV cache pool.
# TYPE sglang:max_total_num_tokens gauge
sglang:max_total_num_tokens{engine_type="unified",model_name="tiny",tp_rank="0"} 16384.0
# HELP sglang:kv_cache_memory_usage_gb Memory used by the KV cache pools in GB.
# TYPE sglang:kv_cache_memory_usage_gb gauge
sglang:kv_cache_memory_usage_gb{engine_type="unified",model_name="tiny",tp_rank="0"} 0.03125
"""
SGLANG_INFO = {
    "internal_states": [
        {"memory_usage": {"weight": 0.014, "kvcache": 0.031, "token_capacity": 16384}}
    ]
}
VLLM_METRICS = """\
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 6.5e+08
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="a \\"b\\", {c}"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a \\"b\\", {c}"} 0.75
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",engine="0",kv_cache_memory_bytes="None",\
kv_cache_size_tokens="None",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",engine="1",kv_cache_memory_bytes="None",\
kv_cache_size_tokens="None",num_gpu_blocks="1000"} 1.0
"""
LLAMACPP_SLOTS = [
    {"id": 0, "n_ctx": 8192, "speculative": False, "is_processing": False},
    {"id": 1, "n_ctx": 8192, "is_processing": True, "id_task": 3, "n_prompt_tokens": 5023},
    {"id": 2, "n_ctx": 8192, "is_processing": False, "id_task": 2, "n_prompt_tokens": 5255},
]


class Engine(Fake):
    """A fake that also serves an engine's own routes; chats wait until `looks` more were asked.

    `routes` are paths with the body that they answer with, a text or JSON.
    """

    def __init__(self, routes: Mapping[str, Any], looks: int = 0) -> None:
        super().__init__()
        self.routes, self.looks = dict(routes), looks
        self.asked: list[str] = []
        self.held = asyncio.Condition()

    @property
    def app(self) -> web.Application:
        """The fake's routes, and the engine's."""
        app = super().app
        app.router.add_get("/{path:.*}", self._route)
        return app

    async def _route(self, request: web.Request) -> web.Response:
        async with self.held:
            self.asked.append(request.path)
            self.held.notify_all()
        if request.path not in self.routes:
            return web.json_response({"error": "not found"}, status=404)
        body = self.routes[request.path]
        if isinstance(body, str):
            return web.Response(text=body, content_type="text/plain")
        return web.json_response(body)

    async def _chat(self, request: web.Request) -> web.Response:
        async with self.held:
            seen = len(self.asked)
            await self.held.wait_for(lambda: len(self.asked) >= seen + self.looks)
        return await super()._chat(request)


@asynccontextmanager
async def watched(engine: str, routes: Mapping[str, Any]) -> AsyncIterator[Watch]:
    """A watch on a fake engine that serves some routes."""
    async with serving(Engine(routes)) as fake, Client(fake.url.removesuffix("/v1")) as client:
        yield Watch(client, engine, lambda: True)


async def looked(engine: str, routes: Mapping[str, Any]) -> tuple[Memory | None, str]:
    """Give what one look comes to, and where it was."""
    async with watched(engine, routes) as watch:
        async with watch.during("part"):
            while watch.memory.source.startswith("not seen"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return await watch.look(), watch.memory.source


async def test_sglang_tells_at_loads() -> None:
    """Ranks add up; used bytes are the share of the pool, whose "GB" are GiB."""
    memory, source = await looked("sglang", {"/v1/loads": SGLANG_LOADS})
    assert source == "sglang: /v1/loads"
    assert memory == Memory(1, 12288, 32768, 0.375, 1.5 * GIB, 4 * GIB, GIB)


async def test_sglang_without_loads() -> None:
    """Older releases tell at /metrics; copies of one figure on other ranks are not added up."""
    routes = {"/metrics": SGLANG_METRICS, "/server_info": SGLANG_INFO}
    memory, source = await looked("sglang", routes)
    assert memory is not None
    assert (memory.kv_tokens, memory.kv_capacity) == (1961, 16384)
    assert memory.kv_pool_bytes == 32 * (1 << 20)
    assert memory.kv_bytes == round(32 * (1 << 20) * 1961 / 16384)
    assert memory.weight_bytes == 0.014 * GIB
    assert source == "sglang: /metrics and /server_info"


async def test_sglang_that_tells_only_its_size() -> None:
    """A pool's size says nothing of what a length holds: nothing is looked at."""
    memory, source = await looked("sglang", {"/server_info": SGLANG_INFO})
    assert (memory, source) == (None, "not told by the engine (sglang)")


async def test_vllm_tells_a_share() -> None:
    """Engines have a mean share of their common size; "None" in a label is no figure."""
    memory, source = await looked("vllm", {"/metrics": VLLM_METRICS})
    assert source == "vllm: /metrics"
    assert memory == Memory(1, 16000, 32000, 0.5, process_bytes=6.5e8)


async def test_vllm_before_it_renamed_its_share() -> None:
    """The old name is read where the new one is not."""
    old = VLLM_METRICS.replace("kv_cache_usage_perc", "gpu_cache_usage_perc")
    memory, _ = await looked("vllm", {"/metrics": old})
    assert memory is not None
    assert memory.kv_share == 0.5


async def test_vllm_that_knows_its_tokens() -> None:
    """The size in tokens wins over blocks times block size, and bytes that were set are told."""
    told = VLLM_METRICS.replace('tokens="None"', 'tokens="8000"').replace('es="None"', 'es="4096"')
    memory, _ = await looked("vllm", {"/metrics": told})
    assert memory == Memory(1, 8000, 16000, 0.5, 4096, 8192, None, 6.5e8)


async def test_llamacpp_tells_of_busy_slots() -> None:
    """What an idle slot keeps for reuse is not held by a request."""
    memory, source = await looked("llamacpp", {"/slots": LLAMACPP_SLOTS})
    assert source == "llamacpp: /slots"
    assert memory == Memory(1, 5023)  # three slots of 8192 may share one cache of 8192


async def test_the_only_slot_has_the_whole_cache() -> None:
    """Its context is the capacity."""
    memory, _ = await looked("llamacpp", {"/slots": LLAMACPP_SLOTS[1:2]})
    assert memory == Memory(1, 5023, 8192, 5023 / 8192)


async def test_figures_that_come_with_the_first_request() -> None:
    """An engine that says nothing before it is asked is looked at all the same."""
    engine = Engine({})
    async with serving(engine) as fake, Client(fake.url.removesuffix("/v1")) as client:
        watch = Watch(client, "llamacpp", lambda: True)
        async with watch.during("1000"):
            assert watch.memory.source == "not told by the engine (llamacpp)"
            engine.routes["/slots"] = LLAMACPP_SLOTS
            for _ in range(2000):
                await asyncio.sleep(0.01)
                if watch.memory.parts:
                    break
    assert watch.memory.parts["1000"].kv_tokens == 5023


async def test_llamacpp_slots_whose_task_waits() -> None:
    """A slot with a new task tells the prompt before it until the first token is read or found."""
    waits = {"n_ctx": 4096, "is_processing": True, "n_prompt_tokens": 2047,
             "n_prompt_tokens_processed": 0, "n_prompt_tokens_cache": 0}  # fmt: skip
    reads = {**waits, "n_prompt_tokens": 512, "n_prompt_tokens_processed": 512}
    found = {**waits, "n_prompt_tokens": 100, "n_prompt_tokens_cache": 100}
    memory, _ = await looked("llamacpp", {"/slots": [waits, waits, reads, found]})
    assert memory is not None
    assert memory.kv_tokens == 612


@pytest.mark.parametrize(
    ("engine", "routes"),
    [
        ("sglang", {}),
        ("vllm", {"/metrics": "# HELP other x\nother 1\n"}),
        ("vllm", {"/metrics": {"status": "no text"}}),
        ("llamacpp", {"/slots": {"error": "slots are off"}}),
        ("llamacpp", {"/slots": [1, None, {"n_ctx": "many"}]}),
        ("ollama", {"/metrics": VLLM_METRICS}),
    ],
)
async def test_what_is_not_told(engine: str, routes: Mapping[str, Any]) -> None:
    """An engine that says nothing, or something else, is no error."""
    memory, source = await looked(engine, routes)
    assert memory is None
    assert source == f"not told by the engine ({engine})"


async def test_an_engine_that_is_not_there() -> None:
    """A server that cannot be reached says nothing, either."""
    async with serving(Engine({})) as fake:
        gone = fake.url.removesuffix("/v1")
    async with Client(gone) as client:
        watch = Watch(client, "sglang", lambda: True)
        async with watch.during("part"):
            pass
        assert watch.memory == EngineMemory("not told by the engine (sglang)")


def test_the_most_of_two() -> None:
    """The larger of each figure; one that is missing does not count."""
    some, more = Memory(2, 10, 100, 0.1), Memory(3, 7, None, 0.2, 5)
    assert some.most(more) == more.most(some) == Memory(5, 10, 100, 0.2, 5)
    session = EngineMemory("now", {"8": some})
    earlier = EngineMemory("then", {"8": more, "9": more})
    both = session.with_most(earlier)
    assert both == EngineMemory("now", {"8": some.most(more), "9": more})
    assert session.with_most(None) == session
    silent = EngineMemory("not seen")
    assert silent.with_most(earlier) == earlier
    assert silent.with_most(silent) == silent


def test_it_is_read_back() -> None:
    """From the manifest's JSON."""
    memory = EngineMemory("sglang: /v1/loads", {"8192": Memory(3, 10.0, 100.0, 0.1)})
    document = {"source": memory.source, "parts": {"8192": {"looks": 3, "kv_tokens": 10.0,
        "kv_capacity": 100.0, "kv_share": 0.1}}}  # fmt: skip
    assert EngineMemory.parse(document) == memory
    assert EngineMemory.parse(None) is None


def test_a_share_without_a_size() -> None:
    """Nothing is guessed: no tokens without the capacity."""
    assert memory_of({"kv_share": 0.5}) == Memory(1, None, None, 0.5)
    assert memory_of({"kv_tokens": 5, "kv_capacity": 0}) == Memory(1, 5, 0)


def test_a_name_that_begins_alike() -> None:
    """A metric is not another one whose name goes on."""
    text = 'a:b_total 1\na:b 2\na:b{c="d"} 3\n'
    assert list(series(text, "a:b")) == [({}, "2"), ({"c": "d"}, "3")]


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
           st.sampled_from(["loads", "memory", "n_ctx", "num_used_tokens", "is_processing"]),
           inner, max_size=3), max_leaves=12))  # fmt: skip
def test_no_body_is_an_error(body: Any) -> None:
    """Whatever comes back, figures are numbers from 0 on, or nothing."""
    for places in TOLD.values():
        for place in (each for some in places.values() for each in some):
            assert all(0 <= figure < float("inf") for figure in place.read(body))


def test_every_figure_is_one_of_memory() -> None:
    """The table names what is shown, and every place has its path."""
    known = {each.name for each in fields(Memory)} - {"looks", "kv_bytes"}
    for figures in TOLD.values():
        assert figures.keys() <= known
        for place in (each for places in figures.values() for each in places):
            assert isinstance(place, Series | Entry)
            assert place.path.startswith("/")


def sized(number: int, size: int) -> Sample:
    """An item of a size."""
    return Sample(f"item-{number}", (Message("user", f"{size}: {number}"),), "yes", {"size": size})


SIZED = replace(
    yes_task(),
    load=lambda _source: replace(
        yes_task().load(_source), samples=tuple(sized(n, 1000 // (1 + n % 3)) for n in range(9))
    ),
    stages="size",
)


def test_stages() -> None:
    """Values from the smallest on, as numbers; jobs keep their order."""
    jobs = [(sized(0, 1000), 0), (sized(1, 99), 0), (sized(2, 1000), 0), (sized(3, 99), 1)]
    found = stages("size", jobs)
    assert [name for name, _ in found] == ["99", "1000"]
    assert [[job[0].id for job in each] for _, each in found] == [
        ["item-1", "item-3"],
        ["item-0", "item-2"],
    ]


async def test_a_run_in_stages(tmp_path: Path) -> None:
    """Sizes are asked one after the other, and each has what the engine held meanwhile."""
    engine = Engine({"/slots": LLAMACPP_SLOTS}, looks=2)
    async with serving(engine) as fake:
        settings = settings_for(fake, tmp_path / "run", engine="llamacpp", concurrency=3)
        run = await run_task(SIZED, settings, backoff=QUICK)
    sizes = [int(prompt_of(body).partition(":")[0]) for body in engine.bodies]
    assert sizes == [333] * 3 + [500] * 3 + [1000] * 3
    memory = read_manifest(tmp_path / "run").memory
    assert memory == run.manifest.memory
    assert memory is not None
    assert memory.source == "llamacpp: /slots"
    assert list(memory.parts) == ["333", "500", "1000"]
    assert all(part.looks >= 1 for part in memory.parts.values())
    assert {part.kv_tokens for part in memory.parts.values()} == {5023}


class Late(Engine):
    """An engine that tells what it holds only when `enough` chats have come; the first at once."""

    enough = 0

    async def _route(self, request: web.Request) -> web.Response:
        if request.path in self.asked:
            async with self.held:
                await self.held.wait_for(lambda: len(self.bodies) >= self.enough)
        return await super()._route(request)

    async def _chat(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)  # longer than the first pause of a watch
        answer = await super()._chat(request)
        async with self.held:
            self.held.notify_all()
        return answer


@pytest.mark.parametrize("engine", ["llamacpp", "vllm"])
async def test_a_late_answer_counts_for_no_stage(tmp_path: Path, engine: str) -> None:
    """A look that is asked for in one stage and answered in a later one is given up."""
    late = Late({"/slots": LLAMACPP_SLOTS, "/metrics": VLLM_METRICS})
    late.enough = 7  # the first chat of the last stage
    async with serving(late) as fake:
        settings = settings_for(fake, tmp_path / "run", engine=engine, concurrency=2)
        run = await run_task(SIZED, settings, backoff=QUICK)
    assert run.manifest.memory is not None
    assert run.manifest.memory.parts.keys() <= {"1000"}


async def test_a_look_after_the_last_answer_is_none() -> None:
    """What an engine tells when nothing is under way any more is not of the part."""
    busy = [True]
    engine = Engine({"/slots": LLAMACPP_SLOTS})
    async with serving(engine) as fake, Client(fake.url.removesuffix("/v1")) as client:
        watch = Watch(client, "llamacpp", lambda: bool(busy and busy.pop()))
        async with watch.during("part"):
            await asyncio.sleep(0.3)
    assert engine.asked.count("/slots") == 2
    assert watch.memory.parts == {}


async def test_an_earlier_session_counts(tmp_path: Path) -> None:
    """A run that is gone on with keeps what was seen before."""
    engine = Engine({"/slots": LLAMACPP_SLOTS}, looks=2)
    out = tmp_path / "run"
    async with serving(engine) as fake:
        small = settings_for(fake, out, engine="llamacpp", limit=4)
        first = await run_task(SIZED, small, backoff=QUICK)
        engine.routes["/slots"] = [{"n_ctx": 8192, "is_processing": True, "n_prompt_tokens": 9}]
        again = replace(small, limit=None, resume=True)
        run = await run_task(SIZED, again, backoff=QUICK)
    assert first.manifest.memory is not None
    assert run.manifest.memory is not None
    assert set(run.manifest.memory.parts) == {"333", "500", "1000"}
    for size in first.manifest.memory.parts:
        assert run.manifest.memory.parts[size].kv_tokens == 5023


async def test_behind_a_proxy(tmp_path: Path) -> None:
    """A proxy's metrics are its own: nothing is asked, and the result says so."""
    engine = Engine({"/metrics": VLLM_METRICS, "/slots": LLAMACPP_SLOTS})
    record = {"parameters": {}, "fingerprint": "f", "engine": "vllm"}
    engine.explain = lambda _body: (200, record)
    async with serving(engine) as fake:
        run = await run_task(SIZED, settings_for(fake, tmp_path / "run"), backoff=QUICK)
    assert run.manifest.memory == EngineMemory(PROXIED)
    assert "/metrics" not in engine.asked


async def test_kept_answers_take_no_memory(tmp_path: Path) -> None:
    """A run whose answers are all kept from earlier looks at nothing, and says so."""
    engine = Engine({"/slots": LLAMACPP_SLOTS}, looks=2)
    async with serving(engine) as fake:
        settings = settings_for(fake, tmp_path / "a", engine="llamacpp", cache=tmp_path / "kept")
        await run_task(SIZED, settings, backoff=QUICK)
        run = await run_task(SIZED, replace(settings, out=tmp_path / "b"), backoff=QUICK)
    assert len(engine.bodies) == 9
    assert run.manifest.memory is not None
    assert run.manifest.memory.parts == {}
    assert run.manifest.memory.source.startswith("not seen: no request was under way")


async def test_other_tasks_ask_no_engine(tmp_path: Path) -> None:
    """Without stages nothing is looked at and nothing is kept of it."""
    engine = Engine({"/slots": LLAMACPP_SLOTS})
    async with serving(engine) as fake:
        settings = settings_for(fake, tmp_path / "run", engine="llamacpp")
        run = await run_task(yes_task(), settings, backoff=QUICK)
    assert run.manifest.memory is None
    assert "/slots" not in engine.asked
    assert json.loads((tmp_path / "run" / "manifest.json").read_bytes())["memory"] is None


async def test_a_stage_that_fails_is_no_answer(tmp_path: Path) -> None:
    """What failed is counted, and the other sizes have their memory."""
    engine = Engine({"/slots": LLAMACPP_SLOTS}, looks=2)
    engine.script = lambda body, _time: (
        Reply(status=400, message="too long") if "1000:" in prompt_of(body) else Reply()
    )
    async with serving(engine) as fake:
        settings = settings_for(fake, tmp_path / "run", engine="llamacpp")
        run = await run_task(SIZED, settings, backoff=QUICK)
    assert run.result.outcomes["failed"] == 3
    assert run.manifest.memory is not None
    assert run.manifest.memory.parts["333"].kv_tokens == 5023
