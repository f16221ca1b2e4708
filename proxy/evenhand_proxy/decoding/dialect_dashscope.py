"""DashScope (Alibaba Model Studio), OpenAI-compatible: defaults that differ by model and by mode.

Nothing here was tried against the live service. Clients of OpenAI's API never see that DashScope
truncates to 20 tokens and penalises repetition where they ask for neither.
"""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule

_DOCS = "help.aliyun.com, Qwen API reference"
_UNREAD = "from the vendor's API reference, not read again for this table"
_BY_MODE = "set for each model, and another one while thinking"
_ROUTE = "DashScope POST /compatible-mode/v1/chat/completions"
_OFF = 101
_GREEDY = {False: {"temperature": 0}, True: {}}

_SHARED = {
    "do_sample": Rule(None, f"{_DOCS}: not a field", unsupported="unknown", equivalent=_GREEDY),
    "frequency_penalty": Rule(
        None,
        f"{_DOCS}: not listed",
        unsupported="unknown",
        status="that it is not listed is verified, the server's reaction is not",
    ),
    "max_tokens": Rule(
        "max_tokens",
        _DOCS,
        accepts=("max_completion_tokens",),
        range=Range(1),
        default_note="the model's limit",
        note="max_tokens leaves thinking out of the count on most models, max_completion_tokens "
        "counts it",
    ),
    "n": Rule(
        "n",
        _DOCS,
        range=Range(1, 4),
        default=1,
        note="more than 1 for Qwen3 without thinking and few others, and never with tools",
    ),
    "seed": Rule("seed", _DOCS, range=Range(0, 2**31 - 1), default_note="random for each request"),
    "stop": Rule("stop", _DOCS),
    "thinking_budget": Rule(
        "thinking_budget", _DOCS, range=Range(0), default_note="the model's limit"
    ),
    "reasoning_effort": Rule(
        "reasoning_effort",
        _DOCS,
        evidence="unknown",
        note="which models and levels it takes was not found",
        status="the Qwen API reference names it only as an error beside a thinking_budget",
    ),
    "response_format": Rule(
        "response_format",
        _DOCS,
        default_note="plain text",
        note="json_object is an error unless the prompt holds the word json; thinking models "
        "take fewer forms",
    ),
    "json_schema": Rule("response_format", _DOCS, form="schema_format"),
    "logprobs": Rule(
        "logprobs",
        _DOCS,
        default=False,
        note="snapshot models only",
        status="the range is not verified",
    ),
    "top_logprobs": Rule(
        "top_logprobs", _DOCS, range=Range(0, 5), status="the range is not verified"
    ),
    "tool_choice": Rule(
        "tool_choice", _DOCS, default_note="auto where there are tools", status=_UNREAD
    ),
    "parallel_tool_calls": Rule(
        "parallel_tool_calls",
        _DOCS,
        default=False,
        note="the opposite of OpenAI's default",
        status="unverified",
    ),
}


def _temperature(defaults: tuple[tuple[str, float], ...]) -> Rule:
    return Rule(
        "temperature",
        _DOCS,
        range=Range(0, 2, open="maximum"),
        by_model=defaults,
        default_note=_BY_MODE,
        note="the documents advise against 0",
    )


def _top_p(defaults: tuple[tuple[str, float], ...]) -> Rule:
    return Rule(
        "top_p",
        _DOCS,
        range=Range(0, 1, open="minimum"),
        by_model=defaults,
        default_note=_BY_MODE,
    )


def _top_k(defaults: tuple[tuple[str, int], ...], note: str) -> Rule:
    return Rule(
        "top_k",
        _DOCS,
        range=Range(0),
        null="refused",
        translate={0: _OFF, -1: _OFF},
        by_model=defaults,
        default_note="set for each model",
        rewrites=(
            Rewrite(
                when=Range(_OFF),
                becomes=-1,
                action="converted",
                reason=f"above 100 there is no top_k truncation ({_DOCS})",
            ),
        ),
        note=note,
    )


def _repetition_penalty(defaults: tuple[tuple[str, float], ...]) -> Rule:
    return Rule(
        "repetition_penalty",
        _DOCS,
        range=Range(0, open="minimum"),
        by_model=defaults,
        default_note="set for each model",
        note="a hidden default that acts on clients of OpenAI's API too",
        status="1.05 holds for most Qwen models; which are the others was not listed in full",
    )


def _presence_penalty(defaults: tuple[tuple[str, float], ...]) -> Rule:
    return Rule(
        "presence_penalty",
        _DOCS,
        range=Range(-2, 2),
        by_model=defaults,
        default_note="set for each model and mode: 1.5 for Qwen3 without thinking, not 0",
    )


def _thinking(defaults: tuple[tuple[str, bool], ...]) -> Rule:
    return Rule(
        "enable_thinking",
        _DOCS,
        by_model=defaults,
        default_note="set for each model",
        note="an error without streaming on some open models",
        status="partly verified: the default of each model was not found",
    )


_ONE_ANSWER = Interaction(
    when={"thinking": (True,), "n": Range(2)},
    on=("n",),
    outcome="refused",
    reason=f"there is one answer while thinking ({_DOCS})",
)
_ONE_BUDGET = (("thinking_budget", "reasoning_effort"),)
_QWEN = {
    **_SHARED,
    "temperature": _temperature((("*qvq*", 0.5), ("*qwen*math*", 0.0), ("*qwen3*instruct*", 0.7))),
    "top_p": _top_p((("*qwen3*instruct*", 0.8),)),
    "top_k": _top_k(
        (("*qwq*", 40), ("*qvq*", 10), ("*qwen*", 20)),
        "null would switch it off; 0 does that too",
    ),
    "repetition_penalty": _repetition_penalty(
        (("*qwen3.8*", 1.0), ("*qwen*max*", 1.0), ("*qwq*", 1.0), ("*qwen*", 1.05))
    ),
    "presence_penalty": _presence_penalty((("*qwen3*instruct*", 1.5),)),
    "thinking": _thinking((("*qwen3*thinking*", True), ("qwen3-[0-9]*b", True))),
}

DASHSCOPE_QWEN = Dialect(
    "dashscope_qwen",
    f"{_ROUTE} for Qwen",
    "DashScope",
    _QWEN,
    unknown_fields="unknown",
    interactions=(
        Interaction(
            when={"thinking": (True,)},
            on=("temperature", "top_p"),
            outcome="honoured",
            reason=f"the default while thinking ({_DOCS})",
            defaults={"temperature": 0.6, "top_p": 0.95},
        ),
        Interaction(
            when={"thinking": (False,)},
            on=("temperature", "top_p", "presence_penalty"),
            outcome="honoured",
            reason=f"the default without thinking ({_DOCS})",
            defaults={"temperature": 0.7, "top_p": 0.8, "presence_penalty": 1.5},
        ),
        _ONE_ANSWER,
    ),
    exclusive=_ONE_BUDGET,
)

DASHSCOPE_QWEN38 = Dialect(
    "dashscope_qwen38",
    f"{_ROUTE} for Qwen3.8",
    "DashScope",
    _QWEN,
    unknown_fields="unknown",
    interactions=(
        Interaction(
            when={"thinking": (True,)},
            on=("temperature", "top_p"),
            outcome="honoured",
            reason=f"the default while thinking ({_DOCS})",
            defaults={"temperature": 1.0, "top_p": 0.95},
        ),
        Interaction(
            when={"thinking": (True,), "temperature": Range(maximum=0.6, open="maximum")},
            on=("temperature",),
            outcome="not-honoured",
            reason=f"while thinking a temperature below 0.6 is raised to 0.6 ({_DOCS})",
            defaults={"temperature": 0.6},
        ),
        _ONE_ANSWER,
    ),
    exclusive=_ONE_BUDGET,
)

_OTHERS = {
    **_SHARED,
    "temperature": _temperature(
        (
            ("zhipu/glm-5*", 0.6),
            ("*glm-4.5*", 0.6),
            ("*glm-4.[67]*", 1.0),
            ("*glm-5*", 1.0),
            ("*kimi-k2-thinking*", 1.0),
            ("*kimi-k2-instruct*", 0.6),
        )
    ),
    "top_p": _top_p((("*glm*", 0.95),)),
    "top_k": _top_k((), "null would switch it off; 0 does that too"),
    "repetition_penalty": _repetition_penalty((("*glm*", 1.0),)),
    "presence_penalty": _presence_penalty((("*deepseek-r1*", 1.0),)),
    "thinking": _thinking(()),
}

DASHSCOPE_SUPPLIERS = Dialect(
    "dashscope_suppliers",
    f"{_ROUTE} for models of other makers",
    "DashScope",
    _OTHERS,
    unknown_fields="unknown",
    interactions=(_ONE_ANSWER,),
    exclusive=_ONE_BUDGET,
)

DASHSCOPE_WITHOUT_TOP_K = replace(
    DASHSCOPE_SUPPLIERS,
    name="dashscope_without_top_k",
    title=f"{_ROUTE} for DeepSeek, Kimi and MiniMax",
    rules={
        **_OTHERS,
        "top_k": Rule(
            None,
            f"{_DOCS}: these models do not support it",
            unsupported="unknown",
            equivalent={1: {"temperature": 0}},
        ),
    },
)
