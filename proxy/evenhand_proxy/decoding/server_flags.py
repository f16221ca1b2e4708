"""The launch flags of SGLang and vLLM that move effective values, as data for the documentation.

What a running engine tells of them is read by `introspection`; rules ask for them by `Need.flag`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.decoding.vocabulary import ABSENT

_SGLANG = "sglang 0.5.23"
_VLLM = "vllm 0.33.0"
_CONFIG = f"{_VLLM} vllm/config/model.py"


@dataclass(frozen=True, slots=True)
class Flag:
    """One setting of a server.

    wire: how it is written on the command line, or `env NAME`.
    kind: the values that it takes, in words.
    default: ABSENT where it is unset.
    effect: what it does to decoding, in one sentence.
    source: where that was read.
    fact: its name in `EngineFacts.flags`; None where it becomes another fact or none.
    status: how well it is established where it is not plainly verified.
    """

    name: str
    wire: str
    kind: str
    default: Any
    effect: str
    source: str
    fact: str | None = None
    status: str | None = None


SGLANG_SERVER_FLAGS: Final = (
    Flag(
        "sampling_defaults",
        "--sampling-defaults",
        "openai or model",
        "model",
        "With model, /v1/chat/completions and /v1/responses take temperature, top_p, top_k, min_p "
        "and repetition_penalty from generation_config.json where the client leaves them out.",
        f"{_SGLANG} srt/arg_groups/fields/serving.py L232; srt/configs/model_config.py L2210-2240 "
        "(the flag came with 0.5.4)",
        fact="sampling_defaults",
    ),
    Flag(
        "preferred_sampling_params",
        "--preferred-sampling-params",
        "JSON object",
        ABSENT,
        "Fills what a request to /generate lacks, and what is still lacking on /v1/responses; the "
        "other routes always state every value themselves.",
        f"{_SGLANG} srt/managers/tokenizer_manager.py L1549-1552",
    ),
    Flag(
        "enable_deterministic_inference",
        "--enable-deterministic-inference",
        "switch",
        False,
        "Makes the sampler read the seed, with 42 for requests that send none, and makes any "
        "min_p but 0 fail.",
        f"{_SGLANG} overrides.py L1029-1036; srt/sampling/sampling_batch_info.py L157-172",
        fact="deterministic",
    ),
    Flag(
        "random_seed",
        "--random-seed",
        "integer",
        ABSENT,
        "Starts the draws of the whole engine; unset, each start draws another.",
        f"{_SGLANG} srt/arg_groups/fields/device.py L47; "
        "sglang 0.5.20 srt/arg_groups/serving_hook.py L603",
        fact="random_seed",
    ),
    Flag(
        "allow_auto_truncate",
        "--allow-auto-truncate",
        "switch",
        False,
        "Cuts a max_tokens that the context has no room for, instead of refusing it.",
        f"{_SGLANG}; sglang 0.5.20 srt/arg_groups/fields/serving.py L245",
    ),
    Flag(
        "max_new_tokens_limit",
        "env SGLANG_MAX_NEW_TOKENS_LIMIT",
        "integer",
        ABSENT,
        "Cuts every larger max_tokens; only the server's log says so.",
        f"{_SGLANG} srt/managers/scheduler.py L2695-2740",
    ),
    Flag(
        "enable_custom_logit_processor",
        "--enable-custom-logit-processor",
        "switch",
        False,
        "Lets requests bring a custom_logit_processor, which alone reads custom_params.",
        "sglang 0.5.20 srt/arg_groups/fields/exec_.py L73",
        fact="custom_logit_processor",
        status="from the engine's source",
    ),
    Flag(
        "reasoning_parser",
        "--reasoning-parser",
        "name of a parser",
        ABSENT,
        "Tells thinking from the answer, without which separate_reasoning does nothing.",
        f"{_SGLANG} srt/entrypoints/openai/protocol.py",
        fact="reasoning_parser",
    ),
)

VLLM_SERVER_FLAGS: Final = (
    Flag(
        "generation_config",
        "--generation-config",
        "auto, vllm or a folder",
        "auto",
        "Says where defaults come from: the checkpoint's generation_config.json (auto), nowhere "
        "(vllm), or a folder's file, whose max_new_tokens is then a hard cap.",
        f"{_CONFIG} L358-371, L1825-1916",
        fact="generation_config",
    ),
    Flag(
        "override_generation_config",
        "--override-generation-config",
        "JSON object",
        MappingProxyType({}),
        "Puts values over those of either source, presence and frequency penalties among them; "
        "its max_new_tokens is a hard cap.",
        f"{_CONFIG} L365, L1880",
    ),
    Flag(
        "max_logprobs",
        "--max-logprobs",
        "integer from -1",
        20,
        "Refuses a request for more logprobs than this; -1 takes any number.",
        _CONFIG,
        fact="max_logprobs",
    ),
    Flag(
        "logprobs_mode",
        "--logprobs-mode",
        "raw_logprobs, processed_logprobs, raw_logits or processed_logits",
        "raw_logprobs",
        "Says whether logprobs are those before (raw) or after (processed) temperature, penalties "
        "and truncation; SGLang's are those after temperature.",
        _CONFIG,
        fact="logprobs_mode",
    ),
    Flag(
        "seed",
        "--seed",
        "integer",
        0,
        "Starts the draws of requests that send no seed.",
        _CONFIG,
        fact="seed",
    ),
    Flag(
        "batch_invariant",
        "env VLLM_BATCH_INVARIANT",
        "switch",
        False,
        "Makes an answer independent of what else is in the batch; draws then still need a seed.",
        f"{_VLLM} vllm/sampling_params.py __post_init__",
        fact="batch_invariant",
    ),
)

SERVER_FLAGS: Final[Mapping[str, tuple[Flag, ...]]] = MappingProxyType(
    {"sglang": SGLANG_SERVER_FLAGS, "vllm": VLLM_SERVER_FLAGS}
)
"""Engine to its flags."""
