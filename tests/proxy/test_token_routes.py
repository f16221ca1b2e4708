"""`/tokenize` and `/detokenize` on a real socket, in front of an engine of ours."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.config import Config, Key, Limits, Model, Secret, Timeouts
from tests.fake_engine import FakeEngine, Seen, answer, plain
from tests.proxy.engine_answers import LLAMACPP_PROPS
from tests.proxy.told_engine import told_engine
from tests.running import RunningProxy, running_proxy

PATIENCE = Timeouts(connect=2, first_byte=1, between_bytes=1, total=20)
ROUTES = ("/tokenize", "/v1/tokenize", "/detokenize", "/v1/detokenize")
FOUND = {"tokens": [1, 2], "count": 2, "prompt": "ab", "content": "ab", "text": "ab"}


@pytest.fixture
async def proxy(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy with a key that serves the fake engine under several names."""
    own = Secret("sk-engine")
    config = Config(
        models={
            "m": Model("vllm", engine.url, "served", api_key=own, timeouts=PATIENCE),
            "below": Model("sglang", f"{engine.url}/v1", timeouts=PATIENCE),
            "local": Model("llamacpp", engine.url, timeouts=PATIENCE),
            "openai": Model("openai", engine.url, timeouts=PATIENCE),
            "hosted": Model("vllm", engine.url, "hosted_vllm/x", via="litellm", timeouts=PATIENCE),
            "gone": Model("vllm", "http://127.0.0.1:9", timeouts=PATIENCE),
        },
        keys={"app": Key(Secret("sk-right"), profile="greedy")},
        limits=Limits(body_bytes=4000),
    )
    engine.reply = plain(FOUND)
    async with running_proxy(config, tmp_path) as running:
        yield running


@pytest.fixture
async def client(proxy: RunningProxy) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key."""
    headers = {"authorization": "Bearer sk-right"}
    async with httpx.AsyncClient(
        base_url=proxy.url, trust_env=False, timeout=10, headers=headers
    ) as made:
        yield made


def body(model: str = "m", **more: Any) -> dict[str, Any]:
    """A request that fits both routes."""
    return {"model": model, "prompt": "ab", "tokens": [1, 2], **more}


@pytest.mark.parametrize("route", ROUTES)
async def test_the_engine_is_asked_at_its_root(
    engine: FakeEngine, client: httpx.AsyncClient, route: str
) -> None:
    """Under its own name and key, with our id and nothing of the client's."""
    answered = await client.post(route, json=body("m@greedy"), headers={"x-secret": "s"})
    assert answered.status_code == 200
    assert (answered.json().get("count", 2), answered.json()["prompt"]) == (2, "ab")
    (seen,) = engine.seen
    assert seen.path == route.removeprefix("/v1")
    assert seen.json["model"] == "served"
    assert seen.headers["authorization"] == "Bearer sk-engine"
    assert seen.headers["evenhand-request-id"] == answered.headers["evenhand-request-id"]
    assert "x-secret" not in seen.headers


async def test_the_root_of_a_base_url_with_a_version(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    """Is above it."""
    await client.post("/v1/tokenize", json=body("below"))
    assert [seen.path for seen in engine.seen] == ["/tokenize"]


@pytest.mark.parametrize(
    ("sent", "status", "code", "message"),
    [
        (body("openai"), 400, "route_not_supported", "engine of openai (openai) has no tokeniser"),
        (body("hosted"), 400, "route_not_served", "hosted goes through litellm"),
        (body("nothing"), 404, "model_not_found", "no model 'nothing'"),
        (body("m@nothing"), 404, "profile_not_found", "no profile 'nothing'"),
        (
            {"prompt": "a"},
            400,
            "model_missing",
            "model: missing; name one of m, below, local, openai, hosted, gone.",
        ),
        ({"prompt": "a", "model": ""}, 400, "model_missing", "model: '' is no model name"),
        (body(api_key="k"), 400, "forbidden_field", "api_key"),
        ({"model": "m"}, 400, "invalid_request", "there is no"),
        (body(prompt="a" * 5000), 413, "body_too_large", "longer than 4000 bytes"),
        (body("gone"), 502, "upstream_unreachable", "gone: No connection"),
    ],
)
async def test_what_is_wrong_is_said(
    engine: FakeEngine,
    client: httpx.AsyncClient,
    sent: dict[str, Any],
    status: int,
    code: str,
    message: str,
) -> None:
    """As an error of OpenAI's shape, and no engine is called."""
    answered = await client.post("/tokenize", json=sent)
    assert answered.status_code == status
    assert answered.json()["error"]["code"] == code
    assert message in answered.json()["error"]["message"]
    assert engine.seen == []


@pytest.mark.parametrize("route", ROUTES)
async def test_a_key_is_asked_for(proxy: RunningProxy, http: httpx.AsyncClient, route: str) -> None:
    """At the root as well."""
    assert (await http.post(f"{proxy.url}{route}", json=body())).status_code == 401


@pytest.mark.parametrize(
    ("status", "said", "told", "message"),
    [
        (400, {"error": {"message": "too long", "code": 400}}, 400, "too long"),
        (422, {"detail": "no prompt"}, 422, "no prompt"),
        (500, {"error": {"message": "broken"}}, 500, "broken"),
        (404, {"detail": "Not Found"}, 404, "m: its engine answers HTTP 404"),
        (401, {"error": "no"}, 502, "Set models.m.api_key"),
        (307, {}, 502, "m: The engine's answer is not a JSON object"),
        (200, [1], 502, "m: The engine's answer is not a JSON object"),
        (200, {"error": "none"}, 502, "m: The engine's answer has no tokens"),
    ],
)
async def test_what_the_engine_says_is_told(
    engine: FakeEngine,
    client: httpx.AsyncClient,
    status: int,
    said: Any,
    told: int,
    message: str,
) -> None:
    """Its errors keep their status and words; no answer is an error of ours."""
    engine.reply = plain(said, status)
    answered = await client.post("/tokenize", json=body())
    assert answered.status_code == told
    assert message in answered.json()["error"]["message"]


@pytest.mark.parametrize(
    ("status", "said", "told", "message"),
    [
        (500, "vector::_M_range_check: __n (which is 999999)", 400, "the largest is 999999"),
        (500, "vector", 400, "tokens: one of them is outside the model's vocabulary"),
        (500, "Internal server error during detokenization: piece id is out of range.", 400, "ids"),
        (500, "vector store is down", 500, "vector store is down"),
        (400, "out of range", 400, "out of range"),
    ],
)
async def test_a_token_out_of_the_vocabulary(
    engine: FakeEngine,
    client: httpx.AsyncClient,
    status: int,
    said: str,
    told: int,
    message: str,
) -> None:
    """Is the client's error, whatever the engine calls it; its inner words are not told."""
    engine.reply = plain({"error": {"message": said}}, status)
    sent = {"model": "local", "tokens": [1, 999999]}
    error = (answered := await client.post("/detokenize", json=sent)).json()["error"]
    assert answered.status_code == told
    assert message.replace("ids", "whole numbers") in error["message"]
    if status != told:
        assert (error["type"], error["param"]) == ("invalid_request_error", "tokens")
        assert "_M_range" not in error["message"]
    engine.reply = plain({"error": {"message": said}}, status)
    assert (await client.post("/tokenize", json=body())).status_code == status


async def test_the_only_model_need_not_be_named(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """As llama.cpp's own clients do not."""
    engine.reply = plain(FOUND)
    config = Config(models={"only": Model("llamacpp", engine.url, timeouts=PATIENCE)})
    async with running_proxy(config, tmp_path) as proxy:
        for sent in ({"content": "Hello"}, {"content": "Hello", "model": None}):
            answered = await http.post(f"{proxy.url}/tokenize", json=sent)
            assert answered.json()["count"] == 2
        answered = await http.post(f"{proxy.url}/detokenize", json={"tokens": [1]})
        assert answered.json()["content"] == "ab"
    assert {seen.json["model"] for seen in engine.seen} == {"only"}


async def test_no_json_is_no_answer(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    """Whatever else it may be."""

    async def reply(_: Any, writer: Any) -> None:
        await answer(writer, 200, b"<html>")

    engine.reply = reply
    answered = await client.post("/detokenize", json=body())
    assert answered.status_code == 502


async def test_metrics_count_it_and_the_audit_does_not(
    proxy: RunningProxy, engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    """Nothing is decoded; how it ended is told all the same."""
    await client.post("/tokenize", json=body())
    engine.reply = plain({"detail": "no"}, 400)
    await client.post("/v1/detokenize", json=body())
    await client.post("/tokenize", json=body("gone"))
    await client.post("/v1/embeddings", json={"model": "m", "input": "a"})
    (row,) = await proxy.settled()
    assert row.opening.route == "/v1/embeddings"
    metrics = (await client.get("/metrics")).text
    counts = {
        tuple(part in line for part in ('"/tokenize"', '"completed"', '"refused"')): line
        for line in metrics.splitlines()
        if line.startswith("evenhand_requests_total") and "tokenize" in line
    }
    assert set(counts) == {(True, True, False), (False, False, True), (True, False, False)}
    assert 'evenhand_model="m"' in counts[True, True, False]
    assert "upstream_failed" in counts[True, False, False]


async def test_the_context_that_the_engine_told(tmp_path: Path, http: httpx.AsyncClient) -> None:
    """Stands in every answer and in the list of models, by whichever name they are asked for."""
    props = json.loads(json.dumps(LLAMACPP_PROPS))
    props["default_generation_settings"]["n_ctx"] = 1234
    async with told_engine(GET_props=props, POST_tokenize={"tokens": [1]}) as engine:
        config = Config(models={"m": Model("llamacpp", engine.url)})
        async with running_proxy(config, tmp_path) as proxy:
            asked = {"model": "m", "prompt": "a"}
            told = (await http.post(f"{proxy.url}/tokenize", json=asked)).json()
            listed = (await http.get(f"{proxy.url}/v1/models")).json()["data"]
            one = (await http.get(f"{proxy.url}/v1/models/m@greedy")).json()
    assert told == {"tokens": [1], "count": 1, "max_model_len": 1234}
    assert {each["max_model_len"] for each in (*listed, one)} == {1234}


async def test_a_context_that_nobody_told_stands_nowhere(
    client: httpx.AsyncClient,
) -> None:
    """Neither as null nor as a guess; what the engine says beside the tokens is kept."""
    listed = (await client.get("/v1/models")).json()["data"]
    assert all("max_model_len" not in each for each in listed)
    assert "max_model_len" not in (await client.post("/tokenize", json=body())).json()


async def test_many_texts_have_one_time(engine: FakeEngine, tmp_path: Path) -> None:
    """Each call may be in time, and the request as a whole not."""

    async def late(_: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await answer(writer, 200, json.dumps(FOUND).encode())

    engine.reply = late
    short = Timeouts(connect=2, first_byte=5, between_bytes=5, total=0.5)
    config = Config(models={"only": Model("vllm", engine.url, timeouts=short)})
    async with running_proxy(config, tmp_path) as running, httpx.AsyncClient() as client:
        asked = {"prompt": ["a"] * 100}
        answered = await client.post(f"{running.url}/tokenize", json=asked, timeout=30)
    assert answered.status_code == 504
    assert answered.json()["error"]["message"] == "only: no whole answer within 0.5 seconds."
    assert len(engine.seen) < 100
