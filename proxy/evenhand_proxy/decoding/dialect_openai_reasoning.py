"""OpenAI's reasoning models, which refuse the sampling parameters.

Two classes. The o-series and the first gpt-5 always refuse them (`OPENAI_REASONING`); gpt-5.1 and
later take them where the reasoning effort is `none` (`OPENAI_SWITCHED`). The gating stands in
Azure's documents, error texts and quoted guides, not in the OpenAPI document.
"""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rule
from evenhand_proxy.decoding.dialect_openai import (
    CHAT,
    EFFORT,
    EFFORTS,
    MAX_OUTPUT_TOKENS,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    RESPONSE,
    STOP,
    TOP_LOGPROBS_ALONE,
    absent,
    chat_delivery,
    responses_delivery,
    responses_lacking,
)

_GUIDE = "MicrosoftDocs azure-ai-docs reasoning.md, with quoted error texts and model guides"
_SECONDARY = "secondary sources"
_PARTLY = "partly secondary sources"
_ONLY_ONE = "only the default is taken"
_EFFORT_DEFAULTS = (
    ("*gpt-5.6*", "medium"),
    ("*gpt-5.[0-9]*", "none"),
    ("*gpt-5*", "medium"),
    ("*o[0-9]*", "medium"),
)


def _fixed(name: str, value: int, source: str) -> Rule:
    return Rule(
        name,
        source,
        range=Range(value, value),
        default=value,
        note=_ONLY_ONE,
        status=_SECONDARY,
    )


def _effort(wire: str) -> Rule:
    return Rule(
        wire,
        f"{EFFORT}; {_GUIDE}",
        values=EFFORTS,
        by_model=_EFFORT_DEFAULTS,
        default_note="depends on the model",
        note="an error for a level that the model lacks",
        status=_PARTLY,
    )


def _lacking(source: str) -> dict[str, Rule]:
    return {
        "top_k": absent(source),
        "min_p": absent(source),
        "repetition_penalty": absent(source),
        "ignore_eos": absent(source),
        "min_tokens": absent(source),
        "logit_bias": absent(_GUIDE),
        "stop": absent(STOP, "o3, o4-mini and the gpt-5 family take no stop"),
        "do_sample": absent(source, "reasoning models always draw at temperature 1"),
    }


_MAX_TOKENS = Rule(
    "max_completion_tokens",
    _GUIDE,
    range=Range(1),
    default_note="the room left in the context",
    note="max_tokens is refused; thinking counts",
)
_SEED = Rule(
    "seed",
    CHAT,
    range=Range(-(2**63), 2**63 - 1),
    evidence="unknown",
    note="seeding is best effort and deprecated: compare system_fingerprint",
)

OPENAI_REASONING = Dialect(
    "openai_reasoning",
    "OpenAI POST /v1/chat/completions for reasoning models",
    "OpenAI",
    {
        **_lacking(CHAT),
        "temperature": _fixed("temperature", 1, _GUIDE),
        "top_p": _fixed("top_p", 1, _GUIDE),
        "presence_penalty": _fixed("presence_penalty", 0, _GUIDE),
        "frequency_penalty": _fixed("frequency_penalty", 0, _GUIDE),
        "logprobs": Rule("logprobs", _GUIDE, values=(False,), default=False, status=_SECONDARY),
        "top_logprobs": Rule(
            None, _GUIDE, unsupported="refused", note="there are no logprobs", status=_SECONDARY
        ),
        "max_tokens": _MAX_TOKENS,
        "seed": _SEED,
        "n": Rule("n", CHAT, range=Range(1, 128), default=1),
        "reasoning_effort": _effort("reasoning_effort"),
        **chat_delivery(),
    },
    unknown_fields="refused",
)

OPENAI_REASONING_RESPONSES = Dialect(
    "openai_reasoning_responses",
    "OpenAI POST /v1/responses for reasoning models",
    "OpenAI",
    {
        **responses_lacking(),
        "do_sample": absent(RESPONSE, "reasoning models always draw at temperature 1"),
        "top_k": absent(RESPONSE),
        "temperature": _fixed("temperature", 1, _GUIDE),
        "top_p": _fixed("top_p", 1, _GUIDE),
        "top_logprobs": Rule(
            None, _GUIDE, unsupported="refused", note="there are no logprobs", status=_SECONDARY
        ),
        "max_tokens": MAX_OUTPUT_TOKENS,
        "reasoning_effort": _effort("reasoning.effort"),
        **responses_delivery(),
    },
    unknown_fields="refused",
)

_THINKING = tuple(level for level in EFFORTS if level != "none")
_GATED = f"taken only where the reasoning effort is none ({_GUIDE})"
_NOT_ONE = {
    "temperature": (Range(0, 1, "maximum"), Range(1, open="minimum")),
    "top_p": (Range(0, 1, "maximum"),),
}


def _gates(*switches: str) -> tuple[Interaction, ...]:
    """Refuse sampling parameters while the model thinks; their default values are tolerated."""
    values = [
        Interaction(
            {"reasoning_effort": _THINKING, name: outside},
            (name,),
            "refused",
            f"{name} is {_GATED}",
        )
        for name, ranges in _NOT_ONE.items()
        for outside in ranges
    ]
    return (
        *values,
        *(
            Interaction(
                {"reasoning_effort": _THINKING, name: "sent"},
                (name,),
                "refused",
                f"{name} is {_GATED}",
            )
            for name in switches
        ),
    )


OPENAI_SWITCHED = Dialect(
    "openai_switched",
    "OpenAI POST /v1/chat/completions for gpt-5.1 and later",
    "OpenAI",
    {
        **OPENAI_CHAT.rules,
        "stop": absent(STOP, "the gpt-5 family takes no stop"),
        "logit_bias": absent(_GUIDE),
        "presence_penalty": _fixed("presence_penalty", 0, _GUIDE),
        "frequency_penalty": _fixed("frequency_penalty", 0, _GUIDE),
        "max_tokens": _MAX_TOKENS,
        "reasoning_effort": _effort("reasoning_effort"),
    },
    unknown_fields="refused",
    interactions=(TOP_LOGPROBS_ALONE, *_gates("logprobs", "top_logprobs")),
)

OPENAI_SWITCHED_RESPONSES = Dialect(
    "openai_switched_responses",
    "OpenAI POST /v1/responses for gpt-5.1 and later",
    "OpenAI",
    {**OPENAI_RESPONSES.rules, "reasoning_effort": _effort("reasoning.effort")},
    unknown_fields="refused",
    interactions=_gates("top_logprobs"),
)
