"""Caps on every route, modes, and explain against what a live request records."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand_proxy.config import Config, Engine, Key, Model, Secret, Timeouts
from evenhand_proxy.decoding import ABSENT
from tests.fake_engine import FakeEngine, chat_answer, plain
from tests.running import RunningProxy, running_proxy

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
COMPLETIONS, EMBEDDINGS, EXPLAIN = "/v1/completions", "/v1/embeddings", "/v1/decoding/explain"
SAID = [{"role": "user", "content": "hi"}]
CONTENT: dict[str, dict[str, Any]] = {
    CHAT: {"messages": SAID},
    COMPLETIONS: {"prompt": "hi"},
    EMBEDDINGS: {"input": "hi"},
    RESPONSES: {"input": "hi"},
    MESSAGES: {"messages": SAID},
}
ROUTES = {
    CHAT: "chat",
    COMPLETIONS: "completions",
    EMBEDDINGS: "embeddings",
    RESPONSES: "responses",
    MESSAGES: "messages",
}
LIMITS = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens"),
    *("n_predict", "num_predict"),
)
PATIENCE = Timeouts(connect=2, first_byte=5, between_bytes=5, total=20)
CAPPED = "rules:\n  - {name: short, action: cap, parameter: max_tokens, value: 8}\n"


@pytest.fixture
async def capped(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy whose policy allows eight tokens on any engine and any route."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(CAPPED)
    names: tuple[Engine, ...] = ("sglang", "vllm", "llamacpp", "openai", "generic", "ollama", "tgi")
    models: dict[str, Model] = {name: Model(name, engine.url, timeouts=PATIENCE) for name in names}
    async with running_proxy(Config(models=models, policy=policy), tmp_path) as running:
        yield running


def limit_on_wire(body: dict[str, Any]) -> set[int]:
    """Every limit that an engine could read in a body."""
    nested = body.get("options") or {}
    return {body[name] for name in LIMITS if name in body} | set(nested.values())


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES, MESSAGES])
@pytest.mark.parametrize("model", ["sglang", "vllm", "llamacpp", "openai", "generic"])
async def test_no_spelling_slips_past_a_cap(
    capped: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, path: str, model: str
) -> None:
    """Each spelling with each value that means more than eight, alone and beside a small one."""
    for name in LIMITS:
        for value in (9, 10**9, 8.5, -1, None, "9", "8", True, [9], {"a": 9}, ABSENT):
            for beside in ({}, {"max_tokens": 4}):
                given_limit = {} if value is ABSENT else {name: value}
                request = {"model": model, **CONTENT[path], **beside, **given_limit}
                if path == MESSAGES:
                    request.setdefault("max_tokens", 100)
                engine.seen.clear()
                answer = await http.post(capped.url + path, json=request)
                if not engine.seen:
                    assert answer.status_code == 400, request
                    continue
                sent = limit_on_wire(engine.seen[0].json)
                assert sent, request
                assert all(type(each) is int and 0 <= each <= 8 for each in sent), (request, sent)


async def test_the_cap_is_told_and_recorded_with_the_rule(
    capped: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Old and new in the header; digest and rule in the record."""
    request = {"model": "vllm", **CONTENT[MESSAGES], "max_tokens": 100}
    answer = await http.post(capped.url + MESSAGES, json=request)
    (change,) = json.loads(answer.headers["evenhand-changes"])
    assert (change["parameter"], change["old"], change["new"]) == ("max_tokens", 100, 8)
    (row,) = await capped.settled()
    record = json.loads(capped.request(row.opening.request_id).opening.decoding)
    assert [hit["rule"] for hit in record["policy"]["hits"]] == ["short"]
    assert len(record["policy"]["digest"]) == 64


async def test_a_policy_leaves_embeddings_alone(
    capped: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Nothing is generated there that a rule could be about."""
    request = {"model": "vllm", **CONTENT[EMBEDDINGS]}
    answer = await http.post(capped.url + EMBEDDINGS, json=request)
    assert answer.headers["evenhand-changes"] == "[]"
    (sent,) = [each.json for each in engine.seen if each.path == EMBEDDINGS]
    assert sent == request


@pytest.fixture
async def moded(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    """A proxy with a model and a key of each mode."""
    modes: dict[str, Any] = {"report": "report", "pin": "pin", "strict": "strict"}
    config = Config(
        models={
            name: Model("vllm", engine.url, mode=mode, timeouts=PATIENCE)
            for name, mode in modes.items()
        }
        | {"hosted": Model("openai", engine.url, mode="pin", timeouts=PATIENCE)},
        keys={
            "plain": Key(Secret("plain")),
            **{name: Key(Secret(name), mode=mode) for name, mode in modes.items()},
        },
    )
    async with running_proxy(config, tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("model", "key", "asked", "mode"),
    [
        ("report", "plain", None, "report"),
        ("pin", "plain", None, "pin"),
        ("strict", "plain", None, "strict"),
        ("report", "strict", None, "strict"),
        ("strict", "report", None, "report"),
        ("report", "plain", "strict", "strict"),
        ("report", "plain", "pin", "pin"),
        ("pin", "plain", "strict", "strict"),
        ("strict", "plain", "report", "strict"),
        ("strict", "plain", "pin", "strict"),
        ("report", "pin", "report", "pin"),
    ],
)
async def test_the_mode_is_the_keys_or_the_models_or_a_stricter_one(
    moded: RunningProxy,
    http: httpx.AsyncClient,
    model: str,
    key: str,
    asked: str | None,
    mode: str,
) -> None:
    """A key's mode wins over its model's; the header of a request only makes it stricter."""
    headers = {"authorization": f"Bearer {key}"}
    if asked is not None:
        headers["evenhand-mode"] = asked
    request = {"model": model, **CONTENT[CHAT]}
    explained = await http.post(moded.url + EXPLAIN, json=request, headers=headers)
    assert explained.json()["mode"] == mode
    await http.post(moded.url + CHAT, json=request, headers=headers)
    (row,) = await moded.settled()
    assert json.loads(moded.request(row.opening.request_id).opening.decoding)["mode"] == mode


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES, MESSAGES, EXPLAIN])
async def test_an_unknown_mode_is_refused(
    moded: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, path: str
) -> None:
    """Rather than served in another."""
    headers = {"authorization": "Bearer plain", "evenhand-mode": "strictest"}
    request = {"model": "report", "max_tokens": 5, **CONTENT.get(path, CONTENT[CHAT])}
    answer = await http.post(moded.url + path, json=request, headers=headers)
    assert answer.status_code == 400
    assert "evenhand-mode: 'strictest' is no mode" in answer.json()["error"]["message"]
    assert engine.seen == []


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, MESSAGES])
async def test_pin_sends_every_default_that_is_known(
    moded: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, path: str
) -> None:
    """No hidden default is left to act, and none of the client's own values is touched."""
    headers = {"authorization": "Bearer plain"}
    request = {"model": "hosted", "max_tokens": 5, "top_p": 0.5, **CONTENT[path]}
    await http.post(moded.url + path, json=request, headers=headers)
    sent = engine.seen[0].json
    assert (sent["top_p"], limit_on_wire(sent)) == (0.5, {5})
    assert (sent["temperature"], sent["presence_penalty"], sent["n"]) == (1.0, 0.0, 1)
    (row,) = await moded.settled()
    record = json.loads(moded.request(row.opening.request_id).opening.decoding)["parameters"]
    for name, value in record.items():
        known = value.get("evidence") == "modelled" and value.get("effective") is not None
        if known and value["source"] in ("engine", "model") and value["action"] == "defaulted":
            assert "sent" in value or "pin" in value.get("reason", ""), name


@pytest.mark.parametrize(
    ("path", "wrong", "parameter"),
    [
        (CHAT, {"guided_regex": 5}, "regex"),
        (COMPLETIONS, {"temprature": 1}, "temprature"),
        (RESPONSES, {"min_p": "x"}, "min_p"),
        (MESSAGES, {"top_k": "many"}, "top_k"),
    ],
)
async def test_strict_refuses_on_every_route(
    moded: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    path: str,
    wrong: dict[str, Any],
    parameter: str,
) -> None:
    """With the parameter's name; the engine is not called, and the row says refused."""
    headers = {"authorization": "Bearer strict"}
    request = {"model": "report", "max_tokens": 5, **CONTENT[path], **wrong}
    answer = await http.post(moded.url + path, json=request, headers=headers)
    assert answer.status_code == 400
    assert parameter in answer.json()["error"]["message"]
    assert "evenhand-decoding" in answer.headers
    assert engine.seen == []
    (row,) = await moded.settled()
    assert (row.outcome.kind, row.opening.route) == ("refused", path)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.lists(st.integers(0, 9) | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.sampled_from(["type", "effort", "budget_tokens", "format"]), st.text())
)
NAMES = (
    *LIMITS,
    *("temperature", "top_p", "top_k", "min_p", "seed", "n", "stop", "stop_sequences", "do_sample"),
    *("thinking", "reasoning", "reasoning_effort", "text", "output_config", "logit_bias"),
    *("response_format", "chat_template_kwargs", "enable_thinking", "temprature", "tool_choice"),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(list(ROUTES)),
    model=st.sampled_from(["sglang", "vllm@greedy", "llamacpp", "openai", "generic", "tgi"]),
    mode=st.sampled_from(["report", "strict", "pin"]),
    parameters=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
)
async def test_explain_is_what_a_live_request_records(
    capped: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    path: str,
    model: str,
    mode: str,
    parameters: dict[str, Any],
) -> None:
    """The same document, whatever is asked, on every route and in every mode."""
    engine.reply = plain(chat_answer("a"))
    headers = {"evenhand-mode": mode}
    request = {"model": model, **CONTENT[path], **parameters}
    told = await http.post(
        capped.url + EXPLAIN, json=request, params={"route": ROUTES[path]}, headers=headers
    )
    answer = await http.post(capped.url + path, json=request, headers=headers)
    if told.status_code != 200:
        assert (told.status_code, answer.status_code) == (400, 400)
        return
    row = await settled(capped, answer.headers["evenhand-request-id"])
    assert json.loads(row.opening.decoding) == told.json()
    assert answer.headers["evenhand-decoding"] == told.json()["fingerprint"]


async def settled(proxy: RunningProxy, request_id: str) -> Any:
    """Wait for one request's row."""
    for count in range(1, 10_000):
        await proxy.settled(count)
        row = proxy.request(request_id)
        if row is not None:
            return row
    raise AssertionError(request_id)


async def test_explain_takes_what_a_live_request_may_hold(
    capped: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Also a template's variables nested deeper than the framework's own serialiser goes."""
    nested: Any = 1
    for _ in range(300):
        nested = {"a": nested}
    request = {"model": "vllm", **CONTENT[CHAT], "chat_template_kwargs": {"x": nested}}
    assert (await http.post(capped.url + CHAT, json=request)).status_code == 200
    told = await http.post(capped.url + EXPLAIN, json=request)
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    assert told.json()["parameters"]["chat_template_kwargs"]["sent"] == {"x": nested}
