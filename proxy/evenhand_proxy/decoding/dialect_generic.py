"""An OpenAI-style endpoint of which nothing is known.

Every parameter goes through in the client's own spelling; nothing is refused, and nothing is
claimed about what became of it.
"""

from collections.abc import Mapping

from evenhand_proxy.decoding.dialect import Dialect, Rule
from evenhand_proxy.decoding.forms import SPELLING_FORMS
from evenhand_proxy.decoding.parameters import PARAMETERS

_SOURCE = "nothing is known of this endpoint: OpenAI's name, or the commonest one"
_WIRES: Mapping[str, str] = {
    "max_tokens": "max_tokens",
    "thinking": "chat_template_kwargs.enable_thinking",
}
_RESPONSES: Mapping[str, str] = {
    **_WIRES,
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}


def _rule(name: str, wire: str) -> Rule:
    spellings = PARAMETERS[name].spellings
    return Rule(
        wire,
        _SOURCE,
        accepts=tuple(each for each in spellings if each != wire),
        form=SPELLING_FORMS.get(wire, "plain"),
        kind="any",
        unsupported="unknown",
        out_of_range="unknown",
        default_note="not known",
        evidence="unknown",
        note="what the endpoint makes of it is not known",
    )


def _rules(wires: Mapping[str, str]) -> dict[str, Rule]:
    return {name: _rule(name, wires.get(name, name)) for name in PARAMETERS}


GENERIC_CHAT = Dialect(
    "generic_chat",
    "an unknown endpoint's POST /v1/chat/completions",
    "the endpoint",
    _rules(_WIRES),
    unknown_fields="unknown",
)

GENERIC_COMPLETIONS = Dialect(
    "generic_completions",
    "an unknown endpoint's POST /v1/completions",
    "the endpoint",
    _rules(_WIRES),
    unknown_fields="unknown",
)

GENERIC_RESPONSES = Dialect(
    "generic_responses",
    "an unknown endpoint's POST /v1/responses",
    "the endpoint",
    _rules(_RESPONSES),
    unknown_fields="unknown",
)
