"""Parsing what a person writes: `temperature=0`, `glm-4@greedy`."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from evenhand_proxy.decoding.asked import CLIENT, gather
from evenhand_proxy.decoding.dialect import ANY
from evenhand_proxy.decoding.edits import at, edited
from evenhand_proxy.decoding.errors import DecodingError
from evenhand_proxy.decoding.parameters import PARAMETERS, SPELLINGS
from evenhand_proxy.decoding.values import fault
from evenhand_proxy.decoding.vocabulary import ABSENT

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
        raise DecodingError("", text, "has no '='", "write NAME=VALUE, as in temperature=0")
    if not name:
        raise DecodingError("", text, "names no parameter", "write NAME=VALUE, as in temperature=0")
    if name not in SPELLINGS:
        raise _no_parameter(name)
    try:
        parsed = json.loads(value)
    except ValueError as error:
        if value.lstrip().startswith(("{", "[")):
            fix = "close what it opens, and quote it for the shell"
            raise DecodingError(name, value, f"is not JSON ({error})", fix) from error
        return name, value
    try:
        json.dumps(parsed, allow_nan=False)
    except ValueError as error:
        fix = "give one that JSON can hold"
        raise DecodingError(name, value, "is not a finite number", fix) from error
    return name, parsed


def canonical(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters of a profile under their canonical names.

    They are read as a client's body is, so that an object such as `{"thinking": {"type":
    "disabled"}}` says the same in both; a dotted name leads into an object too.

    Raises:
        DecodingError: a name that is no decoding parameter, two names of one parameter, or a value
            of the wrong type; null is no value here.
    """
    body = _nested(parameters)
    _check_names(body)
    found: dict[str, Any] = {}
    for name, draft in gather(body).items():
        spelling = draft.spelling or name
        for other in draft.beaten or ():
            raise DecodingError(other, ABSENT, f"names {name} once more", "keep one of them")
        wrong = fault(draft.value, PARAMETERS[name].kind, ANY)
        if wrong is not None:
            raise DecodingError(spelling, ABSENT, wrong.reason, _in_sentence(wrong.fix))
        if draft.unread:
            fix = f"write {spelling} as its documents say"
            raise DecodingError(spelling, draft.value, f"is no way to write {name}", fix)
        found[name] = draft.value
    return found


def _nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body that dotted names lead into."""
    body: dict[str, Any] = {}
    for path, value in parameters.items():
        if "." in path and path in SPELLINGS:
            if at(body, path) is not ABSENT:
                raise DecodingError(path, ABSENT, "stands there twice", "keep one of them")
            body = edited(body, (), {path: value})
        elif isinstance(value, Mapping) and isinstance(body.get(path), Mapping):
            body[path] = {**body[path], **value}
        else:
            body[path] = value
    return body


def _check_names(body: Mapping[str, Any]) -> None:
    """Check that each name, and each within an object of parameters, means something."""
    for name, value in body.items():
        key = CLIENT.get(name)
        if key is None:
            raise _no_parameter(name)
        if not key.itself and not (isinstance(value, Mapping) and value):
            fix = f"write an object with {' or '.join(key.inside)}"
            raise DecodingError(name, value, "sets no decoding parameter", fix)
        if key.open or not isinstance(value, Mapping):
            continue
        for child in value if key.inside else ():
            if child not in key.inside:
                raise _no_parameter(f"{name}.{child}")


def _no_parameter(name: str) -> DecodingError:
    return DecodingError(name, ABSENT, "is no decoding parameter", nearest(name, list(SPELLINGS)))


def _in_sentence(fix: str) -> str:
    return f"{fix[:1].lower()}{fix[1:].rstrip('.')}"


def split_model(name: str) -> tuple[str, str | None]:
    """Split `model@profile` at its last `@`; without one the profile is None.

    >>> split_model("glm-4@greedy")
    ('glm-4', 'greedy')
    """
    model, at, profile = name.rpartition("@")
    return (model, profile) if at and model and profile else (name, None)
