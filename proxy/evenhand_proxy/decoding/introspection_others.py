"""What llama.cpp, Ollama, TGI, transformers serve, Mistral and the rest tell about themselves."""

import json
from collections.abc import Mapping
from typing import Any, Final

from evenhand_proxy.decoding.facts import EngineFacts, digest
from evenhand_proxy.decoding.generation_config import model_defaults
from evenhand_proxy.decoding.told import Told, count, mapping, number, text, weights

_LLAMACPP: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "top_n_sigma": "top_n_sigma",
    "xtc_probability": "xtc_probability",
    "mirostat": "mirostat",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "repeat_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "dry_multiplier": "dry_multiplier",
    "n_predict": "max_tokens",
}
"""Names in `default_generation_settings.params` to canonical ones."""

_OLLAMA: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "repeat_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "num_predict": "max_tokens",
    "num_ctx": "num_ctx",
    "stop": "stop",
}
"""Names of a Modelfile's parameters to canonical ones (ollama fb307609 api/types.go)."""

_OVERRULED: Final = frozenset(("temperature", "top_p"))
"""What Ollama's OpenAI routes set to 1.0 when left out, whatever the Modelfile says
(ollama fb307609 openai/openai.go L655-683)."""

TELL_NOTHING: Final = (
    "generic",
    "zhipu",
    "deepseek",
    "dashscope",
    "moonshot",
    "anthropic",
    "gemini",
)
"""Providers without an answer that bears on decoding: they are asked only whether they are there,
and keep their defaults for each model to themselves."""


def llamacpp(told: Told) -> EngineFacts:
    """Read GET /props: the defaults as they act, after GGUF metadata and flags."""
    props = told.required("props", "default_generation_settings")
    settings = mapping(props["default_generation_settings"])
    params = mapping(settings.get("params"))
    if not params:
        raise told.error("props", "default_generation_settings lacks params")
    slots = number(props.get("total_slots"))
    template = text(props.get("chat_template"))
    size = number(mapping(told.entry().get("meta")).get("size"))
    found = {name: number(params.get(key)) for key, name in _LLAMACPP.items()}
    return EngineFacts(
        "llamacpp",
        version=text(props.get("build_info")),
        weights=weights(text(props.get("model_path")), f"{size} bytes" if size else None),
        model_defaults={},
        limits={"n": slots} if isinstance(slots, int) and slots > 0 else {},
        reported_defaults={
            name: _single_precision(value) for name, value in found.items() if value is not None
        },
        template=digest(template) if template else None,
        max_model_len=count(settings.get("n_ctx")),  # of one slot
    )


def _single_precision(value: float) -> float:
    """Undo the widening of a 32-bit float: 0.800000011920929 was written as 0.8."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def ollama(told: Told) -> EngineFacts:
    """Read POST /api/show: the Modelfile's parameters, as the OpenAI routes use them."""
    show = told.required("show")
    parameters = _modelfile(text(show.get("parameters")) or "")
    template = text(show.get("template"))
    return EngineFacts(
        "ollama",
        version=text(told.mapping("version").get("version")),
        weights=_ollama_weights(told),
        model_defaults={},
        reported_defaults={
            name: value for name, value in parameters.items() if name not in _OVERRULED
        },
        template=digest(template) if template else None,
        preferred={name: parameters[name] for name in sorted(_OVERRULED & parameters.keys())},
    )


def _modelfile(lines: str) -> dict[str, Any]:
    """Parse `name  value` lines; a text value is quoted, and `stop` may come several times."""
    found: dict[str, Any] = {}
    for line in lines.splitlines():
        key, _, written = line.strip().partition(" ")
        name, value = _OLLAMA.get(key), _value(written.strip())
        if name == "stop":
            found.setdefault("stop", []).append(str(value))
        elif name is not None and number(value) is not None:
            found[name] = value
    return found


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _ollama_weights(told: Told) -> str | None:
    wanted = told.hints.model or ""
    listed = told.mapping("tags").get("models")
    for entry in listed if isinstance(listed, list) else []:
        name = text(mapping(entry).get("name")) or ""
        if name in (wanted, f"{wanted}:latest"):
            found = text(entry.get("digest"))
            return weights(name, found[:12] if found else None)
    return wanted or None


def tgi(told: Told) -> EngineFacts:
    """Read GET /info: limits; there are no sampling defaults to tell."""
    info = told.required("info", "model_id", "version")
    limits = {"stop": info.get("max_stop_sequences"), "best_of": info.get("max_best_of")}
    found = {name: number(value) for name, value in limits.items()}
    return EngineFacts(
        "tgi",
        version=text(info.get("version")),
        weights=weights(text(info.get("model_id")), (text(info.get("model_sha")) or "")[:12]),
        model_defaults={},
        limits={name: value for name, value in found.items() if value is not None},
    )


def transformers(told: Told) -> EngineFacts:
    """Take what the checkpoint says: transformers serve reports nothing of itself."""
    hints = told.hints
    found = model_defaults(
        "transformers", hints.generation_config, transformers=hints.transformers, flags=hints.flags
    )
    return EngineFacts(
        "transformers",
        version=hints.transformers,
        weights=weights(hints.model),
        model_defaults=found.values,
        template=digest(hints.template) if hints.template else None,
        transformers=hints.transformers,
        default_notes=found.notes,
    )


def mistral(told: Told) -> EngineFacts:
    """Read the model's default temperature from GET /v1/models; top_p is not told there."""
    told.required("models", "data")
    entry = told.entry()
    temperature = number(entry.get("default_model_temperature"))
    return EngineFacts(
        "mistral",
        weights=text(entry.get("name")),
        reported_defaults={} if temperature is None else {"temperature": temperature},
    )


def openai(told: Told) -> EngineFacts:
    """Take note that the endpoint answers; the protocol has nothing more to tell."""
    told.required("models")
    return EngineFacts("openai")


def nothing(told: Told) -> EngineFacts:
    """Take note of the name alone."""
    return EngineFacts(told.engine)
