"""The llama.cpp server: its OpenAI routes share one schema with its native ones."""

from evenhand_proxy.decoding.dialect import Dialect, Range, Rewrite, Rule

_SCHEMA = "llama.cpp tools/server/server-schema.cpp"
_COMMON = "llama.cpp common/common.h L226-290"
_GREEDY = {False: {"temperature": 0}, True: {}}
_SEED = (
    Rewrite(
        when=Range(-1, -1),
        becomes=None,
        action="converted",
        reason="-1 draws a random seed for each request",
    ),
    Rewrite(
        when=Range(maximum=-2),
        becomes=None,
        action="not-honoured",
        reason="seeds are 32 bits wide: the upper bits are cut off",
    ),
    Rewrite(
        when=Range(0xFFFFFFFF),
        becomes=None,
        action="not-honoured",
        reason="seeds are 32 bits wide, and 4294967295 draws a random one",
    ),
)
_COUNT = (
    Rewrite(
        when=Range(2**31),
        becomes=None,
        action="not-honoured",
        reason="counts are 32 bits wide: a larger one wraps around",
    ),
)
_AT_LEAST_ONE = (
    Rewrite(when=Range(0, 0), becomes=1, reason="0 still generates one token, as seen on b11549"),
)
_WINDOW = "over the last 64 tokens"


def _shared() -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            f"{_SCHEMA} L116; {_COMMON}",
            range=Range(0),
            out_of_range="clamped",
            default=0.8,
            note="applied last in the sampler chain",
        ),
        "top_p": Rule(
            "top_p",
            f"{_SCHEMA}; {_COMMON}",
            range=Range(0, 1),
            out_of_range="clamped",
            default=0.95,
        ),
        "top_k": Rule(
            "top_k",
            f"{_SCHEMA} L89; {_COMMON}",
            range=Range(0),
            out_of_range="clamped",
            default=40,
            translate={-1: 0},
            rewrites=_COUNT,
        ),
        "min_p": Rule(
            "min_p",
            f"{_SCHEMA} L97; {_COMMON}",
            range=Range(0, 1),
            out_of_range="clamped",
            default=0.05,
            note="a hidden default that acts on the OpenAI routes too",
        ),
        "repetition_penalty": Rule(
            "repeat_penalty",
            f"{_SCHEMA} L130; {_COMMON}",
            range=Range(0, open="minimum"),
            default=1.0,
            note="over the last 64 tokens, the prompt's among them",
        ),
        "do_sample": Rule(None, f"{_SCHEMA}: not a field", equivalent=_GREEDY),
        "seed": Rule("seed", _COMMON, rewrites=_SEED, default_note="random for each request"),
        "max_tokens": Rule(
            "max_tokens",
            f"{_SCHEMA} L44",
            accepts=("max_completion_tokens", "n_predict"),
            range=Range(-1),
            default=-1,
            rewrites=_AT_LEAST_ONE,
            note="-1 is until the context or an end token",
        ),
        "n": Rule("n", f"{_SCHEMA} L63-64", accepts=("n_cmpl",), range=Range(1), default=1),
        "stop": Rule("stop", _SCHEMA),
        "presence_penalty": Rule("presence_penalty", _COMMON, default=0.0, note=_WINDOW),
        "frequency_penalty": Rule(
            "frequency_penalty", f"{_SCHEMA} L133", default=0.0, note=_WINDOW
        ),
        "logit_bias": Rule("logit_bias", _SCHEMA),
    }


LLAMACPP_CHAT = Dialect(
    "llamacpp_server",
    "llama.cpp POST /v1/chat/completions",
    {
        **_shared(),
        "logprobs": Rule("logprobs", "llama.cpp tools/server/server-common.cpp", default=False),
        "top_logprobs": Rule(
            "top_logprobs", "llama.cpp tools/server/server-common.cpp", range=Range(0)
        ),
    },
)

LLAMACPP_COMPLETIONS = Dialect(
    "llamacpp_server_completions",
    "llama.cpp POST /v1/completions",
    {
        **_shared(),
        "logprobs": Rule(
            "logprobs", "llama.cpp tools/server/server-common.cpp", kind="integer", range=Range(0)
        ),
        "top_logprobs": Rule(None, "llama.cpp tools/server/server-common.cpp: not read here"),
    },
)
