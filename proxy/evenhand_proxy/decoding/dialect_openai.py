"""OpenAI's own dialect, and what a generic OpenAI-style endpoint is taken to speak.

Bounds and defaults are those of the OpenAPI document; that out-of-range values and unknown fields
are answered with 400 stands in OpenAI's documents and error texts.
"""

from evenhand_proxy.decoding.dialect import Dialect, Range, Rule

_CHAT = "openai-openapi f85dbe22 openapi.yaml, CreateChatCompletionRequest"
_COMPLETION = "openai-openapi f85dbe22 openapi.yaml, CreateCompletionRequest"
_BEST_EFFORT = "seeding is best effort: compare system_fingerprint"
_GREEDY = {False: {"temperature": 0}, True: {}}


def _absent(source: str) -> Rule:
    return Rule(None, f"{source}: not a field", unsupported="refused")


def _shared(source: str) -> dict[str, Rule]:
    return {
        "temperature": Rule("temperature", source, range=Range(0, 2), default=1),
        "top_p": Rule("top_p", source, range=Range(0, 1), default=1),
        "top_k": _absent(source),
        "min_p": _absent(source),
        "repetition_penalty": _absent(source),
        "do_sample": Rule(
            None, f"{source}: not a field", unsupported="refused", equivalent=_GREEDY
        ),
        "seed": Rule("seed", source, evidence="unknown", note=_BEST_EFFORT),
        "n": Rule("n", source, range=Range(1, 128), default=1),
        "stop": Rule("stop", source, range=Range(1, 4)),
        "presence_penalty": Rule("presence_penalty", source, range=Range(-2, 2), default=0),
        "frequency_penalty": Rule("frequency_penalty", source, range=Range(-2, 2), default=0),
        "logit_bias": Rule("logit_bias", source, range=Range(-100, 100)),
    }


OPENAI_CHAT = Dialect(
    "openai_chat",
    "OpenAI POST /v1/chat/completions",
    {
        **_shared(_CHAT),
        "max_tokens": Rule(
            "max_completion_tokens",
            _CHAT,
            accepts=("max_tokens",),
            range=Range(1),
            default_note="the room left in the context",
        ),
        "logprobs": Rule("logprobs", _CHAT, default=False),
        "top_logprobs": Rule("top_logprobs", _CHAT, range=Range(0, 20)),
    },
    unknown_fields="refused",
)

OPENAI_COMPLETIONS = Dialect(
    "openai_completions",
    "OpenAI POST /v1/completions",
    {
        **_shared(_COMPLETION),
        "max_tokens": Rule("max_tokens", _COMPLETION, range=Range(0), default=16),
        "logprobs": Rule("logprobs", _COMPLETION, kind="integer", range=Range(0, 5)),
        "top_logprobs": _absent(_COMPLETION),
    },
    unknown_fields="refused",
)
