"""Anthropic's Messages API on a real socket, in front of an engine that speaks chat completions."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from evenhand_proxy.config import Audit, Config, Key, Limits, Model, Secret, Timeouts
from tests.fake_engine import DONE, FakeEngine, chat_answer, chunk, plain, silence, stream
from tests.running import RunningProxy, running_proxy

MESSAGES = "/v1/messages"
SAID = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 4, "completion_tokens": 2}
PATIENCE = Timeouts(connect=2, first_byte=1, between_bytes=1, total=20)


def body(**more: Any) -> dict[str, Any]:
    """A Messages request for the model `m`."""
    return {"model": "m", "max_tokens": 16, "messages": SAID, **more}


@pytest.fixture
async def proxy(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy that serves the fake engine as several engines, and refuses some parameters."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules:\n  - {name: no-seeds, action: forbid, parameter: seed}\n")
    config = Config(
        models={
            "m": Model("vllm", engine.url, upstream_model="served", timeouts=PATIENCE),
            "sglang": Model("sglang", engine.url, timeouts=PATIENCE),
            "llamacpp": Model("llamacpp", engine.url, timeouts=PATIENCE),
            "strict": Model("openai", engine.url, mode="strict", timeouts=PATIENCE),
            "gone": Model("vllm", "http://127.0.0.1:9", timeouts=PATIENCE),
        },
        keys={"app": Key(Secret("sk-right"))},
        policy=policy,
        limits=Limits(body_bytes=8000),
    )
    async with running_proxy(config, tmp_path) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key."""
    headers = {"x-api-key": "sk-right"}
    async with httpx.AsyncClient(trust_env=False, timeout=10, headers=headers) as client:
        yield client


@pytest.fixture
async def sdk(proxy: RunningProxy) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's own client."""
    async with anthropic.AsyncAnthropic(
        base_url=proxy.url, api_key="sk-right", max_retries=0
    ) as client:
        yield client


def events(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Split an event stream into names and documents."""
    found = []
    for part in content.decode().split("\n\n")[:-1]:
        name, data = part.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_the_sdk_gets_a_message(
    proxy: RunningProxy, engine: FakeEngine, sdk: anthropic.AsyncAnthropic
) -> None:
    """Text, stop reason, usage and the client's own model name; the row names route and usage."""
    message = await sdk.messages.create(
        model="m@greedy", max_tokens=16, messages=[{"role": "user", "content": "hi"}], system="Be."
    )
    assert [block.model_dump()["text"] for block in message.content] == ["hello"]
    assert (message.model, message.stop_reason) == ("m@greedy", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 2)
    (sent,) = engine.seen
    assert sent.path == "/v1/chat/completions"
    assert sent.json == {
        "model": "served",
        "max_tokens": 16,
        "temperature": 0,
        "messages": [{"role": "system", "content": "Be."}, *SAID],
    }
    (row,) = await proxy.settled()
    assert (row.opening.route, row.opening.profile) == (MESSAGES, "greedy")
    assert (row.opening.request_id, row.opening.key_name) == (message._request_id, "app")
    outcome = row.outcome
    assert (outcome.kind, outcome.finish_reasons) == ("completed", ("stop",))
    assert (outcome.usage.prompt_tokens, outcome.usage.source) == (3, "engine")


async def test_the_sdk_gets_a_stream(
    proxy: RunningProxy, engine: FakeEngine, sdk: anthropic.AsyncAnthropic
) -> None:
    """Its pieces as they come, and the usage, for which the engine was asked."""
    usage = chunk(choices=[], usage=USAGE)
    engine.reply = stream(chunk("Hel"), chunk("lo"), chunk(None, "length"), usage, DONE)
    async with sdk.messages.stream(
        model="m", max_tokens=16, messages=[{"role": "user", "content": "hi"}]
    ) as stream_of_events:
        pieces = [piece async for piece in stream_of_events.text_stream]
        message = await stream_of_events.get_final_message()
    assert pieces == ["Hel", "lo"]
    assert (message.model, message.stop_reason) == ("m", "max_tokens")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 2)
    assert engine.seen[0].json["stream_options"] == {"include_usage": True}
    (row,) = await proxy.settled()
    assert (row.opening.stream, row.outcome.kind) == (True, "completed")
    assert row.outcome.usage.completion_tokens == 2


async def test_a_stream_is_anthropics_byte_for_byte(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The protocol's events in their order, and as many bytes as the row says."""
    whole = chunk("a") + chunk("b", "stop") + chunk(choices=[], usage=USAGE) + DONE
    engine.reply = stream(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    answer = await http.post(proxy.url + MESSAGES, json=body(stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert json.loads(answer.headers["evenhand-changes"]) == []
    found = events(answer.content)
    assert all(name == document["type"] for name, document in found)
    assert [name for name, _ in found] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    (row,) = await proxy.settled()
    assert row.outcome.bytes_out == len(answer.content)
    assert 0 < row.outcome.first_byte <= row.outcome.duration


async def test_a_plain_answer_is_as_long_as_the_row_says(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """The length is that of what the client got, not of what the engine sent."""
    answer = await http.post(proxy.url + MESSAGES, json=body())
    assert answer.json()["type"] == "message"
    (row,) = await proxy.settled()
    assert row.outcome.bytes_out == len(answer.content)


async def test_content_is_what_client_and_engine_said(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """With audit.content: the client's own bytes, and the engine's answer before translation."""
    config = Config(models={"m": Model("vllm", engine.url)}, audit=Audit(content=True))
    async with running_proxy(config, tmp_path) as running:
        await http.post(running.url + MESSAGES, json=body(stop_sequences=["x"]))
        (settled,) = await running.settled()
        row = running.request(settled.opening.request_id)
        assert json.loads(row.opening.content) == body(stop_sequences=["x"])
        assert json.loads(row.outcome.content) == chat_answer("hello")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "sk-right"}, 200),
        ({"authorization": "Bearer sk-right"}, 200),
        ({"authorization": "Basic eDp5", "x-api-key": "sk-right"}, 200),
        ({"x-api-key": "sk-wrong"}, 401),
        ({"authorization": "Bearer sk-wrong", "x-api-key": "sk-right"}, 401),
        ({}, 401),
    ],
)
async def test_either_header_may_hold_the_key(
    proxy: RunningProxy, headers: dict[str, str], status: int
) -> None:
    """Anthropic's clients send x-api-key, or a bearer token, which wins over it."""
    async with httpx.AsyncClient(trust_env=False) as bare:
        answer = await bare.post(proxy.url + MESSAGES, json=body(), headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.json()["error"]["type"] == "authentication_error"


DEEP = b'{"a":' * 1000 + b"1" + b"}" * 1000


@pytest.mark.parametrize(
    ("request_body", "status", "kind", "words"),
    [
        (b"{", 400, "invalid_request_error", "not valid JSON"),
        (b"x" * 9000, 413, "request_too_large", "8000 bytes"),
        (body(model="n"), 404, "not_found_error", "there is no model 'n'"),
        (body(model=5), 400, "invalid_request_error", "no model name"),
        (body(max_tokens=None), 400, "invalid_request_error", "max_tokens: Field required"),
        (body(messages=[]), 400, "invalid_request_error", "messages: [] is empty"),
        (body(mcp_servers=["x"]), 400, "invalid_request_error", "Anthropic's own servers"),
        (body(base_url="http://x"), 400, "invalid_request_error", "not accepted from clients"),
        (
            body(model="strict", top_k=3),
            400,
            "invalid_request_error",
            "top_k: 3 cannot be honoured",
        ),
        (body(seed=3), 400, "invalid_request_error", "policy no-seeds: forbids seed"),
        (
            json.dumps(body(tools=[{"name": "t", "input_schema": 0}])).encode().replace(b"0", DEEP),
            400,
            "invalid_request_error",
            "nested too deeply",
        ),
    ],
)
async def test_refusals_have_anthropics_shape(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    request_body: Any,
    status: int,
    kind: str,
    words: str,
) -> None:
    """Whoever refuses: the guard, the parser, the catalogue, strict mode or the policy."""
    content = request_body if isinstance(request_body, bytes) else json.dumps(request_body)
    answer = await http.post(proxy.url + MESSAGES, content=content)
    said = answer.json()
    assert (answer.status_code, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert words in said["error"]["message"]
    assert said["request_id"] == answer.headers["request-id"]
    assert engine.seen == []


async def test_other_methods_and_paths_have_anthropics_shape(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Below /v1/messages everything does, also what FastAPI answers."""
    wrong = await http.get(proxy.url + MESSAGES)
    assert (wrong.status_code, wrong.json()["type"]) == (405, "error")
    counting = f"{proxy.url}{MESSAGES}/count_tokens"
    for answer, status in (
        (await http.post(counting, content=b"{"), 400),
        (await http.post(counting, json={"messages": []}), 400),
        (await http.get(counting), 405),
        (await http.post(f"{proxy.url}{MESSAGES}/batches", json={}), 404),
    ):
        assert (answer.status_code, answer.json()["type"]) == (status, "error")
        assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_tokens_are_counted_before_a_request(
    proxy: RunningProxy, engine: FakeEngine, sdk: anthropic.AsyncAnthropic
) -> None:
    """An estimate, without calling the engine; a longer text has more."""
    short = await sdk.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
    long = await sdk.messages.count_tokens(
        model="m", system="Be kind.", messages=[{"role": "user", "content": "hi there, you"}]
    )
    assert 0 < short.input_tokens < long.input_tokens
    assert engine.seen == []


@pytest.mark.parametrize(
    ("status", "told", "kind", "outcome"),
    [
        (400, 400, "invalid_request_error", "refused"),
        (404, 404, "not_found_error", "refused"),
        (429, 429, "rate_limit_error", "refused"),
        (401, 502, "api_error", "upstream_failed"),
        (500, 500, "api_error", "upstream_failed"),
        (503, 503, "overloaded_error", "upstream_failed"),
    ],
)
async def test_engine_errors_have_anthropics_shape(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    status: int,
    told: int,
    kind: str,
    outcome: str,
) -> None:
    """The type follows from the status; the engine's words and retry-after are kept."""
    engine.reply = plain({"object": "error", "message": "too bad"}, status, "retry-after: 7")
    answer = await http.post(proxy.url + MESSAGES, json=body())
    assert (answer.status_code, answer.json()["error"]["type"]) == (told, kind)
    assert answer.json()["request_id"] == answer.headers["request-id"]
    if status != 401:
        message = answer.json()["error"]["message"]
        assert "too bad" in message
        assert (message == "too bad") == (status != 404)
        assert answer.headers["retry-after"] == "7"
    assert (await proxy.settled())[0].outcome.kind == outcome


@pytest.mark.parametrize(
    "said",
    [
        "<html>",
        {"choices": []},
        {"error": {"message": "oom"}},
        {"choices": [{"message": {"content": "a"}, "finish_reason": None}]},
        {"choices": [{"message": {"content": "a"}, "finish_reason": "abort"}]},
    ],
)
async def test_what_is_no_answer_is_a_failure(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, said: Any
) -> None:
    """502 in Anthropic's shape, and the row says that the engine failed."""
    engine.reply = plain(said)
    answer = await http.post(proxy.url + MESSAGES, json=body())
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "api_error")
    assert (await proxy.settled())[0].outcome.kind in ("upstream_failed", "upstream_broken")


@pytest.mark.parametrize(
    ("reply", "kind", "outcome"),
    [
        (stream(chunk("a"), b'data: {"ha', then="break"), "api_error", "upstream_broken"),
        (stream(then="break"), "api_error", "upstream_broken"),
        (stream(chunk("a")), "api_error", "upstream_broken"),
        (stream(chunk("a"), DONE), "api_error", "upstream_broken"),
        (stream(chunk("a"), chunk(None, "abort"), DONE), "api_error", "upstream_broken"),
        (stream(chunk("a"), b"data: nonsense\n\n", then="hang"), "api_error", "upstream_broken"),
        (
            stream(chunk("a"), b'data: {"error": {"message": "oom"}}\n\n', then="hang"),
            "api_error",
            "upstream_failed",
        ),
        (stream(chunk("a"), then="hang"), "timeout_error", "upstream_failed"),
    ],
)
async def test_a_stream_that_fails_ends_with_anthropics_error(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    reply: Any,
    kind: str,
    outcome: str,
) -> None:
    """One error event, the last; the row has the same verdict as the client."""
    engine.reply = reply
    answer = await http.post(proxy.url + MESSAGES, json=body(stream=True))
    found = events(answer.content)
    assert [name for name, _ in found].count("error") == 1
    assert found[-1][1]["error"]["type"] == kind
    assert "message_stop" not in [name for name, _ in found]
    (row,) = await proxy.settled()
    assert row.outcome.kind == outcome
    assert row.outcome.error == found[-1][1]["error"]["message"]
    assert row.outcome.bytes_out == len(answer.content)


@pytest.mark.parametrize(
    ("model", "status", "kind"), [("gone", 502, "api_error"), ("m", 504, "timeout_error")]
)
async def test_an_engine_that_is_not_there_is_told(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    status: int,
    kind: str,
) -> None:
    """Unreachable, and silent for too long."""
    engine.reply = silence()
    answer = await http.post(proxy.url + MESSAGES, json=body(model=model))
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert (await proxy.settled())[0].outcome.kind == "upstream_failed"


@pytest.mark.parametrize("phase", ["before the head", "in the stream"])
async def test_a_client_that_goes_away_cancels_the_engine(
    proxy: RunningProxy, engine: FakeEngine, phase: str
) -> None:
    """The upstream connection is dropped, and the row says who left."""
    engine.reply = stream(chunk("a"), then="hang") if phase == "in the stream" else silence()
    payload = json.dumps(body(stream=True)).encode()
    host, port = proxy.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {MESSAGES} HTTP/1.1\r\nhost: {host}\r\nx-api-key: sk-right\r\n"
    writer.write(f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload)
    if phase == "in the stream":
        await reader.readuntil(b"content_block_delta")
    else:
        await asyncio.wait_for(engine.called.wait(), 5)
    writer.transport.abort()
    await asyncio.wait_for(engine.seen[0].dropped.wait(), 5)
    assert (await proxy.settled())[0].outcome.kind == "client_cancelled"


WORDS: dict[str, Any] = {
    "stop_sequences": ["x"],
    "top_k": 3,
    "thinking": {"type": "enabled", "budget_tokens": 50},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
}
TOOLS: dict[str, Any] = {
    "tools": [{"name": "t", "input_schema": {}}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("model", "sent", "dropped"),
    [
        (
            "m",
            {
                "thinking_token_budget": 50,
                "structured_outputs": {"json": {"type": "object"}},
            },
            set(),
        ),
        ("sglang", {"response_format": SCHEMA}, {"thinking_budget"}),
        (
            "llamacpp",
            {"reasoning_budget_tokens": 50, "json_schema": {"type": "object"}},
            set(),
        ),
    ],
)
async def test_decoding_is_said_in_the_engines_words_and_recorded_in_the_clients(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    sent: dict[str, Any],
    dropped: set[str],
) -> None:
    """Every spelling of the Messages API; what an engine has no word for is told."""
    answer = await http.post(proxy.url + MESSAGES, json=body(model=model, **WORDS))
    on_wire = engine.seen[0].json
    assert {name: on_wire.get(name) for name in sent} == sent
    assert (on_wire["max_tokens"], on_wire["top_k"], on_wire["stop"]) == (16, 3, ["x"])
    assert on_wire["chat_template_kwargs"] == {"enable_thinking": True}
    assert not {"stop_sequences", "thinking", "output_config"} & on_wire.keys()
    (row,) = await proxy.settled()
    record = json.loads(proxy.request(row.opening.request_id).opening.decoding)["parameters"]
    requested = {name: record[name]["requested"] for name in record if "requested" in record[name]}
    assert requested == {
        "max_tokens": 16,
        "stop": ["x"],
        "top_k": 3,
        "thinking": "enabled",
        "thinking_budget": 50,
        "json_schema": WORDS["output_config"]["format"],
    }
    changes = json.loads(answer.headers["evenhand-changes"])
    assert {each["parameter"] for each in changes if each["action"] == "dropped"} == dropped
    assert {"stop", "thinking"} <= {each["parameter"] for each in changes}


async def test_tool_choice_is_recorded_as_the_client_wrote_it(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """It is translated with the content, but it is decoding: asked and sent both stand there."""
    await http.post(proxy.url + MESSAGES, json=body(**TOOLS))
    assert engine.seen[0].json["tool_choice"] == "required"
    assert engine.seen[0].json["parallel_tool_calls"] is False
    (row,) = await proxy.settled()
    record = json.loads(proxy.request(row.opening.request_id).opening.decoding)["parameters"]
    choice, parallel = record["tool_choice"], record["parallel_tool_calls"]
    assert (choice["requested"], choice["sent"]) == (TOOLS["tool_choice"], "required")
    assert (parallel["requested"], parallel["sent"]) == (True, False)
    assert choice["action"] == parallel["action"] == "converted"


async def test_a_conversation_that_ends_with_the_assistant_is_continued(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """What Anthropic calls prefill is said as each engine understands it, and recorded."""
    said = [*SAID, {"role": "assistant", "content": "I think"}]
    await http.post(proxy.url + MESSAGES, json=body(messages=said))
    assert engine.seen[0].json["continue_final_message"] is True
    assert engine.seen[0].json["add_generation_prompt"] is False
