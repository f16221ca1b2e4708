"""Every dialect by its name, and which one an engine speaks on which route."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.dialect_llamacpp import LLAMACPP_CHAT, LLAMACPP_COMPLETIONS
from evenhand_proxy.decoding.dialect_openai import OPENAI_CHAT, OPENAI_COMPLETIONS
from evenhand_proxy.decoding.dialect_sglang import SGLANG_CHAT, SGLANG_COMPLETIONS
from evenhand_proxy.decoding.dialect_vllm import VLLM_CHAT, VLLM_COMPLETIONS

Route = Literal["chat", "completions", "embeddings"]

EMBEDDINGS: Final = Dialect("embeddings", "Embeddings have no decoding parameters", {})

DIALECTS: Final[Mapping[str, Mapping[str, Dialect]]] = MappingProxyType(
    {
        "openai": {
            "chat": OPENAI_CHAT,
            "completions": OPENAI_COMPLETIONS,
            "embeddings": EMBEDDINGS,
        },
        "sglang": {
            "chat": SGLANG_CHAT,
            "completions": SGLANG_COMPLETIONS,
            "embeddings": EMBEDDINGS,
        },
        "vllm": {"chat": VLLM_CHAT, "completions": VLLM_COMPLETIONS, "embeddings": EMBEDDINGS},
        "llamacpp": {
            "chat": LLAMACPP_CHAT,
            "completions": LLAMACPP_COMPLETIONS,
            "embeddings": EMBEDDINGS,
        },
    }
)
"""Engine to route to dialect."""
