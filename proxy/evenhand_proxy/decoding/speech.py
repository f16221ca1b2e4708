"""How a body is read that was written in a provider's own words."""

import re
from typing import Final

from evenhand_proxy.decoding.asked import Inbound, Key, speaking
from evenhand_proxy.decoding.dialect import Dialect

_FORMER: Final = ("output_format", "output_config", "format")
"""A field that Anthropic's structured outputs began with, and where it stands now; litellm writes
the former (llms/anthropic/chat/transformation.py of 1.109.1)."""


def speech_of(dialect: Dialect) -> Inbound:
    """Give how a body in a provider's words is read.

    JSON for protocol buffers takes a field's name in camel case and in snake case (the ProtoJSON
    specification), and litellm writes Gemini's in either.
    """
    speech = _in_both_cases(speaking(dialect))
    old, outer, inner = _FORMER
    if outer in speech and inner in speech[outer].inside:
        speech.setdefault(old, Key(speech[outer].inside[inner].itself))
    return speech


def speaks(speech: Inbound, path: str) -> bool:
    """Say whether a dotted path has a meaning."""
    first, dot, rest = path.partition(".")
    if first not in speech:
        return False
    return speaks(speech[first].inside, rest) if dot else bool(speech[first].itself)


def _in_both_cases(inbound: Inbound) -> dict[str, Key]:
    both: dict[str, Key] = {}
    for name, key in inbound.items():
        opened = Key(key.itself, _in_both_cases(key.inside))
        both[name] = opened
        both.setdefault(_snake(name), opened)
    return both


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found[0]}", name).lower()
