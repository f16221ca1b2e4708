"""Changing a request body at dotted paths, without touching the body that came in."""

from collections.abc import Iterable, Mapping
from typing import Any

from evenhand_proxy.decoding.vocabulary import ABSENT


def at(body: Mapping[str, Any], path: str) -> Any:
    """Give the value at a dotted path, ABSENT where there is none."""
    if "." not in path:
        return body.get(path, ABSENT)
    value: Any = body
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return ABSENT
        value = value[step]
    return value


def edited(
    body: Mapping[str, Any], remove: Iterable[str], put: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a copy of the body without some paths and with values at others.

    An object that is left empty goes too; one that a value leads into is made.
    """
    copy = dict(body)
    for path in remove:
        _remove(copy, path.split("."))
    for path, value in put.items():
        _put(copy, path.split("."), value)
    return copy


def _remove(place: dict[str, Any], steps: list[str]) -> None:
    first, *rest = steps
    if not rest:
        place.pop(first, None)
        return
    inner = place.get(first)
    if not isinstance(inner, Mapping):
        return
    copy = dict(inner)
    _remove(copy, rest)
    if copy or not inner:
        place[first] = copy
    else:
        del place[first]


def _put(place: dict[str, Any], steps: list[str], value: Any) -> None:
    first, *rest = steps
    if not rest:
        place[first] = value
        return
    inner = place.get(first)
    copy = dict(inner) if isinstance(inner, Mapping) else {}
    _put(copy, rest, value)
    place[first] = copy
