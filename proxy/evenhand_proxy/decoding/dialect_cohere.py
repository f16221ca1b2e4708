"""Cohere's v2 chat: a top_p that ends at 0.99, and penalties from 0 to 1.

Nothing here was tried against the live service.
"""

from evenhand_proxy.decoding.dialect import Dialect, Range, Rule

_SDK = "cohere 7.3.1 v2/client.py L95-160"
_FORMAT = "cohere 7.3.1 types/json_response_format_v2.py"
_THINKING = "cohere 7.3.1 types/thinking.py"
_PENALTY = "the range is verified, what happens outside of it is not"
_PROMPT_TOO = "the prompt's tokens count as well"
_GREEDY = {False: {"temperature": 0}, True: {}}

COHERE_V2 = Dialect(
    "cohere_v2",
    "Cohere POST /v2/chat",
    "Cohere",
    {
        "temperature": Rule("temperature", _SDK, range=Range(0), default=0.3),
        "top_p": Rule(
            "p",
            _SDK,
            range=Range(0.01, 0.99),
            default=0.75,
            note="a hidden truncation; 1.0 is out of range, so that it cannot be turned off",
        ),
        "top_k": Rule("k", _SDK, range=Range(0, 500), default=0, translate={-1: 0}),
        "do_sample": Rule(None, f"{_SDK}: not a field", unsupported="unknown", equivalent=_GREEDY),
        "seed": Rule(
            "seed",
            _SDK,
            range=Range(0),
            evidence="unknown",
            default_note="random for each request",
            note="seeding is best effort",
        ),
        "n": Rule(None, f"{_SDK}: not a field of v2", unsupported="unknown"),
        "max_tokens": Rule(
            "max_tokens",
            _SDK,
            out_of_range="clamped",
            default_note="the model's limit",
            note="more than the model's limit is lowered to it without a word",
        ),
        "stop": Rule("stop_sequences", _SDK, form="list", range=Range(0, 5)),
        "presence_penalty": Rule(
            "presence_penalty",
            _SDK,
            range=Range(0, 1),
            out_of_range="unknown",
            default=0.0,
            note=_PROMPT_TOO,
            status=_PENALTY,
        ),
        "frequency_penalty": Rule(
            "frequency_penalty",
            _SDK,
            range=Range(0, 1),
            out_of_range="unknown",
            default=0.0,
            note=_PROMPT_TOO,
            status=_PENALTY,
        ),
        "logprobs": Rule("logprobs", _SDK, default=False),
        "response_format": Rule(
            "response_format",
            f"{_SDK}; {_FORMAT}",
            values=({"type": "text"}, {"type": "json_object"}),
            out_of_range="unknown",
            default_note="plain text",
            note="a schema stands inside json_object: send it as json_schema",
        ),
        "json_schema": Rule("response_format", _FORMAT, form="object_format"),
        "tool_choice": Rule(
            "tool_choice",
            f"{_SDK}: REQUIRED or NONE",
            form="upper_tool",
            values=("required", "none"),
            out_of_range="unknown",
            default_note="the model decides",
            status="from the SDK's types",
        ),
        "thinking": Rule(
            "thinking.type",
            _THINKING,
            form="switch",
            default_note="on for models that can think",
            status="from the SDK's types",
        ),
        "thinking_budget": Rule(
            "thinking.token_budget",
            _THINKING,
            range=Range(1),
            default_note="none",
            note="stands inside thinking, which must then have its type",
            status="from the SDK's types",
        ),
    },
    unknown_fields="unknown",
)
