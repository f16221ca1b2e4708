"""SGLang's OpenAI routes, as read in 0.5.23 (and, where named, older releases)."""

from evenhand_proxy.decoding.dialect import Dialect, Need, Range, Rewrite, Rule

_PROTOCOL = "sglang 0.5.23 srt/entrypoints/openai/protocol.py"
_SAMPLING = "sglang 0.5.23 srt/sampling/sampling_params.py"
_SERVING = "sglang 0.5.23 srt/entrypoints/openai/serving_completions.py"
_GREEDY = Rewrite(
    when=Range(0, 1e-6, open="maximum"),
    becomes=1.0,
    action="converted",
    sets={"top_k": 1},
    reason=f"a temperature below 1e-6 becomes temperature 1.0 with top_k 1, which is greedy "
    f"({_SAMPLING} __post_init__)",
)
_SEED = Need(
    "deterministic",
    "the sampler sees the seed only under --enable-deterministic-inference "
    "(sglang 0.5.23 srt/sampling/sampling_batch_info.py)",
)


def _shared(source: str, *, from_model: bool) -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            source,
            range=Range(0),
            default=1.0,
            from_model=from_model,
            rewrites=(_GREEDY,),
        ),
        "top_p": Rule(
            "top_p", source, range=Range(0, 1, "minimum"), default=1.0, from_model=from_model
        ),
        "top_k": Rule(
            "top_k",
            source,
            range=Range(1, also=(-1,)),
            default=-1,
            from_model=from_model,
            translate={0: -1},
        ),
        "min_p": Rule("min_p", source, range=Range(0, 1), default=0.0, from_model=from_model),
        "repetition_penalty": Rule(
            "repetition_penalty",
            source,
            range=Range(0, 2, "minimum"),
            default=1.0,
            from_model=from_model,
            note="over generated tokens only",
        ),
        "do_sample": Rule(
            None,
            "sglang 0.5.23 srt/configs/model_config.py: neither the request's nor the "
            "checkpoint's do_sample is read",
            equivalent={False: {"temperature": 0}, True: {}},
        ),
        "seed": Rule("seed", source, needs=_SEED),
        "n": Rule("n", source, range=Range(1), default=1),
        "stop": Rule("stop", source, range=Range(0, 32)),
        "presence_penalty": Rule(
            "presence_penalty", source, range=Range(-2, 2), default=0.0, null="refused"
        ),
        "frequency_penalty": Rule(
            "frequency_penalty", source, range=Range(-2, 2), default=0.0, null="refused"
        ),
        "logit_bias": Rule("logit_bias", source, note="values are not clamped to +-100"),
    }


SGLANG_CHAT = Dialect(
    "sglang_openai_chat",
    "SGLang POST /v1/chat/completions",
    {
        **_shared(_PROTOCOL, from_model=True),
        "max_tokens": Rule(
            "max_completion_tokens",
            _PROTOCOL,
            accepts=("max_tokens",),
            default_note="the rest of the context",
            rewrites=(
                Rewrite(
                    when=Range(0, 0),
                    becomes=None,
                    action="not-honoured",
                    reason="0 counts as unset and the rest of the context is used "
                    f"({_PROTOCOL}: max_completion_tokens or max_tokens)",
                ),
            ),
        ),
        "logprobs": Rule("logprobs", _PROTOCOL, default=False),
        "top_logprobs": Rule("top_logprobs", _PROTOCOL, range=Range(0)),
    },
)

SGLANG_COMPLETIONS = Dialect(
    "sglang_openai_completions",
    "SGLang POST /v1/completions",
    {
        **_shared(f"{_PROTOCOL}; {_SERVING}", from_model=False),
        "max_tokens": Rule("max_tokens", _PROTOCOL, range=Range(1), default=16, null="refused"),
        "logprobs": Rule("logprobs", _PROTOCOL, kind="integer", range=Range(0)),
        "top_logprobs": Rule(None, f"{_PROTOCOL}: not a field of CompletionRequest"),
    },
)
