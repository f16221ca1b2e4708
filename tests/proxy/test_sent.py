"""What a record calls sent is what the engine got, and no policy is got round in a live proxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand_proxy.api.inference import ROUTES
from evenhand_proxy.config import Config, Engine, Model
from evenhand_proxy.decoding import (
    ABSENT,
    CLIENT,
    PARAMETERS,
    SPELLINGS,
    Mode,
    dialect_for,
    gather,
    lookalike,
)
from evenhand_proxy.decoding.asked import joined
from evenhand_proxy.decoding.edits import at, edited
from evenhand_proxy.decoding.speech import speech_of
from evenhand_proxy.decoding.values import alike
from tests.fake_engine import FakeEngine, Seen, fake_engine
from tests.running import RunningProxy, running_proxy

CHAT = "/v1/chat/completions"
SAID = [{"role": "user", "content": "h\u00e9"}]
CONTENT: dict[str, dict[str, Any]] = {
    CHAT: {"messages": SAID},
    "/v1/completions": {"prompt": "h\u00e9"},
    "/v1/responses": {"input": "h\u00e9"},
    "/v1/messages": {"messages": SAID, "max_tokens": 50},
}
ENGINES: tuple[Engine, ...] = (
    *("sglang", "vllm", "llamacpp", "openai", "generic", "ollama", "tgi", "zhipu"),
    *("deepseek", "dashscope", "moonshot", "mistral", "gemini", "transformers"),
)
MODES: tuple[Mode, ...] = ("report", "strict", "pin")
POLICY = """
rules:
  - {name: short, action: cap, parameter: max_tokens, value: 8, match: {tags: [ruled]}}
  - {name: brief, action: cap, parameter: thinking_budget, value: 500, match: {tags: [ruled]}}
  - {name: even, action: pin, parameter: top_p, value: 0.5, match: {tags: [ruled]}}
  - {name: plain, action: pin, parameter: thinking, value: false, match: {tags: [ruled]}}
  - {name: easy, action: forbid, parameter: reasoning_effort, match: {tags: [ruled]}}
  - {name: same, action: default, parameter: seed, value: 3, match: {tags: [ruled]}}
  - {name: whole, action: forbid, parameter: stop, match: {tags: [ruled]}}
  - {name: cold, action: pin, parameter: temperature, value: 0, mode: shadow}
"""
VALUES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 1.0, 1e3, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 1e-300, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "\u20ac\U0001f600", "auto", "none", "enabled", "disabled", "10"])
    | st.lists(st.integers(0, 9) | st.text(max_size=3), max_size=3)
    | st.sampled_from(
        [
            {},
            {"type": "enabled", "budget_tokens": 2048},
            {"type": "disabled"},
            {"type": "json_object"},
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
            {"enable_thinking": True, "thinking": True},
            {"5": -100},
        ]
    )
)


def written(folder: Path) -> Path:
    """The file of the policy."""
    file = folder / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
async def proxy(
    engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningProxy]:
    """A proxy that serves each engine in each mode, with a policy and without."""
    folder = tmp_path_factory.mktemp("sent")
    policy = written(folder)
    models = {
        f"{name} {mode}{tag}": Model(
            name, engine.url, mode=mode, tags=("ruled",) if tag else (), upstream_model="served"
        )
        for name in ENGINES
        for mode in MODES
        for tag in ("", " ruled")
    }
    async with running_proxy(Config(models=models, policy=policy), folder) as running:
        yield running


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[FakeEngine]:
    """A fake engine for the module."""
    async with fake_engine() as running:
        yield running


async def record_of(proxy: RunningProxy, answer: httpx.Response) -> dict[str, Any]:
    """The parameters of an answer's record, which the journal has before the engine is called."""
    row = proxy.request(answer.headers["evenhand-request-id"])
    parameters: dict[str, Any] = json.loads(row.opening.decoding)["parameters"]
    return parameters


def got(engine: FakeEngine, answer: httpx.Response) -> Seen | None:
    """What the engine got for an answer."""
    identity = answer.headers["evenhand-request-id"]
    found = [seen for seen in engine.seen if seen.headers.get("evenhand-request-id") == identity]
    return found[0] if found else None


def without_parts(value: Any) -> Any:
    """A value without the template variables that are parameters of their own."""
    inner = CLIENT["chat_template_kwargs"].inside
    return {k: v for k, v in value.items() if k not in inner} if isinstance(value, dict) else value


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(list(CONTENT)),
    name=st.sampled_from(ENGINES),
    mode=st.sampled_from(MODES),
    ruled=st.booleans(),
    asked=st.dictionaries(st.sampled_from(list(SPELLINGS)), VALUES, max_size=6),
    kept=st.dictionaries(st.sampled_from(["user", "x_own", "store"]), VALUES, max_size=2),
)
async def test_what_is_recorded_as_sent_is_what_the_engine_got(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    path: str,
    name: Engine,
    mode: Mode,
    ruled: bool,
    asked: dict[str, Any],
    kept: dict[str, Any],
) -> None:
    """Every value to the type, nothing beside it, and all other fields as the client sent them."""
    model = f"{name} {mode}{' ruled' if ruled else ''}"
    body = edited({"model": model, **CONTENT[path], **kept}, (), asked)
    answer = await http.post(proxy.url + path, json=body)
    assert answer.status_code < 500, answer.text
    seen = got(engine, answer)
    if seen is None:
        assert answer.status_code == 400
        return
    record, wire = await record_of(proxy, answer), seen.json
    dialect = dialect_for(name, ROUTES[path].route, "served")
    assert dialect is not None
    values = []
    for parameter, said in record.items():
        if "sent" not in said:
            continue
        values.append(said["sent"])
        rule = dialect.rules.get(parameter)
        own = () if rule is None or rule.wire is None else (rule.wire, *rule.accepts)
        spellings = PARAMETERS[parameter].spellings if parameter in PARAMETERS else (parameter,)
        found = [at(wire, place) for place in (*spellings, *own)]
        if parameter == "chat_template_kwargs":
            found = [*found, *[without_parts(each) for each in found]]
        assert any(alike(each, said["sent"]) for each in found), (parameter, said, wire)
    for parameter, draft in gather(wire, joined(CLIENT, speech_of(dialect))).items():
        for value in (draft.requested, *(draft.beaten or {}).values()):
            rest = parameter == "thinking" and draft.spelling == "thinking"
            assert rest or any(alike(value, each) for each in values), (parameter, value, record)
    for field, value in kept.items():
        assert alike(wire.get(field, ABSENT), value)


@pytest.mark.parametrize(
    ("field", "parameter"),
    [
        ({"MAX_TOKENS": 900, "max_tokens": 4}, "max_tokens"),
        ({"max_to\u212aens": 900}, "max_tokens"),
        ({"\u017ftop": ["a"]}, "stop"),
        ({"Reasoning": {"effort": "high"}}, "reasoning_effort"),
        ({"reasoning": {"Effort": "high"}}, "reasoning_effort"),
    ],
)
async def test_another_case_is_no_way_round_a_rule(
    proxy: RunningProxy,
    engine: FakeEngine,
    http: httpx.AsyncClient,
    field: dict[str, Any],
    parameter: str,
) -> None:
    """Ollama's Go reads keys in any case, at the top and inside objects."""
    body = {"model": "ollama report ruled", **CONTENT[CHAT], **field}
    answer = await http.post(proxy.url + CHAT, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, parameter)
    assert got(engine, answer) is None


@pytest.mark.parametrize("name", ["vllm", "sglang", "llamacpp"])
async def test_saying_it_twice_is_no_way_round_a_pin(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient, name: str
) -> None:
    """Templates differ in the word for a switch: both words are left, but not against a rule."""
    twice = {"chat_template_kwargs": {"enable_thinking": True, "thinking": True, "x": 1}}
    body = {"model": f"{name} report ruled", **CONTENT[CHAT], **twice}
    seen = got(engine, await http.post(proxy.url + CHAT, json=body))
    assert seen is not None
    assert seen.json["chat_template_kwargs"] == {"enable_thinking": False, "x": 1}


async def test_an_engines_own_words_are_read(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Gemini's compatible API takes a thinking budget inside `extra_body`: recorded, and capped."""
    google = {"thinking_config": {"thinking_budget": 9000, "include_thoughts": True}}
    body = {"model": "gemini report ruled", **CONTENT[CHAT], "extra_body": {"google": google}}
    answer = await http.post(proxy.url + CHAT, json=body)
    seen = got(engine, answer)
    assert seen is not None
    assert seen.json["extra_body"]["google"]["thinking_config"] == {
        "thinking_budget": 500,
        "include_thoughts": True,
    }
    said = (await record_of(proxy, answer))["thinking_budget"]
    assert (said["requested"], said["sent"], said["action"]) == (9000, 500, "clamped")


async def test_nothing_is_demanded_of_an_engine_that_lacks_it(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """A cap on thinking tokens refuses nothing in strict mode where the engine has none."""
    body = {"model": "openai strict ruled", **CONTENT[CHAT]}
    explained = await http.post(f"{proxy.url}/v1/decoding/explain", json=body)
    assert "thinking_budget" not in explained.json()["parameters"]


async def test_long_field_names_are_not_remembered(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Or clients could fill the memory with them."""
    before = lookalike.cache_info().currsize
    body = {f"{place}{'x' * 1000}": 1 for place in range(20)}
    answer = await http.post(
        proxy.url + CHAT, json={"model": "vllm report", **CONTENT[CHAT], **body}
    )
    assert answer.status_code == 200
    await asyncio.sleep(0)
    assert lookalike.cache_info().currsize == before
