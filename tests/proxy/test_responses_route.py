"""The Responses API on a real socket, in front of a fake engine that speaks it.

Its objects and events are written by hand from OpenAI's API reference, "Responses" and "Streaming".
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from evenhand_proxy.config import Config, Model, Timeouts
from tests.fake_engine import DONE, FakeEngine, plain, stream
from tests.running import RunningProxy, running_proxy

RESPONSES = "/v1/responses"
PATIENCE = Timeouts(connect=2, first_byte=2, between_bytes=1, total=20)
USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 8,
}


def response(text: str = "", status: str = "completed", **more: Any) -> dict[str, Any]:
    """A Response object."""
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "served",
        "output": [item] if text else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE if status != "in_progress" else None,
        **more,
    }


def event(kind: str, **fields: Any) -> bytes:
    """One event."""
    data = json.dumps({"type": kind, "sequence_number": 0, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def delta(text: str) -> bytes:
    """A piece of the answer."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return event("response.output_text.delta", **place, delta=text, logprobs=[])


CREATED = event("response.created", response=response(status="in_progress"))


def completed(text: str, **more: Any) -> bytes:
    """The last event of a good stream; there is no `[DONE]`."""
    return event("response.completed", response=response(text, **more))


def body(**more: Any) -> dict[str, Any]:
    """A request for the model `m`."""
    return {"model": "m", "input": "hi", **more}


@pytest.fixture
async def proxy(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy that serves the fake engine as several."""
    config = Config(
        models={
            "m": Model("vllm", engine.url, upstream_model="served", timeouts=PATIENCE),
            "openai": Model("openai", engine.url, timeouts=PATIENCE),
            "tgi": Model("tgi", engine.url, timeouts=PATIENCE),
            "zhipu": Model("zhipu", engine.url, timeouts=PATIENCE),
        }
    )
    async with running_proxy(config, tmp_path) as running:
        yield running


@pytest.fixture
async def sdk(proxy: RunningProxy) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client."""
    async with openai.AsyncOpenAI(
        base_url=f"{proxy.url}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


async def test_a_plain_answer_passes_untouched(
    proxy: RunningProxy, engine: FakeEngine, sdk: openai.AsyncOpenAI
) -> None:
    """The SDK reads it; usage and how it ended stand in the row under their own names."""
    engine.reply = plain(response("hello"))
    answer = await sdk.responses.create(model="m", input="hi", max_output_tokens=9)
    assert answer.output_text == "hello"
    (sent,) = engine.seen
    assert sent.path == RESPONSES
    assert sent.json == {"model": "served", "input": "hi", "max_output_tokens": 9}
    (row,) = await proxy.settled()
    assert row.opening.route == RESPONSES
    assert row.opening.sent_parameters == {"max_tokens": 9}
    outcome = row.outcome
    assert (outcome.kind, outcome.finish_reasons) == ("completed", ("completed",))
    assert (outcome.usage.prompt_tokens, outcome.usage.completion_tokens) == (5, 3)
    assert (outcome.response_id, outcome.response_model) == ("resp_1", "served")


@pytest.mark.parametrize("size", [7, 100_000])
async def test_a_stream_passes_byte_for_byte(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, size: int
) -> None:
    """Its end is `response.completed`, however many reads that event comes in."""
    text = "long " * 400
    whole = CREATED + delta("long ") + completed(text)
    engine.reply = stream(*(whole[at : at + size] for at in range(0, len(whole), size)))
    answer = await http.post(proxy.url + RESPONSES, json=body(stream=True))
    assert answer.content == whole
    (row,) = await proxy.settled()
    outcome = row.outcome
    assert (outcome.kind, outcome.finish_reasons) == ("completed", ("completed",))
    assert (outcome.usage.source, outcome.usage.completion_tokens) == ("engine", 3)
    assert outcome.bytes_out == len(whole)


async def test_the_sdk_reads_the_stream(
    engine: FakeEngine, sdk: openai.AsyncOpenAI, proxy: RunningProxy
) -> None:
    """Also one that was cut at the limit of tokens, which the row says."""
    cut = response("hel", "incomplete", incomplete_details={"reason": "max_output_tokens"})
    engine.reply = stream(CREATED, delta("hel"), event("response.incomplete", response=cut))
    pieces = await sdk.responses.create(model="m", input="hi", stream=True)
    kinds = [piece.type async for piece in pieces]
    assert kinds == ["response.created", "response.output_text.delta", "response.incomplete"]
    (row,) = await proxy.settled()
    assert row.outcome.finish_reasons == ("max_output_tokens",)
    assert row.outcome.kind == "completed"


async def test_tokens_are_estimated_where_the_engine_reports_none(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """From the pieces of the answer, and from instructions and input of either shape."""
    engine.reply = stream(CREATED, delta("one two three"), completed("one two three", usage=None))
    part = {"type": "input_text", "text": "four five six"}
    said = [{"role": "user", "content": [part]}]
    await http.post(proxy.url + RESPONSES, json=body(stream=True, input=said, instructions="Be."))
    (row,) = await proxy.settled()
    assert row.outcome.usage.source == "estimate"
    assert 3 <= row.outcome.usage.completion_tokens < 6
    assert row.outcome.usage.prompt_tokens >= 4


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (stream(CREATED, delta("a"), then="break"), "upstream_broken"),
        (stream(CREATED, delta("a")), "upstream_broken"),
        (stream(CREATED, delta("a"), then="hang"), "upstream_failed"),
    ],
)
async def test_a_broken_stream_is_told(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    sdk: openai.AsyncOpenAI,
    reply: Any,
    outcome: str,
) -> None:
    """By the protocol's own error event, at which the SDK raises."""
    engine.reply = reply
    answer = await http.post(proxy.url + RESPONSES, json=body(stream=True))
    name, data = answer.content.split(b"\n\n")[-2].split(b"\n")
    said = json.loads(data.removeprefix(b"data: "))
    assert (name, said["type"]) == (b"event: error", "error")
    assert said["code"].startswith("upstream_")
    assert said["message"] == said["error"]["message"]
    (row,) = await proxy.settled()
    assert (row.outcome.kind, row.outcome.error) == (outcome, said["message"])
    with pytest.raises(openai.APIError, match="engine"):
        async for _ in await sdk.responses.create(model="m", input="hi", stream=True):
            pass


async def test_a_torn_event_is_ended_before_the_error(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """What the engine wrote goes on as it is; the error is an event of its own."""
    engine.reply = stream(CREATED, b'data: {"ha', then="break")
    answer = await http.post(proxy.url + RESPONSES, json=body(stream=True))
    torn, last = answer.content.removeprefix(CREATED).split(b"\n\n")[:-1]
    assert torn == b'data: {"ha'
    assert last.startswith(b"event: error\ndata: ")


@pytest.mark.parametrize(
    "last",
    [
        event("error", code="server_error", message="out of memory", param=None),
        event(
            "response.failed",
            response=response(status="failed", error={"code": "x", "message": "out of memory"}),
        ),
    ],
)
async def test_a_stream_that_the_engine_fails_is_relayed_and_recorded(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, last: bytes
) -> None:
    """The client gets the engine's bytes and no more; the row has the engine's words."""
    engine.reply = stream(CREATED, last)
    answer = await http.post(proxy.url + RESPONSES, json=body(stream=True))
    assert answer.content == CREATED + last
    outcome = (await proxy.settled())[0].outcome
    assert (outcome.kind, outcome.error) == ("upstream_failed", "out of memory")


async def test_a_response_that_failed_is_still_the_protocols_answer(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Status 200 with `failed` in it reaches the client, and is audited as a failure."""
    failed = response(status="failed", error={"code": "server_error", "message": "oom"})
    engine.reply = plain(failed)
    answer = await http.post(proxy.url + RESPONSES, json=body())
    assert (answer.status_code, answer.json()) == (200, failed)
    outcome = (await proxy.settled())[0].outcome
    assert (outcome.kind, outcome.error) == ("upstream_failed", "oom")


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_engine_errors_have_openais_shape(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, status: int
) -> None:
    """Also the 404 of an engine that was built without the route."""
    engine.reply = plain({"detail": "Not Found"}, status)
    answer = await http.post(proxy.url + RESPONSES, json=body())
    message = answer.json()["error"]["message"]
    assert (answer.status_code, "Not Found" in message) == (status, True)
    assert message.startswith("m: its engine answers HTTP 404") == (status == 404)


@pytest.mark.parametrize("model", ["tgi", "zhipu"])
async def test_an_engine_without_the_route_is_a_400(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, model: str
) -> None:
    """The error names the routes that it has; the engine is not called."""
    answer = await http.post(proxy.url + RESPONSES, json=body(model=model))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "route_not_supported")
    assert "It has chat" in error["message"]
    assert engine.seen == []


async def test_decoding_keeps_its_own_words(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Effort, format and the limit stand where the protocol has them, and in the record."""
    shape = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    decoding = {
        "max_output_tokens": 50,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": shape},
        "temperature": 0,
    }
    engine.reply = plain(response("{}"))
    answer = await http.post(proxy.url + RESPONSES, json=body(model="openai", **decoding))
    assert {name: engine.seen[0].json[name] for name in decoding} == decoding
    assert json.loads(answer.headers["evenhand-changes"]) == []
    (row,) = await proxy.settled()
    record = json.loads(proxy.request(row.opening.request_id).opening.decoding)["parameters"]
    requested = {name: record[name]["requested"] for name in record if "requested" in record[name]}
    assert requested == {
        "temperature": 0,
        "max_tokens": 50,
        "response_format": shape,
        "reasoning_effort": "low",
    }


async def test_words_of_the_chat_route_are_renamed(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """A client that mixes the protocols up gets what it meant."""
    engine.reply = plain(response("a"))
    await http.post(
        proxy.url + RESPONSES,
        json=body(model="openai", max_tokens=7, reasoning_effort="high"),
    )
    sent = engine.seen[0].json
    assert (sent["max_output_tokens"], sent["reasoning"]) == (7, {"effort": "high"})
    assert not {"max_tokens", "reasoning_effort"} & sent.keys()


async def test_a_done_mark_ends_a_stream_too(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Some engines send it on this route as well."""
    engine.reply = stream(CREATED, completed("a"), DONE)
    answer = await http.post(proxy.url + RESPONSES, json=body(stream=True))
    assert answer.content.endswith(DONE)
    outcome = (await proxy.settled())[0].outcome
    assert (outcome.kind, outcome.usage.completion_tokens) == ("completed", 3)
