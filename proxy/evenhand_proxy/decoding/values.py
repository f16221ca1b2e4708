"""Whether a value fits a parameter's kind and range, and the nearest one that does."""

import math
from dataclasses import dataclass
from typing import Any

from evenhand_proxy.decoding.dialect import Range
from evenhand_proxy.decoding.vocabulary import ABSENT, Kind

_NAMES: dict[Kind, str] = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "strings": "a string or a list of strings",
    "map": "an object of token ids and numbers",
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


def fault(value: Any, kind: Kind, bounds: Range) -> Fault | None:
    """Say what is wrong with a value, or None if nothing is."""
    if not _fits(value, kind):
        reason = f"{_shown(value)} is not {_NAMES[kind]}"
        return Fault(reason, f"Send {_NAMES[kind]}.", mistyped=True)
    if kind in ("number", "integer"):
        return _outside(value, bounds)
    if kind == "strings":
        count = 1 if isinstance(value, str) else len(value)
        if count not in bounds:
            return Fault(
                f"{count} strings where {bounds} are allowed", f"Send {bounds} strings at most."
            )
    if kind == "map":
        clamped = {key: _clamp(item, bounds) for key, item in value.items()}
        if clamped != value:
            return Fault(
                f"a value lies outside {bounds}", f"Send values in {bounds}.", nearest=clamped
            )
    return None


def _outside(value: float, bounds: Range) -> Fault | None:
    if value in bounds:
        return None
    nearest = _clamp(value, bounds) if bounds.open == "none" else ABSENT
    return Fault(f"{value} lies outside {bounds}", f"Send a value in {bounds}.", nearest=nearest)


def _fits(value: Any, kind: Kind) -> bool:
    match kind:
        case "number":
            return _is_number(value)
        case "integer":
            return _is_number(value) and (isinstance(value, int) or value.is_integer())
        case "boolean":
            return isinstance(value, bool)
        case "strings":
            return isinstance(value, str) or (
                isinstance(value, list) and all(isinstance(item, str) for item in value)
            )
        case "map":
            return isinstance(value, dict) and all(_is_number(item) for item in value.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)


def _finite(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return True
    return isinstance(value, float) and math.isfinite(value)


def _clamp(value: float, bounds: Range) -> float:
    if bounds.minimum is not None and value < bounds.minimum:
        return int(bounds.minimum) if isinstance(value, int) else bounds.minimum
    if bounds.maximum is not None and value > bounds.maximum:
        return int(bounds.maximum) if isinstance(value, int) else bounds.maximum
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
