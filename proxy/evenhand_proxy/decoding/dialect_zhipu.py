"""Zhipu BigModel and Z.ai, which share one API, and what their Python SDKs make of a request.

Nothing here was tried against the live service. Where the documents do not say what becomes of a
value or a field, the rule says `unknown`.
"""

from dataclasses import replace
from typing import Any

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule

_DOCS = "docs.bigmodel.cn/cn/guide/start/concept-param; docs.z.ai/api-reference/llm/chat-completion"
_SDK = "zai-sdk 0.2.3 zai/api_resource/chat/completions.py"
_CLIPS = f"{_SDK} L101-116; zhipuai 2.1.5.20250825 api_resource/chat/completions.py L56-69"
_UNPROVEN = "the bounds are verified, what the server does outside of them is not"
_PER_MODEL = "set for each model; that of the vision models was not found"
_LEFT_ALONE = "set for each model by the server; the SDK changes only what it is given"
_FROM_46 = ("*glm-4.[67]", "*glm-4.[67]-*", "*glm-5", "*glm-5[.-]*")
_OLDER = ("*glm-z1*", "*glm-4", "*glm-4-*")
_TEXT = {"type": "text"}
_OBJECT = {"type": "json_object"}


def _each(patterns: tuple[str, ...], default: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((pattern, default) for pattern in patterns)


def _absent(*names: str) -> dict[str, Rule]:
    return {
        name: Rule(
            None,
            f"{_DOCS}: not a field",
            unsupported="unknown",
            status="that it is no field is verified, the server's reaction is not",
        )
        for name in names
    }


def _documented() -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            _DOCS,
            range=Range(0, 1),
            by_model=(
                ("*glm-4.5", 0.6),
                ("*glm-4.5-*", 0.6),
                *_each(_FROM_46, 1.0),
                *_each(_OLDER, 0.75),
            ),
            default_note=_PER_MODEL,
            note="two decimals; older pages describe the open interval (0, 1), and one gives "
            "GLM-4 0.95",
            status="the bounds and defaults are verified, the code of the error is not",
        ),
        "top_p": Rule(
            "top_p",
            _DOCS,
            range=Range(0.01, 1),
            out_of_range="unknown",
            by_model=(
                ("*glm-4.5", 0.95),
                ("*glm-4.5-*", 0.95),
                *_each(_FROM_46, 0.95),
                *_each(_OLDER, 0.9),
            ),
            default_note=_PER_MODEL,
            note="an older page gives GLM-4 0.7",
            status=_UNPROVEN,
        ),
        "do_sample": Rule("do_sample", _DOCS, default=True),
        "max_tokens": Rule(
            "max_tokens",
            _DOCS,
            range=Range(1, 131072),
            by_model=(
                ("*glm-4.6v*", 16384),
                ("*glm-4.5", 65536),
                ("*glm-4.5-*", 65536),
                *_each(_FROM_46, 65536),
                ("*glm-4-air-250414*", 16384),
                ("*glm-4-flash-250414*", 32768),
            ),
            default_note="4095, or as the model decides, for glm-4-plus, glm-4-air and glm-4-flash",
            note="GLM-4.5 takes 98304 at most, GLM-4.6 and later 131072",
        ),
        **_documented_shape(),
    }


def _documented_shape() -> dict[str, Rule]:
    return {
        "stop": Rule(
            "stop",
            _DOCS,
            form="list",
            range=Range(0, 1),
            out_of_range="unknown",
            note="newer pages allow four strings",
            status="conflicting documents: one string, or up to four",
        ),
        "seed": Rule(
            "seed",
            f"{_SDK}: an argument; {_DOCS}: not listed",
            evidence="unknown",
            note="the SDK has the argument, the API reference does not list it",
            status="unverified server behaviour",
        ),
        "response_format": Rule(
            "response_format",
            _DOCS,
            values=(_TEXT, _OBJECT),
            out_of_range="unknown",
            default_note="plain text",
            note="json_schema is not documented",
        ),
        "json_schema": Rule(
            None,
            f"{_DOCS}: response_format is text or json_object",
            unsupported="unknown",
            note="a response_format of json_object asks for JSON without a schema",
        ),
        "tool_choice": Rule(
            "tool_choice", _DOCS, values=("auto",), out_of_range="unknown", default="auto"
        ),
        "thinking": Rule(
            "thinking.type",
            _DOCS,
            form="switch",
            by_model=(("*glm-4.5*", True), ("*glm-4.6v*", True), *_each(_FROM_46, True)),
            default_note="models before GLM-4.5 do not think",
            note="GLM-4.5 and GLM-4.6 decide for themselves when it is on, GLM-4.7 and GLM-4.5V "
            "always think then",
        ),
        "reasoning_effort": Rule(
            "reasoning_effort",
            f"{_SDK}, the docstring",
            values=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            out_of_range="unknown",
            evidence="unknown",
            note="which levels a model tells apart was not found",
        ),
    }


ZHIPU_GLM = Dialect(
    "zhipu_glm",
    "Zhipu and Z.ai POST /paas/v4/chat/completions",
    "Zhipu",
    {
        **_documented(),
        **_absent(
            "n",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "min_p",
            "parallel_tool_calls",
        ),
        "top_k": replace(_absent("top_k")["top_k"], equivalent={1: {"do_sample": False}}),
    },
    unknown_fields="unknown",
    interactions=(
        Interaction(
            when={"do_sample": (False,)},
            on=("temperature", "top_p"),
            outcome="not-honoured",
            reason=f"do_sample false is greedy: temperature and top_p have no effect ({_DOCS})",
            defaults={"temperature": 0, "top_p": 1},
        ),
    ),
)

_EFFORT_IGNORED = Interaction(
    when={"reasoning_effort": "sent"},
    on=("reasoning_effort",),
    outcome="not-honoured",
    reason=f"models before GLM-5.2 ignore it ({_SDK}, the docstring)",
)

ZHIPU_GLM_EARLIER = replace(
    ZHIPU_GLM,
    name="zhipu_glm_earlier",
    title=f"{ZHIPU_GLM.title} for models before GLM-5.2",
    interactions=(*ZHIPU_GLM.interactions, _EFFORT_IGNORED),
)

ZHIPU_GLM_45 = replace(
    ZHIPU_GLM_EARLIER,
    name="zhipu_glm_45",
    title=f"{ZHIPU_GLM.title} for GLM-4.5",
    rules={
        **ZHIPU_GLM.rules,
        "max_tokens": replace(ZHIPU_GLM.rules["max_tokens"], range=Range(1, 98304)),
    },
)

ZHIPU_SDK_REWRITES = Dialect(
    "zhipu_sdk_rewrites",
    "the Python SDKs zai-sdk and zhipuai, chat.completions.create",
    "the SDK",
    {
        **_documented(),
        "temperature": Rule(
            "temperature",
            _CLIPS,
            default_note=_LEFT_ALONE,
            rewrites=(
                Rewrite(
                    when=Range(0, 0),
                    becomes=0.01,
                    action="converted",
                    sets={"do_sample": False},
                    reason="the SDK sends 0 as do_sample false with temperature 0.01",
                ),
                Rewrite(
                    when=Range(maximum=0, open="maximum"),
                    becomes=0.01,
                    sets={"do_sample": False},
                    reason="the SDK sends a negative temperature as do_sample false with 0.01",
                ),
                Rewrite(
                    when=Range(1),
                    becomes=0.99,
                    reason="the SDK lowers a temperature of 1 and more to 0.99",
                ),
            ),
        ),
        "top_p": Rule(
            "top_p",
            _CLIPS,
            default_note=_LEFT_ALONE,
            rewrites=(
                Rewrite(
                    when=Range(1),
                    becomes=0.99,
                    reason="the SDK lowers a top_p of 1 and more to 0.99",
                ),
                Rewrite(
                    when=Range(maximum=0),
                    becomes=0.01,
                    reason="the SDK raises a top_p of 0 and less to 0.01",
                ),
            ),
        ),
    },
    unknown_fields="refused",
)
