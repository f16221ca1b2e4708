"""Reading YAML into frozen dataclasses, whose fields are the only schema there is.

An error names the file, the line, the key and what is known near it. A field may say in its
metadata that the file calls it otherwise (`key`), or that a plain text in the place of the whole
mapping is this field (`SHORT`): `- gsm8k` is then `- name: gsm8k`.
"""

import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import orjson
import yaml

from evenhand_evals.errors import UsageError
from evenhand_evals.settings import nearest_names

T = TypeVar("T")
SHORT: Final[Mapping[str, Any]] = types.MappingProxyType({"short": True})
"""Metadata of the field that a plain text stands for."""

LARGE = 2**63
_NUMBERS: dict[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
}


def called(name: str) -> Mapping[str, Any]:
    """Give the metadata of a field that the file calls `name`."""
    return {"key": name}


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """What was read, and on which line each key stands; `name` is the file's."""

    value: T
    name: str
    lines: Mapping[str, int]

    def line(self, key: str) -> int:
        """Give the line of a key such as `tasks.0.limit`, or of what holds it."""
        path = key
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def error(self, key: str, message: str) -> UsageError:
        """Make an error about a key, with its line or its holder's."""
        return UsageError(f"{self.name}:{self.line(key)}: {key}: {message}")


def read_yaml(path: Path, kind: type[T], what: str) -> Document[T]:
    """Read a file into a tree of frozen dataclasses; `what` it is, for errors.

    Raises:
        UsageError: it cannot be read, is no YAML, or a key or value has no place in the tree.

    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: cannot be read ({reason}); name a YAML file in UTF-8") from error
    return parse_yaml(text, str(path), kind, what)


def parse_yaml(text: str, name: str, kind: type[T], what: str) -> Document[T]:
    """Read a text as `read_yaml` reads a file of that name."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UsageError(_broken(name, error)) from error
    if node is None:
        raise UsageError(f"{name}:1: the file is empty; write {what}")
    reader = _Reader(name, what)
    return Document(reader.tree(node, kind, ""), name, reader.lines)


def _broken(name: str, error: yaml.YAMLError) -> str:
    """Say in one line where a text stops being YAML, and why."""
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or " ".join(str(error).split())
    line = f":{mark.line + 1}" if mark is not None else ""
    return f"{name}{line}: is not valid YAML: {reason}; mend what stands there or just before"


class _Reader:
    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self.lines: dict[str, int] = {}

    def _error(self, node: yaml.Node, key: str, message: str) -> UsageError:
        line = node.start_mark.line + 1
        return UsageError(f"{self._name}:{line}: {key or 'the file'}: {message}")

    def tree(self, node: yaml.Node, kind: type[T], key: str) -> T:
        declared: dict[str, Field[Any]] = {
            str(each.metadata.get("key", each.name)): each
            for each in fields(kind)  # type: ignore[arg-type]
        }
        if isinstance(node, yaml.ScalarNode):
            return self._short(node, kind, key, declared)
        hints = get_type_hints(kind)
        values: dict[str, Any] = {}
        for name, (key_node, value_node) in self._pairs(node, key).items():
            path = f"{key}.{name}" if key else name
            if name not in declared:
                hint = nearest_names(name, list(declared), shown=20)
                raise self._error(key_node, path, f"is no key of {self._what}; {hint}")
            field = declared[name].name
            values[field] = self._value(value_node, hints[field], path)
        for name, item in declared.items():
            required = item.default is MISSING and item.default_factory is MISSING
            if required and item.name not in values:
                raise self._error(node, key, f"lacks {name}; add it")
        return kind(**values)

    def _short(
        self, node: yaml.ScalarNode, kind: type[T], key: str, declared: Mapping[str, Field[Any]]
    ) -> T:
        short = next((each for each in declared.values() if each.metadata.get("short")), None)
        if short is None:
            raise self._error(node, key, "must be a mapping of keys to values")
        return kind(**{short.name: self._value(node, get_type_hints(kind)[short.name], key)})

    def _pairs(self, node: yaml.Node, key: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, key, "must be a mapping of keys to values")
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value)
            path = f"{key}.{name}" if key else name
            if name in pairs:
                raise self._error(key_node, path, "stands here twice; keep one of them")
            self.lines[path] = key_node.start_mark.line + 1
            pairs[name] = (key_node, value_node)
        return pairs

    def _value(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if isinstance(kind, type) and is_dataclass(kind):
            return self.tree(node, kind, key)
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            if _is_null(node):
                return None
            return self._value(node, next(a for a in get_args(kind) if a is not type(None)), key)
        if origin is Mapping:
            of_each = get_args(kind)[1]
            return {
                name: self._value(value, of_each, f"{key}.{name}")
                for name, (_, value) in self._pairs(node, key).items()
            }
        if origin is tuple:
            return self._list(node, get_args(kind)[0], key)
        if kind is Any:
            return self._anything(node, key)
        return self._scalar(node, kind, key)

    def _anything(self, node: yaml.Node, key: str) -> Any:
        """Read what has no declared shape: it must hold what JSON can hold."""
        try:
            value = yaml.SafeLoader("").construct_document(node)
            orjson.dumps(value)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise self._error(node, key, f"cannot be read as a value: {reason}") from error
        if not all(_is_usable(each) for each in _numbers(value)):
            raise self._error(node, key, "holds a number that is not finite, or exceeds 64 bits")
        return value

    def _list(self, node: yaml.Node, kind: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, key, "must be a list; write it as [one, two]")
        found = []
        for place, item in enumerate(node.value):
            self.lines[f"{key}.{place}"] = item.start_mark.line + 1
            found.append(self._value(item, kind, f"{key}.{place}"))
        return tuple(found)

    def _scalar(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, key, "must be a single value")
        text = str(node.value)
        if _is_null(node):
            raise self._error(node, key, "is empty; give it a value or leave the key out")
        if kind in (str, Path):
            return kind(text)
        if get_origin(kind) is Literal:
            if text in get_args(kind):
                return text
            hint = nearest_names(text, list(get_args(kind)))
            raise self._error(node, key, f"{text!r} is not one of its values; {hint}")
        value = yaml.safe_load(text) if node.style is None else None
        wanted, allowed = _NUMBERS[kind]
        if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
            raise self._error(node, key, f"{text!r} is not {wanted}; write {wanted}")
        if not _is_usable(value):
            raise self._error(node, key, f"{text[:40]!r} is not finite, or exceeds 64 bits")
        return kind(value)


def _is_usable(number: Any) -> bool:
    """Whether a number is finite and, if it is whole, fits where it is stored."""
    return math.isfinite(number) if isinstance(number, float) else -LARGE <= number < LARGE


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float):
        yield value


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
