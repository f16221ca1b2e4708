"""What to ask an engine about itself, and what its answers mean. Pure: who asks is up to others.

Each engine answers a few cheap requests. `QUESTIONS` says which; `facts_from` turns the answers
into `EngineFacts`. `DETECTION` and `recognise` find out which engine an unknown endpoint is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from evenhand_proxy.decoding import introspection_others as others
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.introspection_sglang import FLAGS as SGLANG_FLAGS
from evenhand_proxy.decoding.introspection_sglang import sglang
from evenhand_proxy.decoding.introspection_vllm import FLAGS as VLLM_FLAGS
from evenhand_proxy.decoding.introspection_vllm import vllm
from evenhand_proxy.decoding.told import Hints, Told, text

MODEL: Final = "{model}"
"""Stands in a question's body for the name under which the engine serves the model."""


@dataclass(frozen=True, slots=True)
class Question:
    """One cheap request to an engine.

    paths: tried in this order from the server's root until one is answered with 200.
    body: what a POST sends; a value `MODEL` stands for the model's name.
    optional: an engine that does not answer it is asked on, not given up.
    """

    method: Literal["GET", "POST"]
    paths: tuple[str, ...]
    body: Mapping[str, Any] | None = None
    optional: bool = False

    def body_for(self, model: str) -> dict[str, Any] | None:
        """Give the body with the model's name in its place; None for a question without one."""
        if self.body is None:
            return None
        return {key: model if value == MODEL else value for key, value in self.body.items()}


def _get(*paths: str, optional: bool = False) -> Question:
    return Question("GET", paths, optional=optional)


QUESTIONS: Final[Mapping[str, Mapping[str, Question]]] = {
    # sglang 0.5.23 srt/entrypoints/http_server.py L812-892; the old names go on answering
    "sglang": {
        "server_info": _get("/server_info", "/get_server_info"),
        "model_info": _get("/model_info", "/get_model_info", optional=True),
        "models": _get("/v1/models", optional=True),
    },
    # vllm 0.32.0 entrypoints/serve; /server_info only under VLLM_SERVER_DEV_MODE
    "vllm": {
        "version": _get("/version"),
        "models": _get("/v1/models"),
        "server_info": _get("/server_info?config_format=json", optional=True),
    },
    # llama.cpp tools/server: /props carries the defaults after GGUF metadata and flags
    "llamacpp": {"props": _get("/props"), "models": _get("/v1/models", optional=True)},
    # ollama fb307609 server/routes.go
    "ollama": {
        "show": Question("POST", ("/api/show",), {"model": MODEL}),
        "version": _get("/api/version", optional=True),
        "tags": _get("/api/tags", optional=True),
    },
    # TGI db931fcf router/src/lib.rs Info
    "tgi": {"info": _get("/info")},
    # transformers 5.19.0 cli/serving/server.py: no route says more
    "transformers": {"health": _get("/health", optional=True)},
    # mistralai 3.7.0 models/basemodelcard.py
    "mistral": {"models": _get("/v1/models")},
    "openai": {"models": _get("/v1/models")},
    **{engine: {"models": _get("/v1/models", optional=True)} for engine in others.TELL_NOTHING},
}
"""Engine to the questions that it is asked, by name."""

DETECTION: Final[Mapping[str, Question]] = {
    "server_info": _get("/server_info", "/get_server_info", optional=True),
    "props": _get("/props", optional=True),
    "version": _get("/version", optional=True),
    "ollama_version": _get("/api/version", optional=True),
    "info": _get("/info", optional=True),
    "models": _get("/v1/models", optional=True),
}
"""What an unknown endpoint is asked, by the names that `recognise` reads."""

FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "sglang": tuple(SGLANG_FLAGS),
    "vllm": tuple(VLLM_FLAGS),
}
"""Engine to the server flags that may be told for it, with underscores for hyphens."""

_OWNERS: Final[Mapping[str, str]] = {
    "sglang": "sglang",
    "vllm": "vllm",
    "llamacpp": "llamacpp",
    "mistralai": "mistral",
}
"""`owned_by` of GET /v1/models to the engine that writes it there."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the served model's files are, as far as the engine and the config say.

    model: a folder, or a name on the Hugging Face hub; `revision` is that of the hub.
    generation_config: a folder whose generation_config.json counts instead of the model's.
    chat_template: a file (or a template's name) that counts instead of the model's own.
    """

    model: str | None = None
    revision: str | None = None
    generation_config: str | None = None
    chat_template: str | None = None


def checkpoint_of(
    engine: str,
    answers: Mapping[str, Any],
    *,
    model: str | None,
    flags: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Say which checkpoint stands behind the answers; the arguments are those of `facts_from`."""
    told = Told(engine, answers, hints=Hints(model))
    given, info = flags or {}, told.mapping("server_info")
    named = {
        "sglang": info.get("model_path") or told.mapping("model_info").get("model_path"),
        "vllm": told.entry().get("root"),
        "transformers": model,
    }
    origin = text(given.get("generation_config"))
    return Checkpoint(
        text(named.get(engine)),
        text(info.get("revision")),
        None if origin in ("auto", "vllm") else origin,
        text(info.get("chat_template")) or text(given.get("chat_template")),
    )


def recognise(answers: Mapping[str, Any]) -> str:
    """Say which engine gave these answers to `DETECTION`; "openai" where nothing else fits.

    A question that was not answered is simply not in `answers`.
    """
    for engine, fits in _SIGNS.items():
        if fits(Told("endpoint", answers)):
            return engine
    return "openai"


def _owned(told: Told) -> set[str]:
    owners = (_OWNERS.get(str(entry.get("owned_by"))) for entry in told.models())
    return {owner for owner in owners if owner}


def _is_sglang(told: Told) -> bool:
    info = told.mapping("server_info")
    return "internal_states" in info or "sampling_defaults" in info or "sglang" in _owned(told)


def _is_llamacpp(told: Told) -> bool:
    return "default_generation_settings" in told.mapping("props") or "llamacpp" in _owned(told)


def _is_vllm(told: Told) -> bool:
    return "vllm_config" in told.mapping("server_info") or "vllm" in _owned(told)


def _is_ollama(told: Told) -> bool:
    return isinstance(told.mapping("ollama_version").get("version"), str)


def _is_tgi(told: Told) -> bool:
    info = told.mapping("info")
    return "model_id" in info and "max_concurrent_requests" in info


def _is_mistral(told: Told) -> bool:
    listed = any("default_model_temperature" in entry for entry in told.models())
    return listed or "mistral" in _owned(told)


_SIGNS: Final[Mapping[str, Callable[[Told], bool]]] = {
    "sglang": _is_sglang,
    "llamacpp": _is_llamacpp,
    "vllm": _is_vllm,
    "ollama": _is_ollama,
    "tgi": _is_tgi,
    "mistral": _is_mistral,
}

_READERS: Final[Mapping[str, Callable[[Told], EngineFacts]]] = {
    "sglang": sglang,
    "vllm": vllm,
    "llamacpp": others.llamacpp,
    "ollama": others.ollama,
    "tgi": others.tgi,
    "transformers": others.transformers,
    "mistral": others.mistral,
    "openai": others.openai,
    **dict.fromkeys(others.TELL_NOTHING, others.nothing),
}


def facts_from(
    engine: str,
    answers: Mapping[str, Any],
    *,
    model: str | None,
    generation_config: Mapping[str, Any] | None = None,
    transformers: str | None = None,
    template: str | None = None,
    flags: Mapping[str, Any] | None = None,
) -> EngineFacts:
    """Turn an engine's answers into facts.

    Args:
        engine: a key of `QUESTIONS`.
        answers: parsed answers by the names of the engine's questions; the unanswered left out.
        model: the name under which the engine serves the model, where it serves several.
        generation_config: the checkpoint's parsed file; an empty mapping if it has none, None
            if that is not known.
        transformers: version or major number of the library beside the engine, if it is known
            better than from the engine's release.
        template: the chat template's text, if it is known from the checkpoint.
        flags: server settings that the engine does not report, by the names of `FLAGS`; what it
            reports itself counts more.

    Raises:
        IntrospectionError: an answer that the facts cannot do without is missing or has another
            shape; it names engine, path and what is missing.

    """
    paths = {name: question.paths[0] for name, question in QUESTIONS[engine].items()}
    hints = Hints(model, generation_config, transformers, template, flags or {})
    return _READERS[engine](Told(engine, answers, paths, hints))
