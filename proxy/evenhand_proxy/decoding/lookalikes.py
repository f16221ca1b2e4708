"""Fields that look like a mistyped decoding parameter, which engines ignore without a word."""

import difflib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.parameters import SPELLINGS
from evenhand_proxy.decoding.record import ParameterRecord, Violation

_NAMES: Final = tuple(name for name in SPELLINGS if "." not in name)

LIKENESS: Final = 0.84
"""How alike two names are, by difflib's ratio: `temprature` and `topp` are, `min_tokens` is not."""

REAL_FIELDS: Final = frozenset(
    ("encoder_repetition_penalty", "max_input_tokens", "max_prompt_tokens")
)
"""Fields of some engines that look like a parameter of ours and are another."""


@lru_cache(maxsize=4096)
def lookalike(name: str) -> str | None:
    """Give the decoding parameter that a field's name was probably meant for, or None.

    >>> lookalike("temprature"), lookalike("maxTokens"), lookalike("messages")
    ('temperature', 'max_tokens', None)
    """
    if name in SPELLINGS or name in REAL_FIELDS or len(name) > 40 or "." in name:
        return None
    plain = name.lower().replace("-", "_")
    close = difflib.get_close_matches(plain, _NAMES, n=1, cutoff=LIKENESS)
    return close[0] if close else None


def strangers(
    body: Mapping[str, Any], dialect: Dialect, words: frozenset[str], violations: list[Violation]
) -> list[ParameterRecord]:
    """Give a record to each field that looks like a mistyped parameter; it is sent as it came.

    `words` are fields that are known: the body's own language, and the engine's.
    """
    found: list[ParameterRecord] = []
    for name, value in body.items():
        meant = None if name in words else lookalike(name)
        if meant is None:
            continue
        ignored = dialect.unknown_fields == "ignored"
        reason = f"{dialect.title} has no {name}" + (" and ignores it" if ignored else "")
        violations.append(Violation(name, value, reason, f"Did you mean {meant}?"))
        found.append(
            ParameterRecord(
                name,
                "not-honoured" if ignored else "passed",
                requested=value,
                sent=value,
                evidence="unknown",
                reason=f"{reason}; did you mean {meant}?",
            )
        )
    return found
