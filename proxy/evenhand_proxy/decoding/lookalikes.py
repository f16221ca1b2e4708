"""Fields that nobody here knows: mistyped parameters, and what stands beside known ones."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from evenhand_proxy.decoding.asked import CLIENT, Inbound
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


NEUTRAL: Final = frozenset(
    (
        *("model", "messages", "prompt", "input", "instructions", "system", "suffix", "echo"),
        *("stream", "stream_options", "tools", "functions", "user", "user_id", "request_id"),
        *("store", "metadata", "service_tier", "safety_identifier", "background", "include"),
        *("prompt_cache_key", "prompt_cache_retention", "previous_response_id", "conversation"),
    )
)
"""Fields of OpenAI's API, and commonly beside it, that carry no decoding."""

_PARENTS: Final = {name: key for name, key in CLIENT.items() if key.inside and not key.open}
"""Objects of the clients' words of which only the parameters within are ours."""

_ASIDE: Final = frozenset(("reasoning.summary", "reasoning.generate_summary"))
"""Fields within objects that carry decoding, which carry none themselves."""

_OWN: Final = frozenset(
    f"structured_outputs.{name}"
    for name in (
        *("disable_any_whitespace", "disable_fallback", "disable_additional_properties"),
        "whitespace_pattern",
    )
)
"""Fields within vLLM's object (vllm 0.32.0 StructuredOutputsParams) that no other engine has."""


_WORD: Final = re.compile(r"[\w.:-]{1,32}", re.ASCII)


def unheard_of(name: str, value: Any) -> bool:
    """Whether a field may be a parameter of which we know nothing: a number, a switch, a word.

    Longer text may be somebody's words, which have no place in a record.
    """
    single = isinstance(value, int | float) or (
        isinstance(value, str) and _WORD.fullmatch(value) is not None
    )
    return single and len(name) <= 64 and name not in NEUTRAL and name not in SPELLINGS


def strangers(
    body: Mapping[str, Any], dialect: Dialect, words: frozenset[str], violations: list[Violation]
) -> list[ParameterRecord]:
    """Give a record to each field that looks like a mistyped parameter; it is sent as it came.

    `words` are fields that are known: the body's own language, and the engine's. Where it is not
    documented what an engine does with other fields, single values get a record too.
    """
    found: list[ParameterRecord] = []
    for name, value in body.items():
        if name in words:
            continue
        meant = lookalike(name)
        if meant is not None:
            found.append(_mistyped(name, value, meant, dialect, violations))
        elif dialect.unknown_fields == "unknown" and unheard_of(name, value):
            reason = f"what {dialect.title} makes of {name} is not documented"
            found.append(_passed(name, value, reason))
    return found


def _mistyped(
    name: str, value: Any, meant: str, dialect: Dialect, violations: list[Violation]
) -> ParameterRecord:
    ignored = dialect.unknown_fields == "ignored"
    reason = f"{dialect.title} has no {name}" + (" and ignores it" if ignored else "")
    violations.append(Violation(name, value, reason, f"Did you mean {meant}?"))
    record = _passed(name, value, f"{reason}; did you mean {meant}?")
    return replace(record, action="not-honoured") if ignored else record


def leftovers(
    body: Mapping[str, Any], dialect: Dialect, inbound: Inbound, violations: list[Violation]
) -> list[ParameterRecord]:
    """Give a record to each field that stands beside parameters in an object of the clients' words.

    It is sent as it came where the engine has that object, and dropped where it does not.
    """
    found: list[ParameterRecord] = []
    for parent, value in body.items():
        key = _PARENTS.get(parent)
        if key is None or not isinstance(value, Mapping):
            continue
        known = inbound[parent].inside if parent in inbound else key.inside
        left = [child for child in value if child not in known]
        if left and len(left) < len(value):
            for child in left:
                found += _leftover(f"{parent}.{child}", value[child], dialect, violations)
    return found


def _leftover(
    path: str, value: Any, dialect: Dialect, violations: list[Violation]
) -> list[ParameterRecord]:
    parent = path.partition(".")[0]
    if _has_object(dialect, parent):
        if path in _ASIDE:
            return []
        reason = f"what {dialect.title} makes of {path} is not known"
        if dialect.unknown_fields != "unknown" and path not in _OWN:
            violations.append(Violation(path, value, reason, f"Leave {path} out."))
        return [_passed(path, value, reason)]
    reason = f"{dialect.title} has no {parent}, of whose fields only decoding parameters are moved"
    violations.append(Violation(path, value, reason, f"Leave {path} out for this model."))
    return [ParameterRecord(path, "dropped", requested=value, reason=reason)]


def _has_object(dialect: Dialect, parent: str) -> bool:
    """Whether an engine reads parameters within an object of this name."""
    return any(
        path is not None and path.startswith(f"{parent}.")
        for rule in dialect.rules.values()
        for path in (rule.wire, *rule.accepts)
    )


def _passed(name: str, value: Any, reason: str) -> ParameterRecord:
    return ParameterRecord(
        name, "passed", requested=value, sent=value, evidence="unknown", reason=reason
    )
