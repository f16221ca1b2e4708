"""The hot routes on a real socket, in front of an engine that fails on request."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.config import Audit, Config, Key, Limits, Model, Secret
from tests.fake_engine import DONE, FakeEngine, chat_answer, chunk, plain, silence, stream
from tests.running import RunningProxy, running_proxy

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]


def body(**more: Any) -> dict[str, Any]:
    """A chat request for the model `m`."""
    return {"model": "m", "messages": MESSAGES, **more}


async def test_a_plain_answer_passes_byte_for_byte(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Status, body and our three headers reach the client; the row is closed."""
    answer = await http.post(proxy.url + CHAT, json=body(temperature=0, seed=0))
    assert answer.json() == chat_answer("hello")
    assert engine.seen[0].json == {
        "model": "served",
        "messages": MESSAGES,
        "temperature": 0,
        "seed": 0,
    }
    assert len(answer.headers["evenhand-decoding"]) == 64
    assert json.loads(answer.headers["evenhand-changes"]) == []
    (row,) = await proxy.settled()
    assert row.opening.request_id == answer.headers["evenhand-request-id"]
    assert row.opening.sent_parameters == {"temperature": 0, "seed": 0}
    assert row.outcome.kind == "completed"
    assert (row.outcome.usage.prompt_tokens, row.outcome.usage.source) == (3, "engine")
    assert row.opening.content is None
    assert row.outcome.content is None


async def test_nothing_of_the_clients_head_reaches_the_engine(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Keys, cookies, forwarding headers and baggage stay here."""
    secret = {"authorization": "Bearer sk-client", "cookie": "a=b", "baggage": "x=y"}
    await http.post(proxy.url + CHAT, json=body(), headers={**secret, "x-forwarded-for": "1"})
    assert not {*secret, "x-forwarded-for", "user-agent"} & engine.seen[0].headers.keys()


async def test_a_stream_passes_untouched_and_its_end_is_read(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """SSE bytes arrive as the engine wrote them, headers before the first one."""
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    pieces = [chunk("你"), chunk("好", "stop")[:30], chunk("好", "stop")[30:], b": ping\r\n\r\n"]
    pieces += [chunk(usage=usage, choices=[]), DONE]
    engine.reply = stream(*pieces)
    request = body(stream=True, stream_options={"include_usage": True})
    async with http.stream("POST", proxy.url + CHAT, json=request) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "evenhand-changes" in answer.headers
        assert b"".join([part async for part in answer.aiter_raw()]) == b"".join(pieces)
    (row,) = await proxy.settled()
    assert row.outcome.kind == "completed"
    assert row.outcome.finish_reasons == ("stop",)
    assert row.outcome.usage.completion_tokens == 2


async def test_tokens_are_estimated_where_the_engine_reports_none(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The count is there, marked as an estimate and with the encoding that made it."""
    engine.reply = stream(chunk("one two three"), chunk(None, "stop"), DONE)
    await http.post(proxy.url + CHAT, json=body(stream=True))
    (row,) = await proxy.settled()
    assert row.outcome.usage.source == "estimate"
    assert row.outcome.usage.completion_tokens >= 3
    assert row.outcome.usage.encoding


async def test_a_torn_stream_ends_with_an_error_event(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The client is told, gets no [DONE], and the row says broken."""
    engine.reply = stream(chunk("a"), b'data: {"half', then="break")
    answer = await http.post(proxy.url + CHAT, json=body(stream=True))
    *_, torn, last = answer.content.split(b"\n\n")[:-1]
    assert torn == b'data: {"half'
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_broken"
    assert b"[DONE]" not in answer.content
    (row,) = await proxy.settled()
    assert row.outcome.kind == "upstream_broken"


async def test_a_stream_that_ends_early_is_broken(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """A clean close without finish reason or [DONE] is no end."""
    engine.reply = stream(chunk("a"))
    answer = await http.post(proxy.url + CHAT, json=body(stream=True))
    assert b"upstream_broken" in answer.content
    assert (await proxy.settled())[0].outcome.kind == "upstream_broken"


async def test_a_stalled_stream_times_out(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Longer silence between two bytes than allowed ends the exchange."""
    engine.reply = stream(chunk("a"), then="hang")
    answer = await http.post(proxy.url + CHAT, json=body(stream=True))
    assert b"upstream_timeout" in answer.content
    assert (await proxy.settled())[0].outcome.kind == "upstream_failed"


async def test_an_engine_that_never_answers_times_out(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """504 in OpenAI's shape."""
    engine.reply = silence()
    answer = await http.post(proxy.url + CHAT, json=body())
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "upstream_timeout"


@pytest.mark.parametrize("phase", ["before the head", "in the stream", "plain"])
async def test_a_client_that_goes_away_cancels_the_engine(
    proxy: RunningProxy, engine: FakeEngine, phase: str
) -> None:
    """The upstream connection is dropped in every phase, and the row says who left."""
    engine.reply = stream(chunk("a"), then="hang") if phase == "in the stream" else silence()
    payload = json.dumps(body(stream=phase != "plain")).encode()
    host, port = proxy.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {CHAT} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(payload)}\r\n\r\n".encode()
        + payload
    )
    if phase == "in the stream":
        await reader.readuntil(b'"a"')
    else:
        await asyncio.wait_for(engine.called.wait(), 5)
    writer.transport.abort()
    await asyncio.wait_for(engine.seen[0].dropped.wait(), 5)
    (row,) = await proxy.settled()
    assert row.outcome.kind == "client_cancelled"


async def test_an_unreachable_engine_is_a_502(tmp_path: Path, http: httpx.AsyncClient) -> None:
    """The engine's address stays in our log."""
    config = Config(models={"m": Model("vllm", "http://127.0.0.1:9")})
    async with running_proxy(config, tmp_path) as running:
        answer = await http.post(running.url + CHAT, json=body())
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "upstream_unreachable"
        assert "127.0.0.1" not in answer.text
        assert (await running.settled())[0].outcome.kind == "upstream_failed"
        ready = await http.get(running.url + "/readyz")
        said = ready.json()
        assert (ready.status_code, said["models"]) == (503, {"m": "unreachable"})
        assert said["problems"]["m"].startswith("GET /version: no connection; is it running")
        assert "models.m.base_url" in said["problems"]["m"]
        assert "Error" not in ready.text + answer.text
        assert answer.json()["error"]["message"].startswith("m: ")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"object": "error", "message": "too long", "type": "BadRequestError"}, "too long"),
        ({"detail": "Not here"}, "Not here"),
        ({"error": {"message": "bad", "type": "t", "param": None, "code": 400}}, "bad"),
        ("just text", "just text"),
    ],
)
async def test_engine_errors_come_in_openais_shape(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, said: Any, message: str
) -> None:
    """SGLang's, FastAPI's and OpenAI's own error bodies all become `{"error": {...}}`."""
    engine.reply = plain(said, 400, "retry-after: 7")
    answer = await http.post(proxy.url + CHAT, json=body())
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == message
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["code"], str)
    assert answer.headers["retry-after"] == "7"
    assert (await proxy.settled())[0].outcome.kind == "refused"


async def test_a_refused_upstream_key_is_not_the_clients_fault(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """401 from the engine becomes 502 that points at the config."""
    engine.reply = plain({"error": {"message": "key"}}, 401)
    answer = await http.post(proxy.url + CHAT, json=body())
    assert answer.status_code == 502
    message = answer.json()["error"]["message"]
    assert message.startswith("m: The engine refuses the proxy's own key")
    assert "models.m.api_key" in message


async def test_an_engines_404_is_said_to_be_the_engines(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The proxy has the route and the model; the name at the engine may be the wrong one."""
    engine.reply = plain({"detail": "Not Found"}, 404)
    answer = await http.post(proxy.url + CHAT, json=body())
    message = answer.json()["error"]["message"]
    assert answer.status_code == 404
    assert message.startswith(
        "m: its engine answers HTTP 404 (Not Found). It has no model 'served'"
    )


async def test_changes_stand_in_the_header_with_old_new_and_reason(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """What was dropped or converted is told to the client, also in a stream."""
    engine.reply = stream(chunk("a", "stop"), DONE)
    request = {**body(do_sample=False, temperature=0.7, top_k=3, stream=True), "model": "openai"}
    answer = await http.post(proxy.url + CHAT, json=request)
    changes = {
        change["parameter"]: change for change in json.loads(answer.headers["evenhand-changes"])
    }
    assert changes["temperature"]["old"] == 0.7
    assert changes["temperature"]["new"] == 0
    assert changes["top_k"]["action"] == "dropped"
    assert all(change["reason"] for change in changes.values())
    assert engine.seen[0].json["temperature"] == 0
    assert not {"top_k", "do_sample"} & engine.seen[0].json.keys()


async def test_strict_mode_refuses_with_parameter_value_reason_and_fix(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The engine is not called, and the refusal is audited."""
    answer = await http.post(proxy.url + CHAT, json={**body(top_k=3), "model": "strict"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (
        400,
        "top_k",
        "decoding_not_honoured",
    )
    assert "3" in error["message"]
    assert "Leave top_k out" in error["message"]
    assert engine.seen == []
    assert (await proxy.settled())[0].outcome.kind == "refused"


@pytest.mark.parametrize("how", ["suffix", "header"])
async def test_a_profile_is_picked_by_suffix_or_header(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, how: str
) -> None:
    """Both fill in the same parameters."""
    name = "m@glm-z1-0414" if how == "suffix" else "m"
    headers = {} if how == "suffix" else {"evenhand-profile": "glm-z1-0414"}
    await http.post(proxy.url + CHAT, json={**body(), "model": name}, headers=headers)
    sent = engine.seen[0].json
    assert (sent["model"], sent["temperature"], sent["top_p"]) == ("served", 0.6, 0.95)
    assert (await proxy.settled())[0].opening.profile == "glm-z1-0414"


async def test_a_profile_of_the_configs_may_use_any_spelling(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """`max_new_tokens` in a profile reaches the engine as the parameter that it is."""
    config = Config(
        models={"m": Model("vllm", engine.url)}, profiles={"short": {"max_new_tokens": 5}}
    )
    async with running_proxy(config, tmp_path) as running:
        await http.post(running.url + CHAT, json={**body(), "model": "m@short"})
        assert engine.seen[0].json["max_completion_tokens"] == 5


@pytest.mark.parametrize(
    ("name", "hint", "code"),
    [("n", "known", "model_not_found"), ("m@gredy", "'greedy'", "profile_not_found")],
)
async def test_unknown_names_get_a_hint(
    proxy: RunningProxy, http: httpx.AsyncClient, name: str, hint: str, code: str
) -> None:
    """404 with the nearest name."""
    answer = await http.post(proxy.url + CHAT, json={**body(), "model": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    assert hint in answer.json()["error"]["message"]


async def test_keys_are_asked_for_and_named_in_the_audit(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """A wrong key is 401 on every route but health; a right one brings its profile."""
    config = Config(
        models={"m": Model("vllm", engine.url)},
        keys={"app": Key(Secret("sk-right-é"), profile="greedy")},
    )
    async with running_proxy(config, tmp_path) as running:
        for path in (CHAT, "/v1/decoding/explain"):
            for bad in ({}, {"authorization": "Bearer sk-wrong"}, {"authorization": "sk-right"}):
                answer = await http.post(running.url + path, json=body(), headers=bad)
                assert answer.status_code == 401, path
        assert (await http.get(running.url + "/v1/models")).status_code == 401
        assert (await http.get(running.url + "/healthz")).status_code == 200
        right = {b"authorization": "Bearer sk-right-é".encode()}
        answer = await http.post(running.url + CHAT, json=body(), headers=right)
        assert answer.status_code == 200
        (row,) = await running.settled()
        assert (row.opening.key_name, row.opening.profile) == ("app", "greedy")


async def test_oversized_and_compressed_bodies_are_refused(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """413 and 415, whether the length was announced or not."""
    config = Config(models={"m": Model("vllm", engine.url)}, limits=Limits(body_bytes=100))
    async with running_proxy(config, tmp_path) as running:
        large = json.dumps(body(user="x" * 100)).encode()

        async def pieces() -> Any:
            yield large[:50]
            yield large[50:]

        for content in (large, pieces()):
            answer = await http.post(running.url + CHAT, content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        squeezed = {"content-encoding": "gzip"}
        answer = await http.post(running.url + CHAT, content=b"x", headers=squeezed)
        assert answer.status_code == 415
        assert engine.seen == []


async def test_content_is_stored_only_if_the_config_says_so(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """With audit.content both sides of the exchange are in the journal."""
    config = Config(models={"m": Model("vllm", engine.url)}, audit=Audit(content=True))
    async with running_proxy(config, tmp_path) as running:
        await http.post(running.url + CHAT, json=body())
        (settled,) = await running.settled()
        row = running.request(settled.opening.request_id)
        assert json.loads(row.opening.content)["messages"] == MESSAGES
        assert json.loads(row.outcome.content) == chat_answer("hello")


async def test_other_methods_get_405(proxy: RunningProxy, http: httpx.AsyncClient) -> None:
    """In OpenAI's shape too."""
    answer = await http.get(proxy.url + CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("said", ['{"choices": 5}', "{}"])
async def test_an_odd_answer_passes_as_it_is(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, said: str
) -> None:
    """What nothing can be read from is still the engine's answer."""
    engine.reply = plain(json.loads(said))
    answer = await http.post(proxy.url + CHAT, json=body())
    assert (answer.status_code, answer.text) == (200, said)
    assert "evenhand-decoding" in answer.headers
    assert (await proxy.settled())[0].outcome.kind == "completed"


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "<html>"), (200, {"error": {"message": "oom"}}), (307, {}), (200, [1])],
)
async def test_what_is_no_answer_is_a_failure(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, status: int, said: Any
) -> None:
    """Errors under a good status, redirects and pages are 502, and audited as failures."""
    engine.reply = plain(said, status)
    answer = await http.post(proxy.url + CHAT, json=body())
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "upstream_error"
    assert (await proxy.settled())[0].outcome.kind == "upstream_failed"


async def test_an_error_event_in_a_stream_is_a_failure(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The client gets the event as it came; the audit has its message."""
    event = b'data: {"error": {"message": "out of memory"}}\n\n'
    engine.reply = stream(event, DONE)
    answer = await http.post(proxy.url + CHAT, json=body(stream=True))
    assert answer.content == event + DONE
    outcome = (await proxy.settled())[0].outcome
    assert (outcome.kind, outcome.error) == ("upstream_failed", "out of memory")


async def test_a_profile_leaves_embeddings_alone(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """Also in strict mode: nobody asked for a temperature."""
    config = Config(models={"m": Model("vllm", engine.url, profile="greedy", mode="strict")})
    async with running_proxy(config, tmp_path) as running:
        url = running.url + "/v1/embeddings"
        answer = await http.post(url, json={"model": "m", "input": "x"})
        assert answer.status_code == 200
        assert engine.seen[0].json == {"model": "m", "input": "x"}
