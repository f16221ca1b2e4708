"""SGLang's native and OpenAI routes, as read in 0.5.23 and, where a source says so, in 0.5.20."""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule, Typed
from evenhand_proxy.decoding.dialect_sglang_rules import (
    BEAMS,
    CHAT,
    COMPLETION,
    CONSTRAINTS,
    EFFORTS,
    LOGPROBS,
    NO_EFFORT,
    PROTOCOL,
    READ,
    REASONING,
    RESPONSE,
    SAMPLING,
    SCHEMA,
    SEED,
    SEED_NOTE,
    SHARED,
    TOOLS,
    additive,
    distribution,
    filled,
    forced_tools,
    formats,
    from_model,
    more,
    penalty,
    thinking,
)

_CHAT_BASE = distribution(CHAT)
SGLANG_OPENAI_CHAT = Dialect(
    "sglang_openai_chat",
    "SGLang POST /v1/chat/completions",
    "SGLang",
    {
        **_CHAT_BASE,
        "temperature": from_model(_CHAT_BASE["temperature"], older=0.7),
        "top_p": from_model(_CHAT_BASE["top_p"]),
        "top_k": from_model(_CHAT_BASE["top_k"]),
        "min_p": from_model(_CHAT_BASE["min_p"]),
        "repetition_penalty": penalty(_CHAT_BASE["repetition_penalty"], from_model=True),
        **more(CHAT),
        "seed": Rule("seed", CHAT, default=42, needs=SEED, note=SEED_NOTE),
        "max_tokens": Rule(
            "max_tokens",
            f"{CHAT}; {READ} to_sampling_params",
            range=Range(0),
            default_note="the rest of the context",
            note="0 generates nothing under this name; under max_completion_tokens it would count "
            "as unset, so that name is not sent; more than the context is an error unless "
            "--allow-auto-truncate",
        ),
        "min_tokens": Rule("min_tokens", CHAT, range=Range(0), default=0, null="refused"),
        **formats(CHAT),
        "json_schema": Rule(
            "response_format", f"{READ} to_sampling_params", form="schema_format", status=SCHEMA
        ),
        "logprobs": Rule(
            "logprobs",
            f"{CHAT}; sglang 0.5.23 srt/layers/sampler.py",
            default=False,
            null="refused",
            note="after temperature, unless SGLANG_RETURN_ORIGINAL_LOGPROB is set",
        ),
        "top_logprobs": Rule("top_logprobs", CHAT, range=Range(0), out_of_range="unknown"),
        **thinking(CHAT),
        "reasoning_effort": Rule(
            "reasoning_effort",
            f"{PROTOCOL} L1096-1152; {READ} ReasoningEffortType",
            values=EFFORTS,
            range=Range(0, 0.99),
            note="a level, or a number",
        ),
        "parallel_tool_calls": Rule("parallel_tool_calls", CHAT, default=True, null="refused"),
        "separate_reasoning": Rule(
            "separate_reasoning", CHAT, default=True, null="refused", needs=REASONING
        ),
        "continue_final_message": Rule(
            "continue_final_message",
            f"{PROTOCOL} L513-549",
            default=False,
            null="refused",
            note="without it a last assistant message is given the user's role",
        ),
    },
    interactions=(
        *SHARED,
        NO_EFFORT,
        filled(EFFORTS[1:], thinks=True),
        filled(Range(0, 0.99), thinks=True),
        LOGPROBS,
        *TOOLS,
    ),
    exclusive=(CONSTRAINTS,),
)

_COMPLETION_BASE = distribution(COMPLETION, null="refused")
SGLANG_OPENAI_COMPLETIONS = Dialect(
    "sglang_openai_completions",
    "SGLang POST /v1/completions",
    "SGLang",
    {
        **_COMPLETION_BASE,
        "repetition_penalty": penalty(_COMPLETION_BASE["repetition_penalty"], from_model=False),
        **more(COMPLETION),
        "seed": Rule("seed", COMPLETION, default=42, needs=SEED, note=SEED_NOTE),
        "max_tokens": Rule("max_tokens", COMPLETION, range=Range(1), default=16, null="refused"),
        "min_tokens": Rule(
            "min_tokens", READ, range=Range(0), default=0, null="refused", status=SCHEMA
        ),
        "best_of": Rule(None, COMPLETION, note="accepted, and read by nothing"),
        **formats(f"{READ} CompletionRequest"),
        "json_schema": Rule(
            "json_schema", f"{READ} CompletionRequest", form="json_text", status=SCHEMA
        ),
        "logprobs": Rule(
            "logprobs",
            f"{READ} CompletionRequest",
            kind="integer",
            range=Range(0),
            out_of_range="unknown",
            status=SCHEMA,
            note="an error together with echo",
        ),
        "top_logprobs": Rule(None, f"{READ}: not a field of CompletionRequest", status=SCHEMA),
    },
    interactions=(
        *SHARED,
        Interaction(
            {"response_format": Typed(("json_schema", "json_object")), "json_schema": "sent"},
            ("json_schema",),
            "not-honoured",
            "the schema of response_format takes its place "
            "(sglang 0.5.20 serving_completions.py _build_sampling_params)",
        ),
    ),
    exclusive=(
        ("response_format", *CONSTRAINTS[2:]),
        CONSTRAINTS[1:],
    ),
)

_RESPONSE_BASE = distribution(RESPONSE)
SGLANG_OPENAI_RESPONSES = Dialect(
    "sglang_openai_responses",
    "SGLang POST /v1/responses",
    "SGLang",
    {
        **_RESPONSE_BASE,
        "temperature": replace(
            _RESPONSE_BASE["temperature"],
            source=f"{READ} ResponsesRequest._DEFAULT_SAMPLING_PARAMS",
            default=0.7,
            from_model=True,
        ),
        "top_p": replace(_RESPONSE_BASE["top_p"], from_model=True),
        "top_k": replace(_RESPONSE_BASE["top_k"], from_model=True, status=SCHEMA),
        "min_p": replace(_RESPONSE_BASE["min_p"], from_model=True, status=SCHEMA),
        "repetition_penalty": penalty(
            replace(_RESPONSE_BASE["repetition_penalty"], status=SCHEMA), from_model=True
        ),
        **additive(f"{READ} ResponsesRequest"),
        "seed": Rule(None, RESPONSE, note="not forwarded"),
        "max_tokens": Rule(
            "max_output_tokens",
            f"{READ} ResponsesRequest.to_sampling_params",
            range=Range(2),
            default_note="the context less the prompt and a little room",
            rewrites=(
                Rewrite(
                    when=Range(2),
                    plus=-2,
                    reason="two tokens are kept back for the start and end tokens "
                    f"({READ} ResponsesRequest.to_sampling_params)",
                ),
            ),
        ),
        "response_format": Rule(
            "text.format", f"{READ} _json_schema_from_text_format", form="flat_format"
        ),
        "logprobs": Rule(None, READ, note="asked for with include: [message.output_text.logprobs]"),
        "top_logprobs": Rule(
            "top_logprobs",
            f"{READ}; serving_responses.py L516",
            range=Range(0),
            out_of_range="unknown",
            default=0,
            evidence="unknown",
            note="acts only with include: [message.output_text.logprobs]",
            status=SCHEMA,
        ),
        **thinking(f"{READ} ResponsesRequest"),
        "reasoning_effort": Rule(
            "reasoning.effort",
            f"{READ} ResponseReasoningParam",
            values=EFFORTS,
            status=SCHEMA,
            note="medium where reasoning is there without an effort",
        ),
        "parallel_tool_calls": Rule(
            "parallel_tool_calls", f"{READ} ResponsesRequest", default=True, status=SCHEMA
        ),
    },
    interactions=(NO_EFFORT, *forced_tools("response_format")),
)

_AT = "sampling_params."
_NATIVE_BASE = distribution(SAMPLING, _AT)
SGLANG_NATIVE = Dialect(
    "sglang_native",
    "SGLang POST /generate",
    "SGLang",
    {
        **_NATIVE_BASE,
        "repetition_penalty": penalty(_NATIVE_BASE["repetition_penalty"], from_model=False),
        **more(SAMPLING, _AT, null="default"),
        "seed": Rule(
            f"{_AT}sampling_seed",
            "sglang 0.5.23 srt/sampling/sampling_batch_info.py L157-172",
            range=Range(-(2**63), 2**63 - 1),
            default=42,
            needs=SEED,
            note=SEED_NOTE,
        ),
        "max_tokens": Rule(
            f"{_AT}max_new_tokens",
            f"{SAMPLING} L149; srt/managers/scheduler.py L2695-2740",
            range=Range(0),
            default=128,
            null="refused",
            note="null would take the limit away, so null is not sent",
        ),
        "min_tokens": Rule(f"{_AT}min_new_tokens", f"{SAMPLING} L164", range=Range(0), default=0),
        "json_schema": Rule(
            f"{_AT}json_schema", f"{SAMPLING} L237-241, L320-329", form="json_text"
        ),
        "structural_tag": Rule(f"{_AT}structural_tag", f"{SAMPLING} L320-329", form="json_text"),
        "beam_width": Rule(
            f"{_AT}beam_width",
            f"{SAMPLING} L166-168",
            range=Range(1),
            note="n is then how many beams come back",
        ),
        "logprobs": Rule(
            "return_logprob",
            "sglang 0.5.20 srt/managers/io_struct.py L226",
            default=False,
            status=SCHEMA,
        ),
        "top_logprobs": Rule(
            "top_logprobs_num",
            "sglang 0.5.20 srt/managers/io_struct.py L231",
            range=Range(0),
            out_of_range="unknown",
            default=0,
            status=SCHEMA,
        ),
    },
    unknown_fields="refused",
    interactions=(*SHARED, LOGPROBS, *BEAMS),
    exclusive=(CONSTRAINTS[1:],),
)
