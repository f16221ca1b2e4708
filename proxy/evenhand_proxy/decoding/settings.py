"""Parsing what a person writes: `temperature=0`, `glm-4@greedy`."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from evenhand_proxy.decoding.dialect import ANY
from evenhand_proxy.decoding.errors import DecodingError
from evenhand_proxy.decoding.parameters import PARAMETERS, SPELLINGS
from evenhand_proxy.decoding.values import fault

SHOWN = 20
"""How many known names a hint lists."""


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Give the known name nearest to `name` as a hint, or the known names if none is near."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    listed = sorted(known)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"known: {', '.join(listed[:SHOWN])}{more}"


def parse_setting(text: str) -> tuple[str, Any]:
    """Parse `NAME=VALUE`; the value is JSON, or plain text where it is not.

    Returns the wire name as written and the value: `temperature=0` gives `("temperature", 0)`,
    `stop=END` gives `("stop", "END")`, `seed=null` gives `("seed", None)`.

    Raises:
        DecodingError: no `=`, a name that is no decoding parameter, or a number that is not finite.

    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals:
        raise DecodingError("setting", text, "has no '='", "write NAME=VALUE, as in temperature=0")
    if name not in SPELLINGS:
        raise DecodingError(
            name, value, "is set on no known decoding parameter", nearest(name, list(SPELLINGS))
        )
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    try:
        json.dumps(parsed, allow_nan=False)
    except ValueError as error:
        fix = "give one that JSON can hold"
        raise DecodingError(name, value, "is not a finite number", fix) from error
    return name, parsed


def canonical(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters of a profile under their canonical names.

    Raises:
        DecodingError: a name that is no decoding parameter, two names of one parameter, or a value
            of the wrong type; null is no value here.
    """
    found: dict[str, Any] = {}
    for spelling, value in parameters.items():
        name = SPELLINGS.get(spelling)
        if name is None:
            hint = nearest(spelling, list(SPELLINGS))
            raise DecodingError(spelling, value, "is set on no known decoding parameter", hint)
        if name in found:
            raise DecodingError(spelling, value, f"names {name} once more", "keep one of them")
        wrong = fault(value, PARAMETERS[name].kind, ANY)
        if wrong is not None:
            raise DecodingError(spelling, value, wrong.reason, wrong.fix)
        found[name] = value
    return found


def split_model(name: str) -> tuple[str, str | None]:
    """Split `model@profile` at its last `@`; without one the profile is None.

    >>> split_model("glm-4@greedy")
    ('glm-4', 'greedy')
    """
    model, at, profile = name.rpartition("@")
    return (model, profile) if at and model and profile else (name, None)
