"""Asking an engine what it is and what it does when a parameter is left out.

httpx serves here: this runs at start and on an interval, never on the hot path.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evenhand_proxy.config import Model
from evenhand_proxy.decoding import EngineFacts

READ_FROM_GENERATION_CONFIG: Mapping[str, Mapping[str, str]] = {
    # sglang 0.5.23 srt/configs/model_config.py L2210-2240: these five and no other
    "sglang": {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "min_p": "min_p",
        "repetition_penalty": "repetition_penalty",
    },
    # vllm 0.33.0 vllm/config/model.py L1870-1916
    "vllm": {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "min_p": "min_p",
        "repetition_penalty": "repetition_penalty",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "max_new_tokens": "max_tokens",
    },
}
"""For each engine: key of generation_config.json to canonical parameter."""

_LLAMACPP_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "n_predict": "max_tokens",
}


@dataclass(frozen=True, slots=True)
class Introspection:
    """What was found: the facts, and why the engine could not be asked if it could not."""

    facts: EngineFacts
    problem: str | None = None


def root_of(base_url: str) -> str:
    """Give a server's root: the base URL without a trailing `/v1` or slash."""
    return base_url.rstrip("/").removesuffix("/v1").rstrip("/")


async def introspect(model: Model, client: httpx.AsyncClient) -> Introspection:
    """Ask the engine behind a model; an engine that does not answer is a problem, not an error."""
    try:
        facts = await INTROSPECTORS[model.engine](model, client)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Introspection(EngineFacts(model.engine), f"{model.base_url}: {reason}")
    return Introspection(facts)


async def _get(model: Model, client: httpx.AsyncClient, *paths: str) -> dict[str, Any]:
    """Give the JSON object at the first path that is there."""
    headers = {"authorization": f"Bearer {model.api_key.text}"} if model.api_key else {}
    for path in paths[:-1]:
        answer = await client.get(root_of(model.base_url) + path, headers=headers)
        if answer.status_code == httpx.codes.OK:
            return dict(answer.json())
    answer = await client.get(root_of(model.base_url) + paths[-1], headers=headers)
    answer.raise_for_status()
    return dict(answer.json())


async def _llamacpp(model: Model, client: httpx.AsyncClient) -> EngineFacts:
    props = await _get(model, client, "/props")
    params = props.get("default_generation_settings", {}).get("params", {})
    template = props.get("chat_template")
    weights = Path(str(props.get("model_path", ""))).name or None
    if weights and isinstance(template, str):
        weights += f" template {hashlib.sha256(template.encode()).hexdigest()[:12]}"
    return EngineFacts(
        "llamacpp",
        version=props.get("build_info"),
        weights=weights,
        limits={"n": props["total_slots"]} if isinstance(props.get("total_slots"), int) else {},
        reported_defaults={
            canonical: _single_precision(params[name])
            for name, canonical in _LLAMACPP_PARAMETERS.items()
            if name in params
        },
    )


async def _sglang(model: Model, client: httpx.AsyncClient) -> EngineFacts:
    info = await _get(model, client, "/server_info", "/get_server_info")
    path = str(info.get("model_path", ""))
    from_model = info.get("sampling_defaults", "model") == "model"
    deterministic = info.get("enable_deterministic_inference")
    return EngineFacts(
        "sglang",
        version=info.get("version"),
        weights=_weights(path, info.get("weight_version")),
        flags={} if deterministic is None else {"deterministic": bool(deterministic)},
        model_defaults=_generation_config("sglang", model, path) if from_model else {},
    )


async def _vllm(model: Model, client: httpx.AsyncClient) -> EngineFacts:
    version = await _get(model, client, "/version")
    listed = await _get(model, client, "/v1/models")
    wanted = model.upstream_model
    served = [item for item in listed.get("data", []) if isinstance(item, dict)]
    entry = next((item for item in served if item.get("id") == wanted), served[0] if served else {})
    path = str(entry.get("root") or "")
    return EngineFacts(
        "vllm",
        version=version.get("version"),
        weights=_weights(path, None),
        model_defaults=_generation_config("vllm", model, path),
    )


async def _openai(model: Model, client: httpx.AsyncClient) -> EngineFacts:
    await _get(model, client, "/v1/models")
    return EngineFacts("openai")


INTROSPECTORS: Mapping[str, Callable[[Model, httpx.AsyncClient], Awaitable[EngineFacts]]] = {
    "llamacpp": _llamacpp,
    "sglang": _sglang,
    "vllm": _vllm,
    "openai": _openai,
}


def _generation_config(engine: str, model: Model, path: str) -> dict[str, Any] | None:
    """Read the defaults that the checkpoint brings along, None if the file cannot be found."""
    file = model.generation_config
    if file is None and path and Path(path).is_dir():
        file = Path(path) / "generation_config.json"
        if not file.is_file():
            return {}
    if file is None:
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError:
        return None
    keys = READ_FROM_GENERATION_CONFIG[engine]
    return {keys[key]: found[key] for key in keys if found.get(key) is not None}


def _weights(path: str, version: Any) -> str | None:
    name = Path(path).name if path else ""
    if version not in (None, "", "default"):
        name = f"{name} {version}".strip()
    return name or None


def _single_precision(value: Any) -> Any:
    """Undo the widening of a 32-bit float: 0.800000011920929 was written as 0.8."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
