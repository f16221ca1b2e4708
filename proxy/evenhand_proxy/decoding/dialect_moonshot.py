"""Moonshot's Kimi API: models that sample, models whose values are fixed, and the Anthropic route.

Nothing here was tried against the live service.
"""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule

_DOCS = "platform.kimi.com/docs/api/models-overview"
_CHAT = "platform.kimi.com/docs/api/chat"
_README = "Kimi-K2@c6157be8 README L655"
_ROUTE = "Moonshot POST /v1/chat/completions"
_UNREAD = "from the vendor's API reference, not read again for this table"
_PARTLY = "32768 for the thinking models is not verified"
_FOLLOWED = "Anthropic's Messages API, which the route follows"
_TAKEN_OVER = "taken over from Anthropic's API, not verified for this route"
_FIXED = "Kimi K2.5 and K2.6 take this value only"
_GREEDY = {False: {"temperature": 0}, True: {}}

_SHARED = {
    "stop": Rule("stop", _DOCS, range=Range(0, 5), note="32 bytes each at most"),
    "max_tokens": Rule(
        "max_tokens",
        _DOCS,
        accepts=("max_completion_tokens",),
        range=Range(1),
        by_model=(("*thinking*", 32768), ("*kimi-k2.[56]*", 32768)),
        default=1024,
        note="a low hidden default that cuts answers short",
        status=_PARTLY,
    ),
    "response_format": Rule(
        "response_format",
        _CHAT,
        values=({"type": "text"}, {"type": "json_object"}),
        out_of_range="unknown",
        default_note="plain text",
        status=_UNREAD,
    ),
    "tool_choice": Rule(
        "tool_choice", _CHAT, default_note="auto where there are tools", status=_UNREAD
    ),
}

MOONSHOT_KIMI = Dialect(
    "moonshot_kimi",
    _ROUTE,
    "Moonshot",
    {
        **_SHARED,
        "temperature": Rule(
            "temperature",
            _DOCS,
            range=Range(0, 1),
            by_model=(
                ("*kimi-k2-thinking*", 1.0),
                ("*kimi-k2*", 0.6),
                ("*moonshot-v1*", 0.0),
            ),
            default_note="set for each model",
        ),
        "top_p": Rule(
            "top_p",
            _DOCS,
            range=Range(0, 1),
            by_model=(("*kimi-k2*", 1.0),),
            default_note="set for each model",
        ),
        "do_sample": Rule(None, f"{_CHAT}: not a field", unsupported="unknown", equivalent=_GREEDY),
        "top_k": Rule(
            None, f"{_CHAT}: not a field", unsupported="unknown", equivalent={1: {"temperature": 0}}
        ),
        "n": Rule("n", _DOCS, range=Range(1, 5), default=1),
        "presence_penalty": Rule("presence_penalty", _DOCS, range=Range(-2, 2), default=0.0),
        "frequency_penalty": Rule("frequency_penalty", _DOCS, range=Range(-2, 2), default=0.0),
    },
    unknown_fields="unknown",
    interactions=(
        Interaction(
            when={"temperature": Range(0, 0), "n": Range(2)},
            on=("n",),
            outcome="refused",
            reason=f"near temperature 0 there is one answer; how near is not documented ({_DOCS})",
        ),
    ),
)

MOONSHOT_KIMI_FIXED = Dialect(
    "moonshot_kimi_fixed",
    f"{_ROUTE} for Kimi K2.5 and K2.6",
    "Moonshot",
    {
        **_SHARED,
        "temperature": Rule(
            "temperature",
            _DOCS,
            values=(1.0, 0.6),
            default_note="1.0 while thinking, 0.6 without",
        ),
        "top_p": Rule("top_p", _DOCS, values=(0.95,), default=0.95, note=_FIXED),
        "do_sample": Rule(
            None,
            f"{_DOCS}: no greedy can be asked for",
            unsupported="unknown",
            equivalent={True: {}},
        ),
        "n": Rule("n", _DOCS, values=(1,), default=1, note=_FIXED),
        "presence_penalty": Rule("presence_penalty", _DOCS, values=(0,), default=0.0, note=_FIXED),
        "frequency_penalty": Rule(
            "frequency_penalty", _DOCS, values=(0,), default=0.0, note=_FIXED
        ),
        "thinking": Rule("thinking.type", _DOCS, form="switch", default=True),
    },
    unknown_fields="unknown",
    interactions=(
        Interaction(
            when={"thinking": (True,)},
            on=("temperature",),
            outcome="honoured",
            reason=f"the fixed value while thinking ({_DOCS})",
            defaults={"temperature": 1.0},
        ),
        Interaction(
            when={"thinking": (False,)},
            on=("temperature",),
            outcome="honoured",
            reason=f"the fixed value without thinking ({_DOCS})",
            defaults={"temperature": 0.6},
        ),
        Interaction(
            when={"thinking": (True,), "temperature": (0.6,)},
            on=("temperature",),
            outcome="refused",
            reason=f"the temperature is fixed at 1.0 while thinking ({_DOCS})",
        ),
        Interaction(
            when={"thinking": (False,), "temperature": Range(1, 1)},
            on=("temperature",),
            outcome="refused",
            reason=f"the temperature is fixed at 0.6 without thinking ({_DOCS})",
        ),
    ),
)

MOONSHOT_ANTHROPIC_ROUTE = Dialect(
    "moonshot_anthropic_route",
    "Moonshot POST /anthropic/v1/messages",
    "Moonshot",
    {
        "temperature": Rule(
            "temperature",
            _README,
            range=Range(0, 1),
            out_of_range="unknown",
            rewrites=(
                Rewrite(
                    when=Range(0, open="minimum"),
                    times=0.6,
                    action="not-honoured",
                    reason=f"the route hands the model 0.6 times the temperature ({_README})",
                ),
            ),
            default_note="not documented for this route",
        ),
        "max_tokens": Rule(
            "max_tokens",
            _FOLLOWED,
            range=Range(1),
            out_of_range="unknown",
            required=4096,
            status=_TAKEN_OVER,
        ),
        "stop": Rule(
            "stop_sequences",
            _FOLLOWED,
            form="list",
            status=_TAKEN_OVER,
        ),
        "top_p": Rule(
            "top_p",
            _FOLLOWED,
            range=Range(0, 1),
            out_of_range="unknown",
            evidence="unknown",
            note="not documented for this route",
            status=_TAKEN_OVER,
        ),
        "do_sample": Rule(
            None, f"{_README}: not a field", unsupported="unknown", equivalent=_GREEDY
        ),
        "tool_choice": Rule(
            "tool_choice",
            _FOLLOWED,
            form="any_tool",
            status=_TAKEN_OVER,
        ),
    },
    unknown_fields="unknown",
)
