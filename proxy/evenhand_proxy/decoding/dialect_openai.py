"""OpenAI's own dialects, for the models that take sampling parameters.

Bounds and defaults are those of the OpenAPI document. That out-of-range values and unknown fields
are answered with 400 stands in OpenAI's documents and error texts; nobody tried it on the live API.
The reasoning models have dialects of their own (`dialect_openai_reasoning`).
"""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Over, Range, Rule

_SPEC = "openai-openapi f85dbe22 openapi.yaml"
CHAT = f"{_SPEC} CreateChatCompletionRequest L33105, ModelResponseProperties L44539"
COMPLETION = f"{_SPEC} CreateCompletionRequest L33821"
RESPONSE = f"{_SPEC} CreateResponse L36274, ModelResponseProperties L44539"
STOP = f"{_SPEC} StopConfiguration L63253"
EFFORT = f"{_SPEC} ReasoningEffort L57173"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ABSENT = "absence verified in the document; the 400 is general knowledge"
_BEST_EFFORT = "seeding is best effort and deprecated: compare system_fingerprint"
_GREEDY = {False: {"temperature": 0}, True: {}}
_LIKELIEST = {1: {"temperature": 0}}
_INT64 = Range(-(2**63), 2**63 - 1)


def absent(source: str, note: str | None = None) -> Rule:
    """Make the rule of a parameter that OpenAI answers with 400."""
    return Rule(None, source, unsupported="refused", note=note, status=_ABSENT)


def _lacking(source: str) -> dict[str, Rule]:
    return {
        "top_k": Rule(None, source, unsupported="refused", equivalent=_LIKELIEST, status=_ABSENT),
        "min_p": absent(source),
        "repetition_penalty": absent(source),
        "ignore_eos": absent(source),
        "min_tokens": absent(source),
        "do_sample": Rule(None, source, unsupported="refused", equivalent=_GREEDY, status=_ABSENT),
    }


def _distribution(source: str) -> dict[str, Rule]:
    return {
        "temperature": Rule("temperature", source, range=Range(0, 2), default=1),
        "top_p": Rule("top_p", source, range=Range(0, 1), default=1),
    }


def _shared(source: str) -> dict[str, Rule]:
    return {
        **_distribution(source),
        **_lacking(source),
        "seed": Rule("seed", source, range=_INT64, evidence="unknown", note=_BEST_EFFORT),
        "n": Rule("n", source, range=Range(1, 128), default=1),
        "stop": Rule("stop", STOP, range=Range(1, 4)),
        "presence_penalty": Rule(
            "presence_penalty",
            source,
            range=Range(-2, 2),
            default=0,
            note="over the generated tokens",
        ),
        "frequency_penalty": Rule("frequency_penalty", source, range=Range(-2, 2), default=0),
        "logit_bias": Rule("logit_bias", source, range=Range(-100, 100)),
    }


def chat_delivery() -> dict[str, Rule]:
    """Make the rules of what an answer on the chat route looks like, whatever the model."""
    return {
        "response_format": Rule(
            "response_format", CHAT, default={"type": "text"}, note="strict is false by default"
        ),
        "json_schema": Rule("response_format", CHAT, form="schema_format"),
        "tool_choice": Rule(
            "tool_choice", CHAT, default_note="auto where there are tools, none otherwise"
        ),
        "parallel_tool_calls": Rule(
            "parallel_tool_calls",
            CHAT,
            default_note="true where there are tools",
            note="an error without tools",
        ),
        "verbosity": Rule(
            "verbosity", CHAT, values=("low", "medium", "high"), default_note="medium"
        ),
    }


def responses_delivery() -> dict[str, Rule]:
    """Make the rules of what an answer on the Responses route looks like, whatever the model."""
    return {
        "response_format": Rule(
            "text.format",
            RESPONSE,
            form="flat_format",
            default={"type": "text"},
            note="the schema stands beside its type, not one level below",
        ),
        "tool_choice": Rule(
            "tool_choice", RESPONSE, default_note="auto where there are tools, none otherwise"
        ),
        "parallel_tool_calls": Rule("parallel_tool_calls", RESPONSE, default=True),
        "verbosity": Rule(
            "text.verbosity", RESPONSE, values=("low", "medium", "high"), default_note="medium"
        ),
    }


def responses_lacking() -> dict[str, Rule]:
    """Make the rules of what the Responses route has no field for."""
    return {
        **_lacking(RESPONSE),
        "seed": absent(RESPONSE),
        "stop": absent(RESPONSE),
        "n": absent(RESPONSE),
        "presence_penalty": absent(RESPONSE),
        "frequency_penalty": absent(RESPONSE),
        "logit_bias": absent(RESPONSE),
        "logprobs": absent(
            RESPONSE, "include message.output_text.logprobs asks for them on this route"
        ),
    }


MAX_OUTPUT_TOKENS = Rule(
    "max_output_tokens",
    RESPONSE,
    range=Range(16),
    default_note="the room left in the context",
    note="thinking counts",
)

TOP_LOGPROBS_ALONE = Interaction(
    {"logprobs": (False,), "top_logprobs": "sent"},
    ("top_logprobs",),
    "refused",
    f"top_logprobs needs logprobs=true ({CHAT})",
)

OPENAI_CHAT = Dialect(
    "openai_chat",
    "OpenAI POST /v1/chat/completions",
    "OpenAI",
    {
        **_shared(CHAT),
        "max_tokens": Rule(
            "max_completion_tokens",
            CHAT,
            accepts=("max_tokens",),
            range=Range(1),
            default_note="the room left in the context",
            note="thinking counts",
            status="that less than 1 is an error is general knowledge",
        ),
        "logprobs": Rule("logprobs", CHAT, default=False),
        "top_logprobs": Rule("top_logprobs", CHAT, range=Range(0, 20)),
        "reasoning_effort": Rule(
            "reasoning_effort",
            EFFORT,
            values=EFFORTS,
            default_note="depends on the model",
            note="an error for a level that the model lacks",
        ),
        **chat_delivery(),
    },
    unknown_fields="refused",
    interactions=(TOP_LOGPROBS_ALONE,),
)

OPENAI_COMPLETIONS = Dialect(
    "openai_completions",
    "OpenAI POST /v1/completions",
    "OpenAI",
    {
        **_shared(COMPLETION),
        "max_tokens": Rule(
            "max_tokens",
            COMPLETION,
            range=Range(0),
            default=16,
            note="vLLM and SGLang copy this hidden default",
        ),
        "best_of": Rule(
            "best_of",
            COMPLETION,
            range=Range(0, 20),
            default_note="1, or n where that is larger",
            note="cannot be streamed",
        ),
        "logprobs": Rule(
            "logprobs",
            COMPLETION,
            kind="integer",
            range=Range(0, 5),
            note="a count here, a switch on the chat route",
        ),
        "top_logprobs": absent(COMPLETION, "logprobs is the count here"),
    },
    unknown_fields="refused",
    interactions=(
        Interaction(
            {"n": Over("best_of")},
            ("best_of",),
            "refused",
            f"best_of must be at least n ({COMPLETION})",
        ),
    ),
)

OPENAI_RESPONSES = Dialect(
    "openai_responses",
    "OpenAI POST /v1/responses",
    "OpenAI",
    {
        **_distribution(RESPONSE),
        **responses_lacking(),
        "max_tokens": MAX_OUTPUT_TOKENS,
        "top_logprobs": Rule("top_logprobs", RESPONSE, range=Range(0, 20)),
        "reasoning_effort": Rule(
            "reasoning.effort", RESPONSE, values=EFFORTS, default_note="depends on the model"
        ),
        **responses_delivery(),
    },
    unknown_fields="refused",
)
