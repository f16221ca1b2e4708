"""vLLM's OpenAI routes, as read in 0.33.0 and, where a source says so, in 0.32.0."""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rule
from evenhand_proxy.decoding.dialect_vllm_rules import (
    BESIDE_TEXT,
    CHAT,
    COMPLETION,
    CONSTRAINTS,
    EFFORT,
    FORMAT_WINS,
    GENERATED,
    NAMED_TOOL,
    ONE,
    READ,
    RESPONSE,
    SAMPLING,
    SCHEMA,
    TOP_LOGPROBS,
    distribution,
    empty,
    generated,
    template,
)

VLLM_OPENAI = Dialect(
    "vllm_openai",
    "vLLM POST /v1/chat/completions",
    "vLLM",
    {
        **distribution(),
        **generated(),
        "n": Rule("n", f"{SAMPLING} L56-60", range=Range(1, 16384), default=1),
        "max_tokens": Rule(
            "max_completion_tokens",
            "vllm 0.33.0 vllm/entrypoints/serve/utils/api_utils.py L234-270; "
            "chat_completion/serving.py L180-186",
            accepts=("max_tokens",),
            range=Range(1),
            from_model=True,
            default_note="the rest of the context",
            note="max_new_tokens of a configured folder or override is a hard cap",
        ),
        "logprobs": Rule(
            "logprobs", CHAT, default=False, note="before temperature, unless --logprobs-mode"
        ),
        "top_logprobs": Rule("top_logprobs", CHAT, range=Range(0, 20), default=0),
        **template(CHAT, "reasoning_effort"),
        "continue_final_message": Rule(
            "continue_final_message", READ, default=False, null="refused", status=SCHEMA
        ),
    },
    interactions=(*GENERATED, *FORMAT_WINS, *NAMED_TOOL, TOP_LOGPROBS, *EFFORT),
    exclusive=ONE,
)

VLLM_OPENAI_COMPLETIONS = Dialect(
    "vllm_openai_completions",
    "vLLM POST /v1/completions",
    "vLLM",
    {
        **distribution(),
        **generated(),
        "n": Rule("n", f"{SAMPLING} L56-60", range=Range(1, 16384), default=1, null="refused"),
        "max_tokens": Rule(
            "max_tokens",
            COMPLETION,
            range=Range(1),
            default=16,
            note="0 is taken together with echo only",
        ),
        "logprobs": Rule(
            "logprobs",
            f"{COMPLETION}; {SAMPLING}",
            kind="integer",
            range=Range(0, 20),
            note="before temperature, unless --logprobs-mode",
        ),
        "top_logprobs": Rule(None, f"{COMPLETION}: not a field", status=SCHEMA),
    },
    interactions=(*GENERATED, *FORMAT_WINS),
    exclusive=ONE,
)

VLLM_OPENAI_RESPONSES = Dialect(
    "vllm_openai_responses",
    "vLLM POST /v1/responses",
    "vLLM",
    {
        **distribution(),
        "n": Rule(None, f"{RESPONSE}: not a field", status=SCHEMA),
        "max_tokens": Rule(
            "max_output_tokens",
            f"{RESPONSE}.to_sampling_params",
            range=Range(1),
            from_model=True,
            default_note="the rest of the context",
        ),
        "response_format": Rule(
            "text.format", f"{RESPONSE}.extract_structured_outputs", form="flat_format"
        ),
        "logprobs": Rule(
            None, RESPONSE, note="asked for with include: [message.output_text.logprobs]"
        ),
        "top_logprobs": Rule(
            "top_logprobs",
            f"{RESPONSE}.to_sampling_params",
            range=Range(0, 20),
            out_of_range="unknown",
            default=0,
            evidence="unknown",
            note="acts, and is checked, only with include: [message.output_text.logprobs]",
            status=SCHEMA,
        ),
        **template(RESPONSE, "reasoning.effort"),
    },
    interactions=(
        empty("stop", [""]),
        Interaction(
            {"stop": ("",)},
            ("stop",),
            "not-honoured",
            f"an empty string counts as none ({RESPONSE}.to_sampling_params)",
        ),
        *BESIDE_TEXT,
        *EFFORT,
    ),
    exclusive=(CONSTRAINTS,),
)
