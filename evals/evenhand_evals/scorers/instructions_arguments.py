"""Read the arguments of instructions as data sets hold them.

Every reader takes a value out of JSON and returns it, or raises a ValueError whose text goes on
from "it ...".
"""

import re
from typing import Any


def count(value: Any) -> int:
    """Read a whole number that is not negative; a data set may write it as 3.0."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise ValueError("must be a whole number")
    if value < 0:
        raise ValueError("must not be negative")
    return int(value)


def position(value: Any) -> int:
    """Read a place in an order, which counts from 1."""
    if count(value) == 0:
        raise ValueError("counts from 1")
    return int(value)


def text(value: Any) -> str:
    """Read a text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not blank")
    return value


def pattern(value: Any) -> str:
    """Read a regular expression."""
    try:
        re.compile(text(value))
    except re.error as error:
        raise ValueError(f"must be a regular expression ({error})") from error
    return str(value)


def patterns(value: Any) -> tuple[str, ...]:
    """Read a list of regular expressions."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a list of at least one text")
    return tuple(pattern(item) for item in value)


def character(value: Any) -> str:
    """Read one character."""
    if len(text(value).strip()) != 1:
        raise ValueError("must be one character")
    return str(value).strip()


def relation(value: Any) -> str:
    """Read one of IFEval's two relations."""
    if value not in ("less than", "at least"):
        raise ValueError("must be 'less than' or 'at least'")
    return str(value)
