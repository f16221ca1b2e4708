"""Asking engines over HTTP: a real llama.cpp, and programs that answer as the others do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from evenhand_proxy.config import Engine, Model, Secret
from evenhand_proxy.decoding.facts import digest
from evenhand_proxy.decoding.introspection import QUESTIONS
from evenhand_proxy.engines.catalog import MODELS, place
from evenhand_proxy.engines.introspect import Introspection, introspect
from evenhand_proxy.engines.local import LocalEngine
from tests.proxy.engine_answers import (
    ANSWERS,
    LLAMACPP_PROPS,
    SGLANG_MODEL_INFO,
    SGLANG_SERVER_INFO,
    VLLM_MODELS,
    VLLM_VERSION,
)
from tests.proxy.told_engine import told_engine

GLM = {"do_sample": True, "temperature": 0.8, "top_p": 0.8}


def checkpoint(folder: Path, **files: Any) -> Path:
    """Write a checkpoint's JSON files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in files.items():
        (folder / f"{name}.json").write_text(json.dumps(document), "utf-8")
    return folder


def sglang_at(folder: Path | str) -> dict[str, Any]:
    """SGLang's answer when it serves a checkpoint."""
    return {**SGLANG_SERVER_INFO, "model_path": str(folder)}


async def test_a_real_llamacpp_tells_what_it_uses(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """Its defaults, the template of its GGUF, its slots, and which weights these are."""
    weights = place(MODELS["tiny-glm4"], Path())
    async with LocalEngine(weights, alias="tiny", slots=3, log_path=tmp_path / "log") as engine:
        found = await introspect(Model("llamacpp", engine.base_url), http, "tiny")
    assert (found.problem, found.warnings) == (None, ())
    defaults = found.facts.reported_defaults
    assert (defaults["temperature"], defaults["top_p"], defaults["min_p"]) == (0.8, 0.8, 0.05)
    assert found.facts.limits == {"n": 3}
    assert found.facts.weights is not None
    assert found.facts.weights.startswith(f"{weights.name} ")
    assert found.facts.weights.endswith(" bytes")
    assert found.facts.template is not None


@pytest.mark.parametrize("prefix", ["", "get_"])
async def test_sglang_is_asked_under_its_new_and_its_old_names(
    http: httpx.AsyncClient, tmp_path: Path, prefix: str
) -> None:
    """With the checkpoint's file read from the folder that it names."""
    folder = checkpoint(tmp_path / "glm", generation_config=GLM)
    answers = {
        f"GET_{prefix}server_info": sglang_at(folder),
        f"GET_{prefix}model_info": SGLANG_MODEL_INFO,
    }
    async with told_engine(**answers) as engine:
        found = await introspect(Model("sglang", f"{engine.url}/v1"), http, "glm-4")
    assert found.problem is None
    assert found.facts.version == "0.5.23"
    assert found.facts.model_defaults == {"temperature": 0.8, "top_p": 0.8}


async def test_the_key_goes_along(http: httpx.AsyncClient) -> None:
    """As a bearer token, as for every other request."""
    async with told_engine(GET_props=LLAMACPP_PROPS) as engine:
        await introspect(Model("llamacpp", engine.url, api_key=Secret("k")), http)
    assert engine.headers["authorization"] == "Bearer k"


async def test_an_optional_question_may_stay_unanswered(http: httpx.AsyncClient) -> None:
    """A route that is not there, or no JSON, costs nothing but what it would have told."""
    async with told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine:
        answers: list[tuple[int, Any]] = [(404, {}), (500, {}), (200, b"<html>")]
        for answer in answers:
            engine.routes["GET /model_info"] = engine.routes["GET /get_model_info"] = answer
            found = await introspect(Model("sglang", engine.url), http)
            assert (found.problem, found.facts.version) == (None, "0.5.23")


@pytest.mark.parametrize(
    ("status", "document", "problem"),
    [
        (404, {}, "sglang /server_info: /server_info answered 404; /get_server_info answered 404"),
        (200, b"<html>", "sglang /server_info: the answer is no JSON"),
        (200, {}, "sglang /server_info: the answer lacks version and model_path"),
        (503, {}, "503"),
    ],
)
async def test_an_engine_that_cannot_tell_is_a_problem(
    http: httpx.AsyncClient, status: int, document: Any, problem: str
) -> None:
    """It names the address, the engine, the path and the reason."""
    async with told_engine() as engine:
        engine.routes["GET /server_info"] = (status, document)
        found = await introspect(Model("sglang", engine.url), http)
    assert found.problem is not None
    assert engine.url not in found.problem
    assert problem in found.problem
    assert found.facts.version is None


async def test_a_busy_engine_has_not_become_another(http: httpx.AsyncClient) -> None:
    """503 to an optional question is a problem, so that no fact gets lost by chance."""
    async with told_engine(GET_server_info=SGLANG_SERVER_INFO) as engine:
        engine.routes["GET /model_info"] = (503, {})
        assert (await introspect(Model("sglang", engine.url), http)).problem is not None


@pytest.mark.parametrize("kind", get_args(Engine))
async def test_every_engine_of_the_config_can_be_asked(
    http: httpx.AsyncClient, kind: Engine
) -> None:
    """With what it answers there are facts of it; those that tell nothing need not answer."""
    async with told_engine() as engine:
        for name, question in QUESTIONS[kind].items():
            if name in ANSWERS.get(kind, {}):
                document = ANSWERS[kind][name]
                engine.routes[f"{question.method} {question.paths[0]}"] = (200, document)
        found = await introspect(Model(kind, engine.url), http, "glm-4")
    assert found.problem is None
    assert found.facts.engine == kind
    assert engine.asked


async def test_an_engine_that_is_not_there_is_a_problem(http: httpx.AsyncClient) -> None:
    """Nothing is raised."""
    async with told_engine() as engine:
        pass
    found = await introspect(Model("vllm", engine.url), http)
    assert found.problem is not None
    assert "GET /version: no connection" in found.problem


async def vllm_of(http: httpx.AsyncClient, folder: Path | str, **settings: Any) -> Introspection:
    """Ask a vLLM that serves a folder, with some settings of the model in the config."""
    entry = {**VLLM_MODELS["data"][0], "root": str(folder)}  # type: ignore[dict-item]
    answers = {"GET_version": VLLM_VERSION, "GET_v1/models": {"data": [entry]}}
    async with told_engine(**answers) as engine:
        return await introspect(Model("vllm", engine.url, **settings), http, "glm-4")


async def test_the_file_of_the_config_counts_most(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """More than the one in the folder that the engine names."""
    folder = checkpoint(tmp_path / "glm", generation_config=GLM)
    copy = tmp_path / "copy.json"
    copy.write_text('{"top_k": 50}', "utf-8")
    found = await vllm_of(http, folder, generation_config=copy)
    assert found.facts.model_defaults == {"top_k": 50}
    found = await vllm_of(http, folder, generation_config=copy, transformers="4.57.1")
    assert (found.facts.model_defaults, found.facts.transformers) == ({}, "4.57.1")


@pytest.mark.parametrize("content", ["{", "[]", '"x"'])
async def test_a_file_that_cannot_be_read_is_a_warning(
    http: httpx.AsyncClient, tmp_path: Path, content: str
) -> None:
    """And the model's defaults count as not known."""
    copy = tmp_path / "copy.json"
    copy.write_text(content, "utf-8")
    found = await vllm_of(http, "org/name", generation_config=copy)
    assert (found.problem, found.facts.model_defaults) == (None, None)
    assert len(found.warnings) == 1
    assert str(copy) in found.warnings[0]


async def test_a_missing_file_is_known_to_set_nothing(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Unless config.json has generation keys, which vLLM then reads in its own way."""
    folder = checkpoint(tmp_path / "glm", config={"model_type": "glm4"})
    assert (await vllm_of(http, folder)).facts.model_defaults == {}
    checkpoint(folder, config={"model_type": "glm4", "temperature": 0.9})
    assert (await vllm_of(http, folder)).facts.model_defaults is None
    assert (await vllm_of(http, tmp_path / "elsewhere")).facts.model_defaults is None


async def test_vllms_own_folder_of_defaults_is_read(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """`--generation-config FOLDER` in the config: its file, its cap."""
    checkpoint(tmp_path / "glm", generation_config=GLM)
    other = checkpoint(tmp_path / "defaults", generation_config={"max_new_tokens": 64})
    found = await vllm_of(http, tmp_path / "glm", flags={"generation_config": str(other)})
    assert found.facts.model_defaults == {"max_tokens": 64}
    assert found.facts.caps == {"max_tokens": 64}


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
async def test_a_hub_name_is_found_in_the_local_cache(
    http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """By the commit that its main branch points to; nothing is fetched."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(variable, str(tmp_path))
    hub = tmp_path / "hub" if variable == "HF_HOME" else tmp_path
    cached = hub / "models--THUDM--GLM-4-9B-0414"
    checkpoint(cached / "snapshots" / "0123456789abcdef", generation_config=GLM)
    checkpoint(cached / "snapshots" / "older", generation_config={"temperature": 0.1})
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123456789abcdef", "utf-8")
    found = await vllm_of(http, "THUDM/GLM-4-9B-0414")
    assert found.facts.model_defaults == {"temperature": 0.8, "top_p": 0.8}
    assert (await vllm_of(http, "THUDM/other")).facts.model_defaults is None


@pytest.mark.parametrize(
    "tokenizer",
    [
        {"chat_template": "{{ a }}"},
        {
            "chat_template": [
                {"name": "tool", "template": "x"},
                {"name": "default", "template": "{{ a }}"},
            ]
        },
    ],
)
async def test_the_template_is_the_checkpoints(
    http: httpx.AsyncClient, tmp_path: Path, tokenizer: dict[str, Any]
) -> None:
    """From tokenizer_config.json, or chat_template.jinja, which counts more, or the flag's file."""
    folder = checkpoint(tmp_path / "glm", tokenizer_config=tokenizer)
    assert (await vllm_of(http, folder)).facts.template == digest("{{ a }}")
    (folder / "chat_template.jinja").write_text("{{ b }}", "utf-8")
    assert (await vllm_of(http, folder)).facts.template == digest("{{ b }}")
    other = tmp_path / "other.jinja"
    other.write_text("{{ c }}", "utf-8")
    flags = {"chat_template": str(other)}
    assert (await vllm_of(http, folder, flags=flags)).facts.template == digest("{{ c }}")
    flags = {"chat_template": "chatml"}
    assert (await vllm_of(http, folder, flags=flags)).facts.template is None


def attestation(path: Path, **changes: Any) -> Path:
    """Write an attestation of the vLLM above, some keys changed."""
    document = {
        "evenhand_attestation": 1,
        "engine": {"name": "vllm", "version": "0.33.0", "weights": "name"},
        "model": "glm-4",
        "route": "chat",
        "verdicts": {"seed": {"verdict": "applied", "requests": 20}, "top_k": {"odd": 1}, "x": 1},
        **changes,
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


async def test_an_attestation_of_this_engine_counts(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Its verdicts stand in the facts, with the document's digest; the identity is the same."""
    file = attestation(tmp_path / "a.json")
    plain = await vllm_of(http, "org/name")
    found = await vllm_of(http, "org/name", attestation=file)
    assert found.warnings == ()
    assert found.facts == replace(
        plain.facts,
        attested={"seed": "applied"},
        attestation_id=digest(file.read_text("utf-8")),
        attested_route="chat",
    )
    assert found.facts.identity() == plain.facts.identity()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"engine": {"name": "vllm", "version": "0.32.0", "weights": "name"}}, "'0.32.0' is now"),
        ({"engine": {"name": "sglang", "version": "0.33.0", "weights": "name"}}, "name 'sglang'"),
        ({"engine": {"name": "vllm", "version": "0.33.0"}}, "weights None is now 'name'"),
        ({"engine": None}, "another engine"),
        ({"evenhand_attestation": 2}, "no attestation of format 1"),
    ],
)
async def test_an_attestation_of_another_engine_is_a_warning(
    http: httpx.AsyncClient, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """After a redeploy the old proof proves nothing."""
    file = attestation(tmp_path / "a.json", **changes)
    found = await vllm_of(http, "org/name", attestation=file)
    assert (found.facts.attested, found.facts.attestation_id) == ({}, None)
    assert reason in found.warnings[0]


async def test_an_attestation_that_cannot_be_read_is_a_warning(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A missing file does not stop the proxy."""
    found = await vllm_of(http, "org/name", attestation=tmp_path / "none.json")
    assert found.problem is None
    assert "none.json cannot be read" in found.warnings[0]
