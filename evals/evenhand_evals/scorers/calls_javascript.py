"""Read the text of a JavaScript value, as BFCL does where a JavaScript function is called.

As with Java, BFCL asks for every argument as a text and reads it by its declared type. The patterns
are those of bfcl-eval 2026.3.23 (`type_convertor/js_type_converter.py`, Apache-2.0). They find
neither the end of an object within an object nor a comma within a text, and what fits none of them
stays a text.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

JAVASCRIPT_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "String": str,
        "integer": int,
        "float": float,
        "Bigint": int,
        "Boolean": bool,
        "dict": dict,
        "array": list,
        "any": str,
    }
)
"""The type that a value of each declared type has once it is read."""

_INTEGER = re.compile(r"^-?\d+$")
_FLOAT = re.compile(r"^-?\d+(\.\d+)?$")
_BIGINT = re.compile(r"^-?\d+n$")
_TABLE_START = re.compile(r"(?:\[|new\s+Array\()\s*\[")
_ROW_END = re.compile(r"\]\s*")
_NEXT_ROW = re.compile(r",\s*\[")
_ROW = re.compile(r"\[(.*?)\]")
_LIST = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_OBJECT = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def javascript_value(text: str, kind: str, item_kind: str | None = None) -> Any:
    """Read a JavaScript value of the declared kind; `item_kind` is that of an array's items.

    Raises:
        ValueError: the kind is none that BFCL reads.

    """
    match kind:
        case "String":
            return text[1:-1] if _quoted(text) else text
        case "integer":
            return int(text) if _INTEGER.match(text) else text
        case "float":
            return float(text) if _FLOAT.match(text) else text
        case "Bigint":
            return int(text[:-1]) if _BIGINT.match(text) else text
        case "Boolean":
            return text == "true" if text in ("true", "false") else text
        case "dict":
            return _object(text.strip())
        case "array":
            return _array(text.strip(), item_kind)
        case "any":
            return text
    raise ValueError(f"a JavaScript {kind} cannot be read")


def _quoted(text: str) -> bool:
    return any(text.startswith(quote) and text.endswith(quote) for quote in "\"'")


def _array(text: str, item_kind: str | None) -> Any:
    try:
        table = _table(text)
        if table is not None:
            return [_row(row) for row in enumerate(_ROW.findall(table))]
        found = _LIST.match(text)
        if not found:
            return text
        inside = next((part for part in found.groups() if part is not None), "").strip()
        items = (item.strip() for item in inside.split(",")) if inside else ()
        return [
            javascript_value(each, item_kind) if item_kind else _guessed(each) for each in items
        ]
    except ValueError:
        return text


def _table(text: str) -> str | None:
    """Give the array of arrays that a text begins with.

    A row ends at the first `]` after which the rest of the array can be read, so a row may hold
    brackets of its own. Rows from which it cannot are remembered: the official pattern, a regular
    expression, takes a time that doubles with each row where the array never ends.
    """
    start = _TABLE_START.match(text)
    if not start:
        return None
    close = "]" if text[0] == "[" else ")"
    hopeless: set[int] = set()
    # Each entry is a row that is being read: where it begins, and from where its end is sought.
    rows = [(start.end(), start.end())]
    while rows:
        begin, sought = rows.pop()
        end = _ROW_END.search(text, sought)
        if end is None or "\n" in text[begin : end.start()]:
            hopeless.add(begin)
            continue
        rows.append((begin, end.start() + 1))
        if text.startswith(close, end.end()):
            return text[: end.end() + 1]
        following = _NEXT_ROW.match(text, end.end())
        if following and following.end() not in hopeless:
            rows.append((following.end(), following.end()))
    return None


def _row(numbered: tuple[int, str]) -> list[Any]:
    number, text = numbered
    inside = text.strip()
    if number == 0:
        inside = inside.removeprefix("[")
    return [_guessed(item.strip()) for item in inside.split(",")]


def _object(text: str) -> Any:
    if text == "{}":
        return {}
    found = _OBJECT.match(text)
    if not found:
        return text
    try:
        pairs = _PAIR.findall(found.group(1))
        return {key.strip().strip("'\""): _property(value.strip()) for key, value in pairs}
    except ValueError:
        return text


def _property(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return _array(text, None)
    if text.startswith("{") and text.endswith("}"):
        return _object(text)
    return _guessed(text.strip("'\""))


def _guessed(text: str) -> Any:
    """Read a value whose type nobody declared, by its looks."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if _quoted(text):
        return text[1:-1]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
