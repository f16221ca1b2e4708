"""Whether a value fits a parameter's kind and range, and the nearest one that does."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from evenhand_proxy.decoding.dialect import ANY, Range
from evenhand_proxy.decoding.vocabulary import ABSENT, Kind

_NAMES: Mapping[Kind, str] = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "text": "text",
    "strings": "a string or a list of strings",
    "integers": "a list of whole numbers",
    "map": "an object of token ids and numbers",
    "format": "an object of a type such as text, json_object or json_schema",
    "object": "an object",
    "any": "anything",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a value cannot be used.

    `nearest` is the value that clamping gives, if there is one. `mistyped` is a value of another
    type than the parameter's, which engines coerce, refuse or ignore as they like.
    """

    reason: str
    fix: str
    nearest: Any = ABSENT
    mistyped: bool = False


def fault(
    value: Any, kind: Kind, bounds: Range = ANY, values: tuple[Any, ...] | None = None
) -> Fault | None:
    """Say what is wrong with a value, or None if nothing is.

    Where there are both bounds and listed values, numbers go by the bounds, all else by the list.
    """
    if not FITS[kind](value):
        reason = f"{shown(value)} is not {_NAMES[kind]}"
        return Fault(reason, f"Send {_NAMES[kind]}.", mistyped=True)
    if kind == "integer" and not -(2**63) <= value < 2**64:  # no engine holds more
        reason = f"{shown(value)} does not fit into 64 bits"
        return Fault(reason, "Send a smaller number.", mistyped=True)
    if values is not None and not _named(value, values, bounds):
        listed = ", ".join(map(str, values))
        if bounds is not ANY:
            listed = f"{listed}, or a number in {bounds}"
        return Fault(f"{shown(value)} is not one of {listed}", f"Send one of {listed}.")
    if bounds is ANY:
        return None
    return _MEASURES[kind](value, bounds) if kind in _MEASURES else None


_FORMATS = frozenset(
    ("text", "json_object", "json_schema", "structural_tag", "grammar", "regex", "json")
)
"""Every type of a `response_format` that some engine has."""


def alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are just the same: 1 and 1.0 and true are three different things."""
    if one is other:
        return True
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(alike(item, other[key]) for key, item in one.items())
    return not isinstance(one, list) or all(map(alike, one, other))


def _named(value: Any, values: tuple[Any, ...], bounds: Range) -> bool:
    measured = bounds is not ANY and is_number(value)
    return measured or any(_same(value, known) for known in values)


def _outside(value: float, bounds: Range) -> Fault | None:
    if value in bounds:
        return None
    nearest = _clamp(value, bounds) if bounds.open == "none" else ABSENT
    return Fault(f"{value} lies outside {bounds}", f"Send a value in {bounds}.", nearest=nearest)


def _number_outside(value: Any, bounds: Range) -> Fault | None:
    return _outside(value, bounds) if is_number(value) else None


def _length_outside(value: str, bounds: Range) -> Fault | None:
    if len(value) in bounds:
        return None
    reason = f"{shown(value)} has {len(value)} characters where {bounds} are allowed"
    return Fault(reason, f"Send {bounds} characters.")


def _too_many(value: Any, bounds: Range) -> Fault | None:
    count = 1 if isinstance(value, str) else len(value)
    if count in bounds:
        return None
    return Fault(f"{count} strings where {bounds} are allowed", f"Send {bounds} strings at most.")


def _biased(value: Any, bounds: Range) -> Fault | None:
    if all(item in bounds for item in value.values()):
        return None
    nearest: Any = ABSENT
    if bounds.open == "none":
        nearest = {
            key: item if item in bounds else _clamp(item, bounds) for key, item in value.items()
        }
    return Fault(f"a value lies outside {bounds}", f"Send values in {bounds}.", nearest=nearest)


_MEASURES: Mapping[Kind, Callable[[Any, Range], Fault | None]] = {
    "number": _outside,
    "integer": _outside,
    "text": _length_outside,
    "strings": _too_many,
    "map": _biased,
    "any": _number_outside,
}


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, which true and false are not."""
    kind = type(value)
    return math.isfinite(value) if kind is float else kind is int


def _is_integer(value: Any) -> bool:
    return is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_strings(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _is_bias(value: Any) -> bool:
    if not isinstance(value, dict) or not all(map(is_number, value.values())):
        return False
    return all(isinstance(key, int) or key.isdecimal() for key in value)


def _is_format(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in _FORMATS


FITS: Mapping[Kind, Callable[[Any], bool]] = MappingProxyType(
    {
        "number": is_number,
        "integer": _is_integer,
        "boolean": lambda value: isinstance(value, bool),
        "text": lambda value: isinstance(value, str),
        "strings": _is_strings,
        "integers": lambda value: isinstance(value, list) and all(map(_is_integer, value)),
        "map": _is_bias,
        "format": _is_format,
        "object": lambda value: isinstance(value, dict),
        "any": lambda _: True,
    }
)
"""For each kind, whether a value is of it."""


def _same(value: Any, known: Any) -> bool:
    return value == known and isinstance(value, bool) == isinstance(known, bool)


def _clamp(value: float, bounds: Range) -> float:
    bound = value
    if bounds.minimum is not None and value < bounds.minimum:
        bound = bounds.minimum
    elif bounds.maximum is not None and value > bounds.maximum:
        bound = bounds.maximum
    return int(bound) if isinstance(value, int) and bound == int(bound) else bound


def shown(value: Any) -> str:
    """Give a value as it stands in a sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
