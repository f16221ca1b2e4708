"""What litellm 1.109.1 makes of requests, and what the record must say of it; written by hand."""

from typing import Any

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
THINKING_OFF = {"thinking": {"type": "disabled"}}
THINKING_5000 = {"thinking": {"type": "enabled", "budget_tokens": 5000}}

MODELS = {
    "claude": ("anthropic", "anthropic/claude-sonnet-4-5"),
    "deepseek": ("deepseek", "deepseek/deepseek-chat"),
    "gemini": ("gemini", "gemini/gemini-2.5-flash"),
    "gemini-3": ("gemini", "gemini/gemini-3-pro-preview"),
    "glm": ("zhipu", "zai/glm-4.6"),
    "glm-5": ("zhipu", "bigmodel/glm-5.3"),
    "gpt-5": ("openai", "openai/gpt-5-mini"),
    "kimi": ("moonshot", "moonshot/kimi-k2-0905-preview"),
    "kimi-2.5": ("moonshot", "moonshot/kimi-k2.5"),
    "llama": ("ollama", "ollama_chat/llama3"),
    "mistral": ("mistral", "mistral/mistral-small-latest"),
    "qwen": ("dashscope", "dashscope/qwen3-max"),
    "vllm": ("vllm", "hosted_vllm/glm-4"),
}

Said = tuple[str, Any, Any, str]
Case = tuple[str, dict[str, Any], dict[str, Any], dict[str, Said]]
"""Model, request, the parameters that arrive, and for each parameter its record: action, requested,
sent (None where nothing is), and words of its reason."""

CASES: list[Case] = [
    # passed on
    ("glm", {"temperature": 0}, {"temperature": 0}, {"temperature": ("passed", 0, 0, "")}),
    (
        "glm",
        {"do_sample": False, **THINKING_OFF},
        {"do_sample": False, **THINKING_OFF},
        {"thinking": ("passed", "disabled", "disabled", "")},
    ),
    (
        "claude",
        {"stop_sequences": ["a"], "top_k": 0, "max_tokens": 9},
        {"stop_sequences": ["a"], "top_k": 0, "max_tokens": 9},
        {"stop": ("passed", ["a"], ["a"], ""), "top_k": ("passed", 0, 0, "")},
    ),
    # left out by us, because the provider has no such parameter
    (
        "glm",
        {"top_k": 5, "n": 2, "presence_penalty": 0, "temperature": 0},
        {"temperature": 0},
        {
            "top_k": ("dropped", 5, None, "has no top_k"),
            "n": ("dropped", 2, None, "has no n"),
            "presence_penalty": ("dropped", 0, None, "has no presence_penalty"),
        },
    ),
    (
        "gpt-5",
        {"stop": ["a"]},
        {},
        {"stop": ("dropped", ["a"], None, "takes no stop|take no stop")},
    ),
    (
        "claude",
        {"seed": 0, "max_tokens": 9},
        {"max_tokens": 9},
        {"seed": ("dropped", 0, None, "has no seed")},
    ),
    (
        "deepseek",
        THINKING_5000,
        {"thinking": {"type": "enabled"}},
        {"thinking_budget": ("dropped", 5000, None, "has no thinking_budget")},
    ),
    (
        "glm",
        {"max_tokens": 9, "max_completion_tokens": 8},
        {"max_tokens": 8},
        {"max_tokens": ("converted", 8, 8, "wins over max_tokens=9")},
    ),
    # left out by litellm
    (
        "kimi-2.5",
        {"temperature": 0.6},
        {},
        {"temperature": ("dropped", 0.6, None, "litellm left it out")},
    ),
    (
        "claude",
        {"response_format": {"type": "json_object"}, "max_tokens": 9},
        {"max_tokens": 9},
        {"response_format": ("dropped", {"type": "json_object"}, None, "litellm left it out")},
    ),
    (
        "gemini-3",
        {"presence_penalty": 0.5},
        {},
        {"presence_penalty": ("dropped", 0.5, None, "litellm")},
    ),
    (
        "kimi",
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL]},
        {
            "tool_choice": (
                "dropped",
                "required",
                None,
                "litellm left it out without a word, and changed the messages",
            )
        },
    ),
    # renamed
    (
        "gpt-5",
        {"max_tokens": 9},
        {"max_completion_tokens": 9},
        {"max_tokens": ("renamed", 9, 9, "litellm writes it as max_completion_tokens")},
    ),
    (
        "mistral",
        {"seed": 0},
        {"random_seed": 0},
        {"seed": ("renamed", 0, 0, "litellm writes it as random_seed")},
    ),
    (
        "llama",
        {"max_tokens": 9, "temperature": 0, "repetition_penalty": 1.1},
        {"options": {"num_predict": 9, "temperature": 0, "repeat_penalty": 1.1}},
        {
            "max_tokens": ("renamed", 9, 9, "litellm writes it as options.num_predict"),
            "repetition_penalty": (
                "renamed",
                1.1,
                1.1,
                "litellm writes it as options.repeat_penalty",
            ),
        },
    ),
    (
        "gemini",
        {"n": 2, "max_tokens": 9, "top_k": 5, "seed": 0, "stop": "x"},
        {
            "generationConfig": {
                "candidate_count": 2,
                "max_output_tokens": 9,
                "top_k": 5,
                "seed": 0,
                "stop_sequences": ["x"],
            }
        },
        {
            "n": ("renamed", 2, 2, "litellm writes it as generationConfig.candidate_count"),
            "stop": ("renamed", "x", ["x"], "litellm writes it as generationConfig.stop_sequences"),
        },
    ),
    (
        "vllm",
        THINKING_OFF,
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"thinking": ("renamed", "disabled", False, "chat_template_kwargs.enable_thinking")},
    ),
    (
        "qwen",
        THINKING_OFF,
        {"enable_thinking": False},
        {"thinking": ("renamed", "disabled", False, "enable_thinking")},
    ),
    # changed by litellm
    (
        "kimi",
        {"temperature": 1.5},
        {"temperature": 1},
        {"temperature": ("converted", 1.5, 1, "litellm wrote 1 for 1.5")},
    ),
    (
        "kimi",
        {"temperature": 0, "n": 2},
        {"temperature": 0.3, "n": 2},
        {"temperature": ("converted", 0, 0.3, "litellm wrote 0.3 for 0")},
    ),
    (
        "mistral",
        {"reasoning_effort": "low"},
        {"reasoning_effort": "high"},
        {"reasoning_effort": ("converted", "low", "high", 'litellm wrote "high" for "low"')},
    ),
    (
        "glm-5",
        THINKING_OFF,
        {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        {
            "thinking": ("converted", "disabled", "enabled", 'litellm wrote "enabled" for false'),
            "reasoning_effort": ("injected", None, "low", "litellm put it on the wire"),
        },
    ),
    (
        "llama",
        {"frequency_penalty": 0},
        {"options": {"repeat_penalty": 0}},
        {
            "frequency_penalty": (
                "converted",
                0,
                None,
                "litellm wrote repetition_penalty=0 for it",
            ),
            "repetition_penalty": (
                "injected",
                None,
                0,
                "litellm put it on the wire for frequency_penalty",
            ),
        },
    ),
    (
        "llama",
        {"reasoning_effort": "low"},
        {"options": {}, "think": True},
        {
            "reasoning_effort": ("converted", "low", None, "litellm wrote thinking=true for it"),
            "thinking": ("injected", None, True, "for reasoning_effort"),
        },
    ),
    (
        "gemini-3",
        {"reasoning_effort": "none"},
        {
            "generationConfig": {
                "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": False}
            }
        },
        {"reasoning_effort": ("converted", "none", "low", 'litellm wrote "low" for "none"')},
    ),
    (
        "gemini",
        {"response_format": JSON_SCHEMA},
        {
            "generationConfig": {
                "response_mime_type": "application/json",
                "response_json_schema": SCHEMA,
            }
        },
        {
            "response_format": ("converted", JSON_SCHEMA, "application/json", "a field of its own"),
            "json_schema": ("injected", None, SCHEMA, "for response_format"),
        },
    ),
    (
        "claude",
        {"response_format": JSON_SCHEMA, "max_tokens": 9},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}, "max_tokens": 9},
        {
            "response_format": ("converted", JSON_SCHEMA, None, "a field of its own"),
            "json_schema": (
                "injected",
                None,
                {"type": "json_schema", "schema": SCHEMA},
                "for response_format",
            ),
        },
    ),
    # added by litellm
    (
        "claude",
        {},
        {"max_tokens": 64000},
        {"max_tokens": ("injected", None, 64000, "nobody asked for it")},
    ),
    (
        "claude",
        {"reasoning_effort": "low"},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 5120},
        {
            "reasoning_effort": ("converted", "low", None, "thinking_budget=1024"),
            "thinking": ("injected", None, "enabled", "for reasoning_effort"),
            "thinking_budget": ("injected", None, 1024, "for reasoning_effort"),
            "max_tokens": ("injected", None, 5120, "nobody asked for it"),
        },
    ),
]
