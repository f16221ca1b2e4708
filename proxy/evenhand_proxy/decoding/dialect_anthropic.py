"""Anthropic's Messages API: older models, models that take one sampler, and the newest ones.

Nothing here was tried against the live service; the reactions are those of its documents and of
error texts that others quote.
"""

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Over, Range, Rule

_TYPED = "anthropic 0.75.0 types/message_create_params.py L150-278"
_NEWEST = "anthropic 2.12.0 types/message_create_params.py, which has no sampling fields any more"
_OUTPUT = "anthropic 2.12.0 types/output_config_param.py"
_GUIDE = "Anthropic's guide to extended thinking"
_FIXED = "models from Opus 4.7 on answer any non-default sampling value with an error"
_SCHEMA_STATUS = "from the SDK's types; which models take it was not verified"
_GREEDY = {False: {"temperature": 0}, True: {}}


def _absent(*names: str) -> dict[str, Rule]:
    return {
        name: Rule(
            None, f"{_TYPED}: not a field, and extra inputs are an error", unsupported="refused"
        )
        for name in names
    }


def _everywhere(route: str) -> dict[str, Rule]:
    return {
        "do_sample": Rule(
            None, f"{_TYPED}: not a field", unsupported="refused", equivalent=_GREEDY
        ),
        "max_tokens": Rule(
            "max_tokens",
            f"{_TYPED}; {_NEWEST}",
            range=Range(0),
            required=4096,
            note=f"{route} demands one; 4096 fits every model, and 0 only warms the cache of the "
            "newest ones",
        ),
        "stop": Rule(
            "stop_sequences",
            _TYPED,
            form="list",
            null="refused",
            note="an entry of nothing but white space is an error",
        ),
        "tool_choice": Rule(
            "tool_choice",
            "anthropic 2.12.0 types/tool_choice_param.py",
            form="any_tool",
            default_note="auto where there are tools",
            status="from the SDK's types",
        ),
        "parallel_tool_calls": Rule(
            "tool_choice.disable_parallel_tool_use",
            "anthropic 2.12.0 types/tool_choice_auto_param.py",
            form="inverted",
            default_note="several calls may come",
            note="it stands inside tool_choice, which must then have its type",
        ),
        "json_schema": Rule(
            "output_config.format", _OUTPUT, form="output_format", status=_SCHEMA_STATUS
        ),
        "reasoning_effort": Rule(
            "output_config.effort",
            _OUTPUT,
            values=("low", "medium", "high", "xhigh", "max"),
            status=_SCHEMA_STATUS,
        ),
        **_absent(
            "seed",
            "n",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "min_p",
            "min_tokens",
            "ignore_eos",
        ),
    }


_ROUTE = "POST /v1/messages"
_RULES = {
    **_everywhere(_ROUTE),
    "temperature": Rule(
        "temperature",
        _TYPED,
        range=Range(0, 1),
        default=1.0,
        null="refused",
        note="0 is not fully deterministic",
    ),
    "top_p": Rule("top_p", _TYPED, range=Range(0, 1), null="refused", default_note="unset"),
    "top_k": Rule(
        "top_k",
        _TYPED,
        range=Range(0),
        null="refused",
        default_note="unset",
        note="what 0 does is not documented",
    ),
    "thinking": Rule(
        "thinking.type",
        "anthropic 2.12.0 types/thinking_config_param.py",
        form="switch",
        default=False,
        null="refused",
        note="enabled needs a thinking_budget beside it",
    ),
    "thinking_budget": Rule(
        "thinking.budget_tokens",
        "anthropic 2.12.0 types/thinking_config_enabled_param.py",
        range=Range(1024),
        null="refused",
        default_note="none while thinking is off",
        note="must stay below max_tokens",
    ),
}
_WHILE_THINKING = (
    Interaction(
        when={"thinking": (True,), "temperature": Range(maximum=1, open="maximum")},
        on=("temperature",),
        outcome="refused",
        reason=f"thinking goes with the default temperature of 1 only ({_GUIDE})",
    ),
    Interaction(
        when={"thinking": (True,), "top_k": "sent"},
        on=("top_k",),
        outcome="refused",
        reason=f"thinking does not go with top_k ({_GUIDE})",
    ),
    Interaction(
        when={"thinking": (True,), "top_p": Range(maximum=0.95, open="maximum")},
        on=("top_p",),
        outcome="refused",
        reason=f"thinking goes with a top_p from 0.95 to 1 only ({_GUIDE})",
    ),
    Interaction(
        when={"thinking": (True,), "tool_choice": ("required",)},
        on=("tool_choice",),
        outcome="refused",
        reason=f"thinking does not go with a forced tool call ({_GUIDE})",
    ),
    Interaction(
        when={"thinking_budget": Over("max_tokens")},
        on=("thinking_budget",),
        outcome="refused",
        reason=f"the budget must stay below max_tokens ({_GUIDE})",
    ),
)

_WHITE_SPACE = Interaction(
    when={"stop": (["\n"], ["\n\n"], [" "], ["\t"], ["\r\n"])},
    on=("stop",),
    outcome="refused",
    reason=f"an entry of nothing but white space is an error ({_TYPED})",
)

ANTHROPIC_MESSAGES = Dialect(
    "anthropic_messages",
    f"Anthropic {_ROUTE}",
    "Anthropic",
    _RULES,
    unknown_fields="refused",
    interactions=(*_WHILE_THINKING, _WHITE_SPACE),
)

ANTHROPIC_ONE_SAMPLER = Dialect(
    "anthropic_one_sampler",
    f"Anthropic {_ROUTE} for the 4.1 and 4.5 models",
    "Anthropic",
    _RULES,
    unknown_fields="refused",
    interactions=(*_WHILE_THINKING, _WHITE_SPACE),
    exclusive=(("temperature", "top_p"),),
)

ANTHROPIC_FIXED = Dialect(
    "anthropic_fixed",
    f"Anthropic {_ROUTE} for Opus 4.7 and later",
    "Anthropic",
    {
        **_everywhere(_ROUTE),
        "temperature": Rule(
            "temperature", _NEWEST, values=(1,), default=1.0, null="refused", note=_FIXED
        ),
        "top_p": Rule(None, _NEWEST, unsupported="refused", note=_FIXED),
        "top_k": Rule(None, _NEWEST, unsupported="refused", note=_FIXED),
        "do_sample": Rule(
            None,
            f"{_NEWEST}: no greedy can be asked for",
            unsupported="refused",
            equivalent={True: {}},
        ),
        "thinking": Rule(
            "thinking.type",
            "anthropic 2.12.0 types/thinking_config_adaptive_param.py",
            form="adaptive",
            default_note="adaptive or off, as the model decides",
            status="secondary sources say that Opus 4.7 takes adaptive and disabled only",
        ),
        "thinking_budget": Rule(
            None,
            "guides to the migration to Opus 4.7: budget_tokens is an error",
            unsupported="refused",
            note="say how much with reasoning_effort",
            status="secondary source",
        ),
    },
    unknown_fields="refused",
    interactions=(
        Interaction(
            when={"thinking": (True,), "tool_choice": ("required",)},
            on=("tool_choice",),
            outcome="refused",
            reason=f"thinking does not go with a forced tool call ({_GUIDE})",
        ),
        _WHITE_SPACE,
    ),
)
