"""What SGLang tells about itself: GET /server_info, GET /model_info, GET /v1/models."""

import json
from collections.abc import Mapping
from typing import Any, Final

from evenhand_proxy.decoding.facts import EngineFacts, digest
from evenhand_proxy.decoding.generation_config import model_defaults, transformers_of
from evenhand_proxy.decoding.told import Told, count, mapping, number, text, weights

FLAGS: Final[Mapping[str, str]] = {
    "sampling_defaults": "sampling_defaults",
    "preferred_sampling_params": "preferred_sampling_params",
    "enable_deterministic_inference": "deterministic",
    "enable_custom_logit_processor": "custom_logit_processor",
    "reasoning_parser": "reasoning_parser",
    "random_seed": "random_seed",
    "chat_template": "chat_template",
    "dtype": "dtype",
    "quantization": "quantization",
    "kv_cache_dtype": "kv_cache_dtype",
    "speculative_algorithm": "speculative_algorithm",
    "max_new_tokens_limit": "max_new_tokens_limit",
}
"""Server arguments that bear on an answer (and the environment's SGLANG_MAX_NEW_TOKENS_LIMIT, which
the server does not report), and their names in the facts."""

_APART: Final = frozenset(("preferred_sampling_params", "max_new_tokens_limit"))
"""Those that stand in the facts as values of their own, not as flags."""

_SEEDED: Final[Mapping[str, float]] = {"min_p": 0}
"""The most that deterministic mode takes: its sampler asserts that there is no min_p
(sglang 0.5.20 srt/layers/sampler.py top_k_top_p_min_p_sampling_from_probs_torch)."""

_OFF_WHERE_NULL: Final = frozenset(("reasoning_parser",))
"""Those of which null says that there is none, where the others' null says nothing."""

_SET_BY_RESPONSES: Final = frozenset(
    ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "stop")
)
"""What /v1/responses always sets itself, so that preferred parameters cannot act on it
(sglang 0.5.20 srt/entrypoints/openai/protocol.py L1849-1880)."""


def sglang(told: Told) -> EngineFacts:
    """Read the server arguments; the answer carries all of them, resolved."""
    server = told.required("server_info", "version", "model_path")
    model = told.mapping("model_info")
    said = {**told.hints.flags, **_said(model), **_said(server)}
    version = text(server.get("version"))
    library = told.hints.transformers or transformers_of("sglang", version)
    found = model_defaults(
        "sglang",
        told.hints.generation_config,
        version=version,
        transformers=library,
        flags=said,
    )
    preferred = _preferred(said.get("preferred_sampling_params"))
    cap = number(said.get("max_new_tokens_limit"))
    path = text(server.get("model_path")) or text(model.get("model_path"))
    return EngineFacts(
        "sglang",
        version=version,
        weights=weights(path, server.get("weight_version") or model.get("weight_version")),
        flags={
            FLAGS[name]: value
            for name, value in said.items()
            if name in FLAGS and name not in _APART
        },
        model_defaults=found.values,
        limits=_SEEDED if said.get("enable_deterministic_inference") else {},
        template=digest(told.hints.template) if told.hints.template else None,
        transformers=library,
        route_defaults=_by_route(found.values, preferred),
        preferred=preferred,
        caps={"max_tokens": cap} if cap is not None else {},
        uncertain_defaults=found.uncertain,
        default_notes=found.notes,
        max_model_len=count(told.entry().get("max_model_len")),
    )


def _said(answer: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        name: answer[name]
        for name in FLAGS
        if answer.get(name) is not None or (name in answer and name in _OFF_WHERE_NULL)
    }
    scalar = (str, int, float, bool, type(None))
    return {
        name: value
        for name, value in said.items()
        if isinstance(value, scalar) or name == "preferred_sampling_params"
    }


def _preferred(value: Any) -> dict[str, Any]:
    """Read --preferred-sampling-params, which is reported as an object or as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    names = {"max_new_tokens": "max_tokens", "min_new_tokens": "min_tokens"}
    return {names.get(key, key): item for key, item in mapping(value).items() if item is not None}


def _by_route(
    values: Mapping[str, Any] | None, preferred: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """Give what routes other than chat read.

    /v1/completions has constants of its own and never reads the file (0.5.23
    serving_completions.py L148); /v1/responses reads it and lets preferred parameters fill what
    is then still missing (0.5.23 srt/managers/tokenizer_manager.py L1549-1552).
    """
    routes: dict[str, Mapping[str, Any]] = {"completions": {}}
    fills = {name: value for name, value in preferred.items() if name not in _SET_BY_RESPONSES}
    if values is not None and fills:
        routes["responses"] = {**fills, **values}
    return routes
