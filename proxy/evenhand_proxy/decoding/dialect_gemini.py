"""Gemini: its own generateContent, and its OpenAI-compatible route.

Nothing here was tried against the live service. Where the documents do not say what becomes of a
value or a field, the rule says `unknown`.
"""

from evenhand_proxy.decoding.dialect import Dialect, Range, Rule

_TYPES = "google-genai 3.4.0 types.py"
_DOCS = f"Vertex AI model pages; {_TYPES} GenerationConfig"
_COMPAT = "ai.google.dev/gemini-api/docs/openai"
_BOUNDS = f"{_COMPAT}; the bounds are those of generateContent"
_PARTLY = "partly verified"
_SHARED = "that this route shares the bounds and defaults is not documented"
_UNLISTED = "which fields of OpenAI act on this route is not verified"
_BY_MODEL = "models without penalties answer with an error"
_RANGE = "the range is not verified"
_FORMATS = ({"type": "text"}, {"type": "json_object"})
_GREEDY = {False: {"temperature": 0}, True: {}}
_SAFE = "the vendor asks to keep 1.0 for Gemini 3, where lower values may loop"

GEMINI_GENERATE_CONTENT = Dialect(
    "gemini_generate_content",
    "Gemini POST :generateContent",
    "Gemini",
    {
        "temperature": Rule(
            "generationConfig.temperature", _DOCS, range=Range(0, 2), default=1.0, note=_SAFE
        ),
        "top_p": Rule("generationConfig.topP", _DOCS, range=Range(0, 1), default=0.95),
        "top_k": Rule(
            "generationConfig.topK",
            _DOCS,
            range=Range(1),
            out_of_range="unknown",
            default=64,
            evidence="unknown",
            note="fixed at 64 for Gemini 2.5 and 3",
            status="whether another value is refused or ignored is not verified",
        ),
        "do_sample": Rule(None, f"{_DOCS}: not a field", unsupported="refused", equivalent=_GREEDY),
        "n": Rule("generationConfig.candidateCount", _DOCS, range=Range(1, 8), default=1),
        "stop": Rule("generationConfig.stopSequences", _DOCS, form="list", range=Range(0, 5)),
        "max_tokens": Rule(
            "generationConfig.maxOutputTokens",
            _DOCS,
            range=Range(1),
            default_note="the model's limit",
            note="thinking counts; about 65536 at most",
        ),
        "seed": Rule(
            "generationConfig.seed",
            _DOCS,
            range=Range(-(2**31), 2**31 - 1),
            evidence="unknown",
            default_note="random for each request",
            note="seeding is best effort",
        ),
        "presence_penalty": Rule(
            "generationConfig.presencePenalty",
            _DOCS,
            range=Range(-2, 2, open="maximum"),
            default=0.0,
            note=_BY_MODEL,
            status=_RANGE,
        ),
        "frequency_penalty": Rule(
            "generationConfig.frequencyPenalty",
            _DOCS,
            range=Range(-2, 2, open="maximum"),
            default=0.0,
            note=_BY_MODEL,
            status=_RANGE,
        ),
        "logprobs": Rule("generationConfig.responseLogprobs", _DOCS, default=False),
        "top_logprobs": Rule("generationConfig.logprobs", _DOCS, range=Range(0, 20), status=_RANGE),
        "response_format": Rule(
            "generationConfig.responseMimeType",
            _DOCS,
            form="mime_type",
            values=_FORMATS,
            default_note="plain text",
            note="a schema has a field of its own: send it as json_schema",
        ),
        "json_schema": Rule(
            "generationConfig.responseJsonSchema",
            _DOCS,
            note="needs a response_format of json_object beside it",
        ),
        "thinking": Rule(
            None,
            f"{_TYPES} ThinkingConfig: a budget of 0 turns thinking off",
            unsupported="refused",
            equivalent={False: {"thinking_budget": 0}, True: {}},
            status=_PARTLY,
        ),
        "thinking_budget": Rule(
            "generationConfig.thinkingConfig.thinkingBudget",
            f"{_TYPES} ThinkingConfig",
            range=Range(-1),
            default_note="as the model decides",
            note="-1 lets the model decide, 0 turns thinking off where the model allows it",
            status=_PARTLY,
        ),
        "reasoning_effort": Rule(
            "generationConfig.thinkingConfig.thinkingLevel",
            f"{_TYPES} ThinkingLevel",
            values=("minimal", "low", "medium", "high", "xhigh"),
            default_note="as the model decides",
            status=_PARTLY,
        ),
        "tool_choice": Rule(
            "toolConfig.functionCallingConfig.mode",
            f"{_TYPES} FunctionCallingConfig",
            form="mode_tool",
            values=("auto", "none", "required"),
            out_of_range="unknown",
            default_note="AUTO",
            note="one function is named in allowedFunctionNames",
            status="from the SDK's types",
        ),
    },
    unknown_fields="refused",
    exclusive=(("thinking_budget", "reasoning_effort"),),
)


def _compatible(*names: str) -> dict[str, Rule]:
    return {
        name: Rule(
            name,
            _COMPAT,
            evidence="unknown",
            note="the page lists no fields, so whether it acts is not documented",
            status=_UNLISTED,
        )
        for name in names
    }


GEMINI_OPENAI_COMPAT = Dialect(
    "gemini_openai_compat",
    "Gemini POST /v1beta/openai/chat/completions",
    "Gemini",
    {
        **_compatible("seed", "logprobs", "top_logprobs", "tool_choice", "parallel_tool_calls"),
        "temperature": Rule(
            "temperature",
            _BOUNDS,
            range=Range(0, 2),
            out_of_range="unknown",
            default=1.0,
            note=_SAFE,
            status=_SHARED,
        ),
        "top_p": Rule(
            "top_p",
            _BOUNDS,
            range=Range(0, 1),
            out_of_range="unknown",
            default=0.95,
            status=_SHARED,
        ),
        "top_k": Rule(
            None,
            f"{_COMPAT}: not a field",
            unsupported="unknown",
            equivalent={1: {"temperature": 0}},
            note="the engine keeps the 64 likeliest tokens of its own accord",
            status=_UNLISTED,
        ),
        "do_sample": Rule(
            None, f"{_COMPAT}: not a field", unsupported="unknown", equivalent=_GREEDY
        ),
        "n": Rule(
            "n", _BOUNDS, range=Range(1, 8), out_of_range="unknown", default=1, status=_SHARED
        ),
        "stop": Rule("stop", _BOUNDS, range=Range(0, 5), out_of_range="unknown", status=_SHARED),
        "max_tokens": Rule(
            "max_tokens",
            _BOUNDS,
            accepts=("max_completion_tokens",),
            range=Range(1),
            out_of_range="unknown",
            default_note="the model's limit",
            note="thinking counts",
            status=_SHARED,
        ),
        "presence_penalty": Rule(
            "presence_penalty",
            "github.com/BerriAI/litellm issue 4333",
            evidence="unknown",
            note=_BY_MODEL,
            status="secondary source",
        ),
        "frequency_penalty": Rule(
            "frequency_penalty",
            "github.com/BerriAI/litellm issue 4333",
            evidence="unknown",
            note=_BY_MODEL,
            status="secondary source",
        ),
        "response_format": Rule("response_format", _COMPAT, status=_UNLISTED),
        "json_schema": Rule("response_format", _COMPAT, form="schema_format", status=_UNLISTED),
        "thinking": Rule(
            None,
            f"{_COMPAT}: reasoning_effort none turns thinking off",
            unsupported="unknown",
            equivalent={False: {"reasoning_effort": "none"}, True: {}},
            status=_PARTLY,
        ),
        "thinking_budget": Rule(
            "extra_body.google.thinking_config.thinking_budget",
            _COMPAT,
            range=Range(-1),
            out_of_range="unknown",
            default_note="as the model decides",
            status=_PARTLY,
        ),
        "reasoning_effort": Rule(
            "reasoning_effort",
            _COMPAT,
            values=("none", "minimal", "low", "medium", "high"),
            out_of_range="unknown",
            default_note="as the model decides",
            note="becomes a thinking budget or a thinking level",
            status=_PARTLY,
        ),
    },
    unknown_fields="unknown",
    exclusive=(("thinking_budget", "reasoning_effort"),),
)
