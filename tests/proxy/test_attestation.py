"""What an attestation found out of an engine stands as evidence in the records of its proxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from evenhand_evals.attest.runner import AttestSettings, attest
from evenhand_proxy.config import Config, Model
from tests.running import running_proxy
from tests.toy_engine import MODEL, ToyEngine, toy_engine

TESTED = ("top_p", "stop", "seed", "max_tokens", "json_schema")
LIES: dict[str, Any] = {"ignore": ("seed",), "alter": {"max_tokens": lambda value: 2 * value}}
MESSAGES = [{"role": "user", "content": "hello"}]
ASKED = {
    "model": MODEL,
    "top_p": 0.9,
    "stop": ["zz"],
    "seed": 5,
    "max_tokens": 4,
    "guided_json": {"type": "object"},
}


async def attestation_of(engine: ToyEngine, file: Path) -> Path:
    """Attest an engine, and write the document that a proxy's config names."""
    found = await attest(AttestSettings(engine.base_url, engine.model, only=TESTED))
    await asyncio.to_thread(file.write_text, json.dumps(found.document()), "utf-8")
    return file


@asynccontextmanager
async def client_of(model: Model, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a proxy that serves an engine."""
    async with (
        running_proxy(Config(models={MODEL: model}), folder) as proxy,
        httpx.AsyncClient(base_url=f"{proxy.url}/v1", trust_env=False, timeout=20) as client,
    ):
        yield client


async def explained(model: Model, folder: Path, **prompt: Any) -> dict[str, Any]:
    """What a proxy says of each parameter of a request."""
    async with client_of(model, folder) as client:
        answer = await client.post("/decoding/explain", json={**ASKED, **prompt})
    assert answer.status_code == 200, answer.text
    parameters: dict[str, Any] = answer.json()["parameters"]
    return parameters


async def test_verdicts_become_evidence(tmp_path: Path) -> None:
    """Applied is attested, ignored is not honoured, altered is no longer believed."""
    async with toy_engine(**LIES) as engine:
        model = Model("openai", engine.base_url)
        before = await explained(model, tmp_path, messages=MESSAGES)
        file = await attestation_of(engine, tmp_path / "attestation.json")
        after = await explained(replace(model, attestation=file), tmp_path, messages=MESSAGES)
    assert {before[name]["evidence"] for name in ("top_p", "stop", "max_tokens")} == {"modelled"}
    assert {after[name]["evidence"] for name in ("top_p", "stop", "json_schema")} == {"attested"}
    assert after["top_p"]["effective"] == 0.9
    assert (before["seed"]["action"], after["seed"]["action"]) == ("passed", "not-honoured")
    assert after["seed"]["evidence"] == "attested"
    assert "effective" not in after["seed"]
    assert after["max_tokens"]["evidence"] == "unknown"
    assert "acts with another value" in after["max_tokens"]["reason"]


async def test_verdicts_count_on_the_tested_route_only(tmp_path: Path) -> None:
    """What was tested on chat proves nothing on completions."""
    async with toy_engine(**LIES) as engine:
        file = await attestation_of(engine, tmp_path / "attestation.json")
        model = Model("openai", engine.base_url, attestation=file)
        found = await explained(model, tmp_path, prompt="hello")
    assert found["seed"]["action"] == "passed"
    assert "attested" not in {each.get("evidence") for each in found.values()}


async def test_strict_mode_refuses_what_a_test_found_ignored(tmp_path: Path) -> None:
    """The error names the parameter, and the request never reaches the engine."""
    async with toy_engine(**LIES) as engine:
        file = await attestation_of(engine, tmp_path / "attestation.json")
        model = Model("openai", engine.base_url, attestation=file, mode="strict")
        before = engine.requests
        chat = {"model": MODEL, "messages": MESSAGES}
        async with client_of(model, tmp_path) as client:
            refused = await client.post("/chat/completions", json={**chat, "seed": 5})
            taken = await client.post("/chat/completions", json=chat)
        assert engine.requests == before + 1
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "seed"
    assert "attestation" in refused.json()["error"]["message"]
    assert taken.status_code == 200


async def test_greedy_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    """An engine that heeds a temperature may still draw at 0."""
    verdicts = {"temperature": {"verdict": "applied"}, "greedy": {"verdict": "ignored"}}
    async with toy_engine() as engine:
        file = await attestation_of(engine, tmp_path / "attestation.json")
        document = json.loads(file.read_text())
        file.write_text(json.dumps({**document, "verdicts": verdicts}))
        model = Model("openai", engine.base_url, attestation=file)
        async with client_of(model, tmp_path) as client:
            said = {
                heat: (await client.post("/decoding/explain", json={**ASKED, "temperature": heat}))
                for heat in (0, 0.5)
            }
    found = {heat: each.json()["parameters"]["temperature"] for heat, each in said.items()}
    assert (found[0]["action"], found[0]["evidence"]) == ("not-honoured", "attested")
    assert (found[0.5]["action"], found[0.5]["evidence"]) == ("passed", "attested")


async def test_a_test_through_a_proxy_is_no_evidence_of_the_engine(tmp_path: Path) -> None:
    """A policy on the way may have been what was tested."""
    async with toy_engine() as engine:
        direct = Model("openai", engine.base_url)
        async with running_proxy(Config(models={MODEL: direct}), tmp_path) as proxy:
            found = await attest(AttestSettings(f"{proxy.url}/v1", MODEL, only=("top_p",)))
        file = tmp_path / "attestation.json"
        file.write_text(json.dumps(found.document()))
        said = await explained(replace(direct, attestation=file), tmp_path, messages=MESSAGES)
    assert found.through_proxy
    assert said["top_p"]["evidence"] == "modelled"
