"""Read the text of a Java value, as BFCL does where a Java function is called.

BFCL asks for every argument of a Java function as a text (`"new int[]{1, 2}"`, `"5L"`), and turns
that into a value by the declared type before it compares. The patterns are those of bfcl-eval
2026.3.23 (`type_convertor/java_type_converter.py`, Apache-2.0). What fits no pattern stays a text;
mind that the texts in a Java array keep their quotes there, so `new String[]{"a"}` is not `["a"]`,
while those in an `ArrayList` of `String` lose theirs.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

JAVA_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "byte": int,
        "short": int,
        "integer": int,
        "float": float,
        "double": float,
        "long": int,
        "boolean": bool,
        "char": str,
        "Array": list,
        "ArrayList": list,
        "Set": set,
        "HashMap": dict,
        "Hashtable": dict,
        "Queue": list,
        "Stack": list,
        "String": str,
        "any": str,
    }
)
"""The type that a value of each declared type has once it is read."""

_INTEGER = re.compile(r"^-?\d+$")
_FLOAT = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?[fF]$")
_DOUBLE = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_LONG = re.compile(r"^-?\d+[lL]$")
_NUMBERS: Final[Mapping[str, tuple[re.Pattern[str], Callable[[str], Any]]]] = MappingProxyType(
    {
        "byte": (_INTEGER, int),
        "short": (_INTEGER, int),
        "integer": (_INTEGER, int),
        "long": (_LONG, lambda text: int(re.sub(r"[lL]$", "", text))),
        "float": (_FLOAT, lambda text: float(re.sub(r"[fF]$", "", text))),
        "double": (_DOUBLE, float),
    }
)

_LIST_OF = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
_LIST_ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}", re.DOTALL)
_LIST_EMPTY = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ADD = re.compile(r"add\((.+?)\)")
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_MAP = re.compile(r"new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}", re.DOTALL)
_MAP_EMPTY = re.compile(r"new\s+HashMap<.*?>\s*\(\)")
_PUT = re.compile(r"put\(\"(.*?)\",\s*(.*?)\)")


def java_value(text: str, kind: str, item_kind: str | None = None) -> Any:
    """Read a Java value of the declared kind; `item_kind` is that of a list's items.

    Raises:
        ValueError: the kind is none that BFCL reads.

    """
    if kind in _NUMBERS:
        pattern, read = _NUMBERS[kind]
        return read(text) if pattern.match(text) else text
    if kind == "boolean":
        return text == "true" if text in ("true", "false") else text
    if kind in ("String", "any", "char"):
        return text
    if kind == "Array":
        return _array(text, item_kind)
    if kind == "ArrayList":
        return _array_list(text, item_kind)
    if kind == "HashMap":
        return _hash_map(text)
    raise ValueError(f"a Java {kind} cannot be read")


def _item(text: str, kind: str | None) -> Any:
    return java_value(text, kind) if kind else _guessed(text)


def _array(text: str, item_kind: str | None) -> Any:
    found = _ARRAY.search(text)
    if not found:
        return text
    items = (item.strip() for item in found.group(1).split(","))
    return [_item(item, item_kind) for item in items if item]


def _array_list(text: str, item_kind: str | None) -> Any:
    items: list[str]
    if found := _LIST_OF.search(text):
        items = found.group(1).split(",")
    elif found := _LIST_ADDING.search(text):
        items = _ADD.findall(found.group(1))
    else:
        return [] if _LIST_EMPTY.search(text) else text
    quoted = item_kind in ("char", "String")
    return [item.strip()[1:-1] if quoted else _item(item.strip(), item_kind) for item in items]


def _hash_map(text: str) -> Any:
    if found := _MAP.search(text):
        return {key: _guessed(value.strip()) for key, value in _PUT.findall(found.group(1))}
    return {} if _MAP_EMPTY.search(text) else text


def _guessed(text: str) -> Any:
    """Read a value whose type nobody declared, by its looks."""
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if _LONG.match(text):
        return int(text[:-1])
    if _FLOAT.match(text):
        return float(re.sub(r"[fF]$", "", text))
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
