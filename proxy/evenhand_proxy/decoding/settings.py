"""Parsing what a person writes: `temperature=0`, `glm-4@greedy`."""

import difflib
import json
from typing import Any

from evenhand_proxy.decoding.errors import DecodingError
from evenhand_proxy.decoding.vocabulary import SPELLINGS


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Give the known name nearest to `name` as a hint, or all known names if none is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def parse_setting(text: str) -> tuple[str, Any]:
    """Parse `NAME=VALUE`; the value is JSON, or plain text where it is not.

    Returns the wire name as written and the value: `temperature=0` gives `("temperature", 0)`,
    `stop=END` gives `("stop", "END")`, `seed=null` gives `("seed", None)`.

    Raises:
        DecodingError: no `=`, or a name that is no decoding parameter.

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
        return name, json.loads(value)
    except ValueError:
        return name, value


def split_model(name: str) -> tuple[str, str | None]:
    """Split `model@profile` at its last `@`; without one the profile is None.

    >>> split_model("glm-4@greedy")
    ('glm-4', 'greedy')
    """
    model, at, profile = name.rpartition("@")
    return (model, profile) if at and model and profile else (name, None)
