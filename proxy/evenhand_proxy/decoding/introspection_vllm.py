"""What vLLM tells about itself: GET /version, GET /v1/models, in development mode /server_info."""

import re
from collections.abc import Mapping
from typing import Any, Final

from evenhand_proxy.decoding.facts import EngineFacts, digest
from evenhand_proxy.decoding.generation_config import model_defaults, transformers_of
from evenhand_proxy.decoding.told import Told, count, mapping, number, text, weights

FLAGS: Final = (
    "generation_config",
    "override_generation_config",
    "max_logprobs",
    "logprobs_mode",
    "seed",
    "batch_invariant",
    "chat_template",
    "dtype",
    "quantization",
)
"""Server flags that bear on an answer (`batch_invariant` is VLLM_BATCH_INVARIANT of the
environment). vLLM reports them only under VLLM_SERVER_DEV_MODE."""

_VOCABULARY: Final = 2**31 - 1
"""More tokens than any vocabulary has."""


def vllm(told: Told) -> EngineFacts:
    """Read version and model; the flags come from the config unless the server shows them."""
    version = text(told.required("version", "version").get("version"))
    if version is None:
        raise told.error("version", "the answer's version is no text")
    told.required("models", "data")
    entry = told.entry()
    said = {**told.hints.flags, **_said(told.mapping("server_info"))}
    library = (
        _library(told.mapping("server_info"))
        or told.hints.transformers
        or transformers_of("vllm", version)
    )
    found = model_defaults(
        "vllm",
        told.hints.generation_config,
        version=version,
        transformers=library,
        flags=said,
    )
    return EngineFacts(
        "vllm",
        version=version,
        weights=weights(text(entry.get("root"))),
        flags={
            name: said[name]
            for name in FLAGS
            if name in said and name != "override_generation_config"
        },
        model_defaults=found.values,
        limits=_logprobs(number(said.get("max_logprobs"))),
        template=digest(told.hints.template) if told.hints.template else None,
        transformers=library,
        caps=found.caps,
        uncertain_defaults=found.uncertain,
        default_notes=found.notes,
        max_model_len=count(entry.get("max_model_len")),
    )


def _said(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read the flags of /server_info?config_format=json; older releases answer with text only."""
    config = mapping(mapping(answer.get("vllm_config")).get("model_config"))
    said = {name: config[name] for name in FLAGS if config.get(name) is not None}
    invariant = mapping(answer.get("vllm_env")).get("VLLM_BATCH_INVARIANT")
    if isinstance(invariant, bool | int):
        said["batch_invariant"] = bool(invariant)
    return said


def _logprobs(most: float | None) -> dict[str, float]:
    """Read --max-logprobs, which bounds both routes' counts; -1 is the size of the vocabulary."""
    if most is None:
        return {}
    return dict.fromkeys(("logprobs", "top_logprobs"), _VOCABULARY if most < 0 else most)


def _library(answer: Mapping[str, Any]) -> str | None:
    packages: Any = mapping(answer.get("system_env")).get("pip_packages")
    found = re.search(r"transformers==(\d[\w.]*)", packages) if isinstance(packages, str) else None
    return found[1] if found else None
