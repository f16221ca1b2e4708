"""Hosted providers end to end: a real proxy, litellm in it, a server that records what arrives."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from evenhand_proxy.audit.query import AuditRow, list_requests
from evenhand_proxy.config import Config, Model, Secret
from tests.fake_engine import FakeEngine, Seen, plain
from tests.proxy.hosted_cases import CASES, JSON_SCHEMA, MODELS, Said
from tests.proxy.recording_provider import by_path, recording_provider
from tests.running import RunningProxy, evenhand, running_proxy

pytestmark = [
    # litellm's own, raised while pydantic builds and reads its models.
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
]

CHAT = "/v1/chat/completions"
KEY = "sk-very-secret"
HELLO = [{"role": "user", "content": "hi"}]
_FIXED = ("model", "messages", "contents", "stream")


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[FakeEngine]:
    """The recording server."""
    async with recording_provider() as running:
        yield running


@pytest.fixture(scope="module")
async def proxy(
    provider: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningProxy]:
    """One proxy for the module, because loading litellm takes seconds."""
    models = {
        name: Model(engine, provider.url, upstream_model=model, api_key=Secret(KEY), via="litellm")  # type: ignore[arg-type]
        for name, (engine, model) in MODELS.items()
    }
    async with running_proxy(Config(models=models), tmp_path_factory.mktemp("hosted")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(provider: FakeEngine) -> None:
    """Each test begins with a provider that nobody has called."""
    provider.seen.clear()
    provider.reply = by_path


def body(model: str, **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": HELLO, **more}


async def audited(proxy: RunningProxy, answer: httpx.Response) -> AuditRow:
    """The row of an answer, once it is closed."""
    for _ in range(400):
        row: AuditRow = proxy.request(answer.headers["evenhand-request-id"])
        if row.outcome is not None:
            return row
        await asyncio.sleep(0.025)
    raise AssertionError("the row was not closed")


def stands_in(document: Any, value: Any) -> bool:
    """Whether a JSON document holds a value somewhere, or an object with all of its keys."""
    if type(document) is type(value) and document == value:
        return True
    if isinstance(document, dict) and isinstance(value, dict) and value.items() <= document.items():
        return True
    inner = document.values() if isinstance(document, dict) else document
    return isinstance(document, dict | list) and any(stands_in(each, value) for each in inner)


@pytest.mark.parametrize(("model", "asked", "arrives", "said"), CASES)
async def test_what_arrives_is_what_the_record_says(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    asked: dict[str, Any],
    arrives: dict[str, Any],
    said: dict[str, Said],
) -> None:
    """Whatever litellm drops, renames, rewrites or adds stands in the row and in the header."""
    answer = await http.post(proxy.url + CHAT, json=body(model, **asked))
    assert answer.status_code == 200, answer.text
    [seen] = provider.seen
    got = {name: value for name, value in seen.json.items() if name not in _FIXED}
    assert got == arrives or (got, arrives["generationConfig"]) == ({}, {})
    row = await audited(proxy, answer)
    record = json.loads(row.opening.decoding)
    assert len(answer.headers["evenhand-decoding"]) == 64
    assert record["fingerprint"] == answer.headers["evenhand-decoding"] == row.opening.fingerprint
    for name, (action, requested, sent, words) in said.items():
        entry = record["parameters"][name]
        shown = (entry["action"], entry.get("requested"), entry.get("sent"))
        assert shown == (action, requested, sent), entry
        assert any(each in entry.get("reason", "") for each in words.split("|")), entry
    for name, entry in record["parameters"].items():
        if "sent" in entry:
            assert stands_in(seen.json, entry["sent"]), name
            assert row.opening.sent_parameters[name] == entry["sent"]
    changes = json.loads(answer.headers["evenhand-changes"])
    assert {change["parameter"] for change in changes} >= {
        name for name, (action, *_) in said.items() if action != "passed"
    }
    assert record["changes"] == changes


async def test_a_schema_that_becomes_a_prompt(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient
) -> None:
    """For zai litellm writes the schema into the messages, and the record says so."""
    answer = await http.post(proxy.url + CHAT, json=body("glm", response_format=JSON_SCHEMA))
    [seen] = provider.seen
    assert seen.json["response_format"] == {"type": "json_object"}
    assert len(seen.json["messages"]) == 2
    entry = json.loads((await audited(proxy, answer)).opening.decoding)["parameters"]
    assert entry["response_format"]["action"] == "converted"
    assert entry["response_format"]["sent"] == {"type": "json_object"}
    assert "changed the messages" in entry["response_format"]["reason"]


@pytest.mark.parametrize(
    ("model", "asked", "parameter", "words"),
    [
        ("glm", {"seed": 0}, "seed", "zai does not support"),
        ("gpt-5", {"temperature": 0.2}, "temperature", "gpt-5-mini"),
    ],
)
async def test_what_litellm_refuses(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    asked: dict[str, Any],
    parameter: str,
    words: str,
) -> None:
    """A 400 with parameter, value, reason and fix; nobody is called; the refusal is audited."""
    answer = await http.post(proxy.url + CHAT, json=body(model, **asked))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (parameter, "decoding_not_honoured")
    assert f"{parameter}={asked[parameter]}" in error["message"]
    assert words in error["message"]
    assert "Leave it out" in error["message"]
    assert provider.seen == []
    row = await audited(proxy, answer)
    assert row.outcome is not None
    assert row.outcome.kind == "refused"
    entry = json.loads(row.opening.decoding)["parameters"][parameter]
    assert (entry["action"], entry["requested"]) == ("refused", asked[parameter])
    assert "sent" not in entry


@pytest.mark.parametrize(
    ("model", "asked", "parameter", "words"),
    [
        ("claude", {"seed": 0, "max_tokens": 9}, "seed", "has no seed"),
        ("claude", {"temperature": 1.5, "max_tokens": 9}, "temperature", "[0, 1]"),
        ("claude", {"response_format": {"type": "json_object"}}, "response_format", "left it out"),
        ("kimi", {"temperature": 1.5}, "temperature", "litellm wrote 1 for 1.5"),
        ("llama", {"frequency_penalty": 0}, "frequency_penalty", "repetition_penalty=0"),
        ("glm", {"seed": 0}, "seed", "zai does not support"),
    ],
)
async def test_strict_mode_refuses_whatever_would_change(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    asked: dict[str, Any],
    parameter: str,
    words: str,
) -> None:
    """Also what litellm alone would change; the provider is not called, the row says refused."""
    strict = {"evenhand-mode": "strict"}
    answer = await http.post(proxy.url + CHAT, json=body(model, **asked), headers=strict)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (parameter, "decoding_not_honoured")
    assert str(asked[parameter]) in error["message"]
    assert words in error["message"]
    assert provider.seen == []
    row = await audited(proxy, answer)
    assert row.outcome is not None
    assert row.outcome.kind == "refused"


async def test_strict_mode_serves_what_is_honoured(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient
) -> None:
    """An injected max_tokens is told, not refused: nobody asked for another."""
    strict = {"evenhand-mode": "strict"}
    asked = body("claude", temperature=0, response_format=JSON_SCHEMA)
    answer = await http.post(proxy.url + CHAT, json=asked, headers=strict)
    assert answer.status_code == 200, answer.text
    assert provider.seen[0].json["temperature"] == 0


@pytest.mark.parametrize("model", ["claude", "glm", "gpt-5", "kimi", "llama", "gemini"])
async def test_pin_mode_serves(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient, model: str
) -> None:
    """Known defaults are sent where litellm takes them, and none of them is a reason to refuse."""
    answer = await http.post(
        proxy.url + CHAT, json=body(model, max_tokens=9), headers={"evenhand-mode": "pin"}
    )
    assert answer.status_code == 200, answer.text
    record = json.loads((await audited(proxy, answer)).opening.decoding)
    assert record["mode"] == "pin"
    for name, entry in record["parameters"].items():
        if "sent" in entry:
            assert stands_in(provider.seen[0].json, entry["sent"]), name
    if model in ("claude", "gemini"):
        assert record["parameters"]["temperature"]["action"] == "injected"
    if model == "llama":  # nobody asked Ollama for its Modelfile, which may set another
        assert record["parameters"]["temperature"]["evidence"] == "unknown"


async def test_the_row_is_open_before_the_provider_is_called(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient
) -> None:
    """When the request arrives there, its row stands in the journal and has no outcome."""
    found: list[AuditRow] = []

    async def reply(seen: Seen, writer: asyncio.StreamWriter) -> None:
        found.extend(list_requests(proxy.journal, limit=1))
        await by_path(seen, writer)

    provider.reply = reply
    answer = await http.post(proxy.url + CHAT, json=body("kimi", temperature=1.5))
    [row] = found
    assert row.opening.request_id == answer.headers["evenhand-request-id"]
    assert row.outcome is None
    assert row.opening.sent_parameters == {"temperature": 1}


@pytest.mark.parametrize("model", ["claude", "gemini", "glm", "llama"])
async def test_a_stream_for_openais_sdk(
    proxy: RunningProxy, provider: FakeEngine, model: str
) -> None:
    """OpenAI's SDK streams from any provider, with the headers before the first byte."""
    async with openai.AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(
            **body(model, max_tokens=9, stream=True)
        )
        assert "evenhand-changes" in raw.headers
        text = ""
        async for chunk in raw.parse():
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == "hello"
    assert len(provider.seen) == 1


@pytest.mark.parametrize("model", ["claude", "glm"])
async def test_anthropics_sdk(proxy: RunningProxy, provider: FakeEngine, model: str) -> None:
    """A client of /v1/messages reaches providers through litellm, streamed or not."""
    asked: Any = {
        "model": model,
        "max_tokens": 9,
        "extra_body": {"temperature": 0},
        "stop_sequences": ["x"],
        "messages": HELLO,
        "system": "Be brief.",
    }
    async with anthropic.AsyncAnthropic(base_url=proxy.url, api_key="any", max_retries=0) as sdk:
        whole = await sdk.messages.create(**asked)
        async with sdk.messages.stream(**asked) as streamed:
            final = await streamed.get_final_message()
    for message in (whole, final):
        assert message.content[0].text == "hello"  # type: ignore[union-attr]
        assert message.stop_reason == "end_turn"
    first, second = (seen.json for seen in provider.seen)
    stop = "stop_sequences" if model == "claude" else "stop"
    for arrived in (first, second):
        assert (arrived["max_tokens"], arrived["temperature"]) == (9, 0)
        assert arrived[stop] == ["x"]
    assert "Be brief." in json.dumps(first)


async def test_refusals_for_anthropics_sdk(proxy: RunningProxy, provider: FakeEngine) -> None:
    """They come in Anthropic's shape."""
    async with anthropic.AsyncAnthropic(base_url=proxy.url, api_key="any", max_retries=0) as sdk:
        with pytest.raises(anthropic.BadRequestError, match="seed=0") as caught:
            await sdk.messages.create(
                model="glm",
                max_tokens=9,
                messages=HELLO,  # type: ignore[arg-type]
                extra_body={"seed": 0},
            )
    assert caught.value.body["type"] == "error"  # type: ignore[index]
    assert provider.seen == []


async def test_explain_says_what_litellm_would_write(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The same record as the request's own, and nobody is called."""
    asked = {"temperature": 0, "n": 2}
    told = await http.post(f"{proxy.url}/v1/decoding/explain", json={"model": "kimi", **asked})
    assert provider.seen == []
    assert told.json()["parameters"]["temperature"]["sent"] == 0.3
    answer = await http.post(proxy.url + CHAT, json=body("kimi", **asked))
    assert json.loads((await audited(proxy, answer)).opening.decoding) == told.json()


async def test_a_policy_caps_the_providers_default(
    provider: FakeEngine, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A rule acts on what the provider would use by itself, before litellm writes."""
    file = tmp_path / "policy.yaml"
    file.write_text(
        "rules: [{name: cool, action: cap, parameter: temperature, value: 0.5, mode: enforce}]\n"
    )
    model = Model(
        "anthropic",
        provider.url,
        upstream_model=MODELS["claude"][1],
        api_key=Secret(KEY),
        via="litellm",
    )
    async with running_proxy(Config(models={"claude": model}, policy=file), tmp_path) as running:
        answer = await http.post(running.url + CHAT, json=body("claude", max_tokens=9))
        assert answer.status_code == 200, answer.text
        assert provider.seen[0].json["temperature"] == 0.5
        record = json.loads((await audited(running, answer)).opening.decoding)
    assert record["parameters"]["temperature"]["source"] == "policy"


async def test_the_key_stays_secret(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither answers, headers, logs nor the journal hold the provider's key."""
    caplog.set_level(logging.DEBUG)
    shown = ""
    for model in MODELS:
        for reply in (by_path, plain({"error": {"message": f"bad key {KEY}"}}, 400)):
            provider.reply = reply
            answer = await http.post(proxy.url + CHAT, json=body(model, max_tokens=9))
            shown += repr(answer.headers) + answer.text
            await audited(proxy, answer)
        assert KEY in repr(provider.seen[-1].headers) + provider.seen[-1].path
    assert "***" in shown
    assert KEY not in shown
    assert KEY not in caplog.text
    for file in (path for path in proxy.data_dir.rglob("*") if path.is_file()):
        assert KEY.encode() not in file.read_bytes()


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_an_address_with_a_version(
    provider: FakeEngine, http: httpx.AsyncClient, tmp_path: Path, end: str
) -> None:
    """Anthropic's route is found with and without it."""
    model = Model(
        "anthropic",
        provider.url + end,
        upstream_model=MODELS["claude"][1],
        api_key=Secret(KEY),
        via="litellm",
    )
    async with running_proxy(Config(models={"claude": model}), tmp_path) as running:
        await http.post(running.url + CHAT, json=body("claude"))
    assert provider.seen[0].path == "/v1/messages"


async def test_hosted_providers_are_not_asked_about_themselves(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Nothing is known of their engine but its name, and that is no reason not to be ready."""
    ready = await http.get(f"{proxy.url}/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["models"].values()) == {"not asked"}
    monitor = proxy.app.services.monitor
    assert monitor.problems() == {}
    assert dict(monitor.facts("claude").identity()) == {"name": "anthropic"}


async def test_the_command_line_explains_what_litellm_writes(
    provider: FakeEngine, tmp_path: Path
) -> None:
    """From a config alone too: Moonshot's temperature is cut there."""
    file = tmp_path / "evenhand.yaml"
    file.write_text(
        "models:\n  kimi: {engine: moonshot, via: litellm, api_key: k, upstream_model: "
        f"moonshot/kimi-k2-0905-preview, base_url: '{provider.url}'}}\n"
    )
    code, output, problems = await evenhand(
        *("explain", "--config", str(file), "--model", "kimi"),
        *("--set", "temperature=1.5", "--json"),
    )
    assert code == 0, problems
    found = json.loads(output)["parameters"]["temperature"]
    assert (found["requested"], found["sent"], found["action"]) == (1.5, 1, "converted")
    assert "LiteLLM" not in problems
    assert provider.seen == []
