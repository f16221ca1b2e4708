"""Every dialect by its name, and which one an engine speaks on which route to which model."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, Literal

from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.dialect_anthropic import (
    ANTHROPIC_FIXED,
    ANTHROPIC_MESSAGES,
    ANTHROPIC_ONE_SAMPLER,
)
from evenhand_proxy.decoding.dialect_cohere import COHERE_V2
from evenhand_proxy.decoding.dialect_dashscope import (
    DASHSCOPE_QWEN,
    DASHSCOPE_QWEN38,
    DASHSCOPE_SUPPLIERS,
    DASHSCOPE_WITHOUT_TOP_K,
)
from evenhand_proxy.decoding.dialect_deepseek import (
    DEEPSEEK_API,
    DEEPSEEK_REASONER,
    DEEPSEEK_V3_0324,
)
from evenhand_proxy.decoding.dialect_gemini import GEMINI_GENERATE_CONTENT, GEMINI_OPENAI_COMPAT
from evenhand_proxy.decoding.dialect_generic import (
    GENERIC_CHAT,
    GENERIC_COMPLETIONS,
    GENERIC_RESPONSES,
)
from evenhand_proxy.decoding.dialect_llamacpp import (
    LLAMACPP_NATIVE,
    LLAMACPP_SERVER,
    LLAMACPP_SERVER_COMPLETIONS,
    LLAMACPP_SERVER_RESPONSES,
)
from evenhand_proxy.decoding.dialect_mistral import MISTRAL_API
from evenhand_proxy.decoding.dialect_moonshot import (
    MOONSHOT_ANTHROPIC_ROUTE,
    MOONSHOT_KIMI,
    MOONSHOT_KIMI_FIXED,
)
from evenhand_proxy.decoding.dialect_ollama import (
    OLLAMA_NATIVE,
    OLLAMA_OPENAI,
    OLLAMA_OPENAI_COMPLETIONS,
)
from evenhand_proxy.decoding.dialect_openai import OPENAI_CHAT, OPENAI_COMPLETIONS, OPENAI_RESPONSES
from evenhand_proxy.decoding.dialect_openai_reasoning import (
    OPENAI_REASONING,
    OPENAI_REASONING_RESPONSES,
    OPENAI_SWITCHED,
    OPENAI_SWITCHED_RESPONSES,
)
from evenhand_proxy.decoding.dialect_sglang import (
    SGLANG_NATIVE,
    SGLANG_OPENAI_CHAT,
    SGLANG_OPENAI_COMPLETIONS,
    SGLANG_OPENAI_RESPONSES,
)
from evenhand_proxy.decoding.dialect_tgi import (
    TGI_NATIVE,
    TGI_OPENAI_CHAT,
    TGI_OPENAI_COMPLETIONS,
)
from evenhand_proxy.decoding.dialect_transformers import (
    HF_TRANSFORMERS,
    HF_TRANSFORMERS_SERVE,
    HF_TRANSFORMERS_SERVE_COMPLETIONS,
)
from evenhand_proxy.decoding.dialect_vllm import (
    VLLM_OPENAI,
    VLLM_OPENAI_COMPLETIONS,
    VLLM_OPENAI_RESPONSES,
)
from evenhand_proxy.decoding.dialect_zhipu import (
    ZHIPU_GLM,
    ZHIPU_GLM_45,
    ZHIPU_GLM_EARLIER,
    ZHIPU_SDK_REWRITES,
)

Route = Literal["chat", "completions", "embeddings", "responses"]

_CHAT, _COMPLETIONS, _RESPONSES = "chat", "completions", "responses"

EMBEDDINGS: Final = Dialect("embeddings", "POST /v1/embeddings", "the engine", {})
"""Embeddings have no decoding parameters."""

ENGINES: Final[Mapping[str, Mapping[str, Dialect]]] = MappingProxyType(
    {
        "sglang": {
            _CHAT: SGLANG_OPENAI_CHAT,
            _COMPLETIONS: SGLANG_OPENAI_COMPLETIONS,
            _RESPONSES: SGLANG_OPENAI_RESPONSES,
        },
        "vllm": {
            _CHAT: VLLM_OPENAI,
            _COMPLETIONS: VLLM_OPENAI_COMPLETIONS,
            _RESPONSES: VLLM_OPENAI_RESPONSES,
        },
        "llamacpp": {
            _CHAT: LLAMACPP_SERVER,
            _COMPLETIONS: LLAMACPP_SERVER_COMPLETIONS,
            _RESPONSES: LLAMACPP_SERVER_RESPONSES,
        },
        "ollama": {_CHAT: OLLAMA_OPENAI, _COMPLETIONS: OLLAMA_OPENAI_COMPLETIONS},
        "tgi": {_CHAT: TGI_OPENAI_CHAT, _COMPLETIONS: TGI_OPENAI_COMPLETIONS},
        "transformers": {
            _CHAT: HF_TRANSFORMERS_SERVE,
            _COMPLETIONS: HF_TRANSFORMERS_SERVE_COMPLETIONS,
        },
        "generic": {
            _CHAT: GENERIC_CHAT,
            _COMPLETIONS: GENERIC_COMPLETIONS,
            _RESPONSES: GENERIC_RESPONSES,
        },
        "openai": {
            _CHAT: OPENAI_CHAT,
            _COMPLETIONS: OPENAI_COMPLETIONS,
            _RESPONSES: OPENAI_RESPONSES,
        },
        "zhipu": {_CHAT: ZHIPU_GLM},
        "deepseek": {_CHAT: DEEPSEEK_API},
        "dashscope": {_CHAT: DASHSCOPE_QWEN},
        "moonshot": {_CHAT: MOONSHOT_KIMI},
        "mistral": {_CHAT: MISTRAL_API},
        "anthropic": {_CHAT: ANTHROPIC_MESSAGES},
        "gemini": {_CHAT: GEMINI_OPENAI_COMPAT},
    }
)
"""Engine to route to the dialect that it speaks there."""

TRANSLATED: Final[Mapping[str, Dialect]] = MappingProxyType(
    {"gemini": GEMINI_GENERATE_CONTENT, "ollama": OLLAMA_NATIVE}
)
"""Engine to the dialect that a translator speaks to it, where that is another one."""

VARIANTS: Final[Mapping[str, tuple[tuple[str, Dialect], ...]]] = MappingProxyType(
    {
        OPENAI_CHAT.name: (
            ("gpt-5-chat*", OPENAI_CHAT),
            ("gpt-5.[1-9]*", OPENAI_SWITCHED),
            ("gpt-5*", OPENAI_REASONING),
            ("o[1-9]*", OPENAI_REASONING),
        ),
        OPENAI_RESPONSES.name: (
            ("gpt-5-chat*", OPENAI_RESPONSES),
            ("gpt-5.[1-9]*", OPENAI_SWITCHED_RESPONSES),
            ("gpt-5*", OPENAI_REASONING_RESPONSES),
            ("o[1-9]*", OPENAI_REASONING_RESPONSES),
        ),
        MOONSHOT_KIMI.name: (("kimi-k2.[56]*", MOONSHOT_KIMI_FIXED),),
        DEEPSEEK_API.name: (
            ("deepseek-v3-0324*", DEEPSEEK_V3_0324),
            ("deepseek-reasoner*", DEEPSEEK_REASONER),
        ),
        ZHIPU_GLM.name: (
            ("glm-4.5*", ZHIPU_GLM_45),
            ("glm-4*", ZHIPU_GLM_EARLIER),
            ("glm-z1*", ZHIPU_GLM_EARLIER),
            ("glm-5", ZHIPU_GLM_EARLIER),
            ("glm-5-*", ZHIPU_GLM_EARLIER),
            ("glm-5.[01]*", ZHIPU_GLM_EARLIER),
        ),
        ANTHROPIC_MESSAGES.name: (
            ("*opus-4[.-][78]*", ANTHROPIC_FIXED),
            ("*opus-5*", ANTHROPIC_FIXED),
            ("*sonnet-5*", ANTHROPIC_FIXED),
            ("*fable*", ANTHROPIC_FIXED),
            ("*opus-4[.-]1*", ANTHROPIC_ONE_SAMPLER),
            ("*-4[.-]5*", ANTHROPIC_ONE_SAMPLER),
        ),
        DASHSCOPE_QWEN.name: (
            ("qwen3.8*", DASHSCOPE_QWEN38),
            ("glm*", DASHSCOPE_SUPPLIERS),
            ("kimi*", DASHSCOPE_WITHOUT_TOP_K),
            ("deepseek*", DASHSCOPE_WITHOUT_TOP_K),
            ("minimax*", DASHSCOPE_WITHOUT_TOP_K),
        ),
    }
)
"""Dialect to those that stand in its place for some models: the first pattern that fits wins."""

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            *(dialect for routes in ENGINES.values() for dialect in routes.values()),
            *(dialect for variants in VARIANTS.values() for _, dialect in variants),
            *TRANSLATED.values(),
            SGLANG_NATIVE,
            LLAMACPP_NATIVE,
            HF_TRANSFORMERS,
            TGI_NATIVE,
            ZHIPU_SDK_REWRITES,
            COHERE_V2,
            MOONSHOT_ANTHROPIC_ROUTE,
        )
    }
)
"""Every dialect by its name."""


def dialect_for(engine: str, route: str, model: str, *, translated: bool = False) -> Dialect | None:
    """Give the dialect that an engine speaks, None where it has no such route.

    `model` is the name that the engine knows, of which what follows the last slash counts.
    `translated` asks for what a translator speaks to it in our place.
    """
    if route == "embeddings":
        return EMBEDDINGS
    found = ENGINES[engine].get(route)
    if translated and route == "chat":
        found = TRANSLATED.get(engine, found)
    if found is None:
        return None
    return variant_of(found, model)


def variant_of(dialect: Dialect, model: str) -> Dialect:
    """Give the dialect that stands in the place of one for a model, itself where none does."""
    plain = model.rpartition("/")[2].lower()
    for pattern, variant in VARIANTS.get(dialect.name, ()):
        if fnmatchcase(plain, pattern):
            return variant
    return dialect
