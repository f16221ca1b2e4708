"""DeepSeek's API: what thinking takes out of play, and the model whose temperature it rescales.

Nothing here was tried against the live service.
"""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule

_DOCS = "api-docs.deepseek.com, reasoning model and thinking mode pages"
_CREATE = "api-docs.deepseek.com, create chat completion"
_UNREAD = "from the vendor's API reference, not read again for this table"
_CARD = "the model card of deepseek-ai/DeepSeek-V3-0324"
_NO_LOGPROBS = f"while thinking there are no log probabilities ({_DOCS}, of the R1 era)"
_GREEDY = {False: {"temperature": 0}, True: {}}


def _absent(*names: str) -> dict[str, Rule]:
    return {
        name: Rule(
            None,
            f"{_CREATE}: not a field",
            unsupported="unknown",
            status="that it is no field is verified, the server's reaction is not",
        )
        for name in names
    }


_RULES = {
    "temperature": Rule("temperature", _DOCS, range=Range(0, 2), default=1.0),
    "top_p": Rule("top_p", _DOCS, range=Range(0, 1), default=1.0),
    "do_sample": Rule(None, f"{_CREATE}: not a field", unsupported="unknown", equivalent=_GREEDY),
    "presence_penalty": Rule("presence_penalty", _DOCS, range=Range(-2, 2), default=0.0),
    "frequency_penalty": Rule("frequency_penalty", _DOCS, range=Range(-2, 2), default=0.0),
    "max_tokens": Rule(
        "max_tokens",
        _DOCS,
        range=Range(1),
        by_model=(("*reasoner*", 32768),),
        default_note="set for each model",
        note="thinking counts; deepseek-reasoner takes 65536 at most",
    ),
    "stop": Rule("stop", _DOCS, range=Range(0, 16)),
    "logprobs": Rule("logprobs", _DOCS, default=False),
    "top_logprobs": Rule("top_logprobs", _DOCS, range=Range(0, 20)),
    "response_format": Rule(
        "response_format",
        _CREATE,
        values=({"type": "text"}, {"type": "json_object"}),
        out_of_range="unknown",
        default_note="plain text",
        status=_UNREAD,
    ),
    "json_schema": Rule(
        None,
        f"{_CREATE}: response_format is text or json_object",
        unsupported="unknown",
        note="a response_format of json_object asks for JSON without a schema",
        status=_UNREAD,
    ),
    "tool_choice": Rule(
        "tool_choice", _CREATE, default_note="auto where there are tools", status=_UNREAD
    ),
    "thinking": Rule(
        "thinking.type",
        _DOCS,
        form="switch",
        by_model=(("*deepseek-v4*", True), ("*reasoner*", True), ("*deepseek-chat*", False)),
        default_note="the model's name decides",
        status="secondary source for DeepSeek V4",
    ),
    "reasoning_effort": Rule(
        "reasoning_effort",
        _DOCS,
        by_model=(("*deepseek-v4*", "high"), ("*reasoner*", "high")),
        evidence="unknown",
        note="levels are folded: an older page makes low and medium high, a newer one makes "
        "medium and xhigh high and leaves low alone",
        status="secondary source; conflicting documents",
    ),
    **_absent("n", "seed", "logit_bias", "min_p", "repetition_penalty"),
    "top_k": replace(_absent("top_k")["top_k"], equivalent={1: {"temperature": 0}}),
}
_WHILE_THINKING = (
    Interaction(
        when={"thinking": (True,)},
        on=("temperature", "presence_penalty", "frequency_penalty"),
        outcome="not-honoured",
        reason=f"while thinking it is accepted without effect ({_DOCS})",
    ),
    Interaction(
        when={"thinking": (True,)},
        on=("top_p",),
        outcome="not-honoured",
        reason="while thinking it has no effect by older documents, and is at least 0.95 by "
        f"newer ones ({_DOCS})",
    ),
    Interaction(
        when={"thinking": (True,), "logprobs": (True,)},
        on=("logprobs",),
        outcome="refused",
        reason=_NO_LOGPROBS,
    ),
    Interaction(
        when={"thinking": (True,), "top_logprobs": "sent"},
        on=("top_logprobs",),
        outcome="refused",
        reason=_NO_LOGPROBS,
    ),
)

DEEPSEEK_API = Dialect(
    "deepseek_api",
    "DeepSeek POST /chat/completions",
    "DeepSeek",
    _RULES,
    unknown_fields="unknown",
    interactions=_WHILE_THINKING,
)

DEEPSEEK_REASONER = Dialect(
    "deepseek_reasoner",
    "DeepSeek POST /chat/completions for deepseek-reasoner",
    "DeepSeek",
    {**_RULES, "max_tokens": replace(_RULES["max_tokens"], range=Range(1, 65536))},
    unknown_fields="unknown",
    interactions=_WHILE_THINKING,
)

DEEPSEEK_V3_0324 = Dialect(
    "deepseek_v3_0324",
    "DeepSeek POST /chat/completions for DeepSeek-V3-0324",
    "DeepSeek",
    {
        **_RULES,
        "temperature": Rule(
            "temperature",
            f"{_DOCS}; {_CARD}",
            range=Range(0, 2),
            default=1.0,
            rewrites=(
                Rewrite(
                    when=Range(0, 1, open="minimum"),
                    times=0.3,
                    action="not-honoured",
                    reason=f"the service hands the model 0.3 times the temperature ({_CARD})",
                ),
                Rewrite(
                    when=Range(1, 2, open="minimum"),
                    plus=-0.7,
                    action="not-honoured",
                    reason=f"the service takes 0.7 off a temperature above 1 ({_CARD})",
                ),
            ),
        ),
    },
    unknown_fields="unknown",
    interactions=_WHILE_THINKING,
)
