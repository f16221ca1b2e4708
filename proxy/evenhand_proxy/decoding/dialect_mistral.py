"""Mistral's La Plateforme.

Nothing here was tried against the live service; an unknown field is answered with 422 there.
"""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rule

_SDK = "mistralai 3.7.0 client/models/chatcompletionrequest.py"
_CARD = "mistralai 3.7.0 client/models/basemodelcard.py L80"
_GREEDY = {False: {"temperature": 0}, True: {}}
_RANGE = "the range is not verified"
_NEW = "a field of the newest SDK only"


def _newest(name: str) -> Rule:
    return Rule(
        name,
        _SDK,
        evidence="unknown",
        note=_NEW,
        status="that the server supports it is not verified",
    )


MISTRAL_API = Dialect(
    "mistral_api",
    "Mistral POST /v1/chat/completions",
    "Mistral",
    {
        "temperature": Rule(
            "temperature",
            f"{_SDK}; {_CARD}",
            range=Range(0, 1.5),
            default_note="set for each model: default_model_temperature in GET /v1/models",
            note="the vendor recommends 0 to 0.7",
            status="the upper bound is not verified",
        ),
        "top_p": Rule("top_p", _SDK, range=Range(0, 1), default=1.0),
        "top_k": _newest("top_k"),
        "do_sample": Rule(None, f"{_SDK}: not a field", unsupported="refused", equivalent=_GREEDY),
        "seed": Rule("random_seed", _SDK, range=Range(0), default_note="random for each request"),
        "n": Rule("n", _SDK, range=Range(1), default=1, note="the prompt is billed once"),
        "max_tokens": Rule(
            "max_tokens", _SDK, range=Range(0), default_note="the rest of the context"
        ),
        "min_tokens": _newest("min_tokens"),
        "stop": Rule("stop", _SDK),
        "presence_penalty": Rule(
            "presence_penalty", _SDK, range=Range(-2, 2), default=0.0, status=_RANGE
        ),
        "frequency_penalty": Rule(
            "frequency_penalty", _SDK, range=Range(-2, 2), default=0.0, status=_RANGE
        ),
        "repetition_penalty": _newest("repetition_penalty"),
        "logit_bias": Rule(None, f"{_SDK}: not a field", unsupported="refused"),
        "logprobs": _newest("logprobs"),
        "top_logprobs": _newest("top_logprobs"),
        "safe_prompt": Rule("safe_prompt", _SDK, default=False),
        "response_format": Rule("response_format", _SDK, default_note="plain text"),
        "json_schema": Rule("response_format", _SDK, form="schema_format"),
        "tool_choice": Rule(
            "tool_choice",
            _SDK,
            default="auto",
            note="any is an older spelling of required",
        ),
        "parallel_tool_calls": Rule("parallel_tool_calls", _SDK, default=True),
        "reasoning_effort": Rule(
            "reasoning_effort",
            "mistralai 3.7.0 client/models/reasoningeffort.py",
            values=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            out_of_range="unknown",
            default_note="as the model decides",
            note="older reasoning models are asked with prompt_mode instead",
        ),
        "thinking": Rule(
            None,
            f"{_SDK}: not a field; reasoning_effort none turns it off",
            unsupported="refused",
            equivalent={False: {"reasoning_effort": "none"}, True: {}},
            status="from the SDK's types",
        ),
    },
    unknown_fields="refused",
    interactions=(
        Interaction(
            when={"temperature": Range(0, 0), "top_p": Range(maximum=1, open="maximum")},
            on=("top_p",),
            outcome="refused",
            reason="top_p must be 1 for greedy sampling (the error text quoted in "
            "github.com/devoxx/DevoxxGenieIDEAPlugin issue 338)",
        ),
    ),
)
