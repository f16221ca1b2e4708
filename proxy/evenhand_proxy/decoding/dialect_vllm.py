"""vLLM's OpenAI routes, as read in 0.33.0."""

from evenhand_proxy.decoding.dialect import Dialect, Range, Rewrite, Rule

_SAMPLING = "vllm 0.33.0 vllm/sampling_params.py"
_CHAT = "vllm 0.33.0 vllm/entrypoints/openai/chat_completion/protocol.py"
_COMPLETION = "vllm 0.33.0 vllm/entrypoints/openai/completion/protocol.py"
_CONFIG = "vllm 0.33.0 vllm/config/model.py"
_TEMPERATURE = (
    Rewrite(
        when=Range(0, 0),
        sets={"top_p": 1.0, "top_k": 0, "min_p": 0.0},
        reason=f"greedy resets top_p, top_k and min_p ({_SAMPLING} L615-620)",
    ),
    Rewrite(
        when=Range(0, 0.01, open="both"),
        becomes=0.01,
        reason=f"a temperature between 0 and 0.01 is raised to 0.01 ({_SAMPLING} L560-568)",
    ),
)


def _shared() -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            f"{_SAMPLING} L560-568, L662-673",
            range=Range(0, 2),
            default=1.0,
            from_model=True,
            rewrites=_TEMPERATURE,
        ),
        "top_p": Rule(
            "top_p",
            f"{_SAMPLING} L674-679",
            range=Range(0, 1, "minimum"),
            default=1.0,
            from_model=True,
        ),
        "top_k": Rule(
            "top_k",
            f"{_SAMPLING} L680-684",
            range=Range(-1),
            default=0,
            from_model=True,
            note="0 and -1 both keep all tokens",
        ),
        "min_p": Rule(
            "min_p", f"{_SAMPLING} L689", range=Range(0, 1), default=0.0, from_model=True
        ),
        "repetition_penalty": Rule(
            "repetition_penalty",
            _SAMPLING,
            range=Range(0, open="minimum"),
            default=1.0,
            from_model=True,
            note="over prompt and generated tokens",
        ),
        "do_sample": Rule(
            None,
            f"{_CONFIG} L1882-1892: do_sample=false does not make vLLM greedy",
            equivalent={False: {"temperature": 0}, True: {}},
        ),
        "seed": Rule("seed", f"{_SAMPLING} L570-571"),
        "n": Rule("n", f"{_SAMPLING} L56-60", range=Range(1, 16384), default=1),
        "stop": Rule("stop", "vllm 0.33.0 envs.py VLLM_MAX_STOP_STRINGS", range=Range(0, 4)),
        "presence_penalty": Rule(
            "presence_penalty",
            f"{_CHAT} L705-713",
            range=Range(-2, 2),
            default=0.0,
            from_model=True,
        ),
        "frequency_penalty": Rule(
            "frequency_penalty",
            f"{_CHAT} L705-713",
            range=Range(-2, 2),
            default=0.0,
            from_model=True,
        ),
        "logit_bias": Rule("logit_bias", _SAMPLING, range=Range(-100, 100), out_of_range="clamped"),
    }


VLLM_CHAT = Dialect(
    "vllm_openai",
    "vLLM POST /v1/chat/completions",
    {
        **_shared(),
        "max_tokens": Rule(
            "max_completion_tokens",
            "vllm 0.33.0 vllm/entrypoints/serve/utils/api_utils.py L234-270",
            accepts=("max_tokens",),
            range=Range(1),
            from_model=True,
            default_note="the rest of the context",
        ),
        "logprobs": Rule("logprobs", _CHAT, default=False),
        "top_logprobs": Rule("top_logprobs", _CHAT, range=Range(0, 20)),
    },
)

VLLM_COMPLETIONS = Dialect(
    "vllm_openai_completions",
    "vLLM POST /v1/completions",
    {
        **_shared(),
        "max_tokens": Rule("max_tokens", _COMPLETION, range=Range(1), default=16, from_model=True),
        "logprobs": Rule("logprobs", _COMPLETION, kind="integer", range=Range(0, 20)),
        "top_logprobs": Rule(None, f"{_COMPLETION}: not a field"),
    },
)
