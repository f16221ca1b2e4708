"""Compare function calls with the accepted ones, by BFCL's rules.

The rules are those of the Berkeley Function Calling Leaderboard's AST checker (package bfcl-eval
2026.3.23, `eval_checker/ast_eval`, Apache-2.0), its oddities included, because a score that is
compared with the leaderboard must be made by the same rules:

- every parameter has a list of accepted values; an empty string among them means that the
  parameter may be left out;
- texts are equal if they are so without blanks and `,./-_*^`, in lower case, with `'` read as `"`;
- types count: an integer passes for a float and a tuple for a declared tuple, but 5.0 is no
  integer and true is none either. A value of the type of the first accepted value passes too: that
  is how an accepted value that is the name of a variable works;
- of lists the type of each item is looked at, one level deep; lists of objects are in order;
- of an accepted list `""`, the check of lists makes an empty list, so `[]` passes for an optional
  list; an accepted text where a list belongs is read as the list of its letters.

The official program ends with a traceback where a value and an accepted value do not fit together
(an accepted number where a list belongs); here such a call is wrong.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from evenhand_evals.scorers.calls_java import JAVA_TYPES, java_value
from evenhand_evals.scorers.calls_javascript import JAVASCRIPT_TYPES, javascript_value

Language = Literal["python", "java", "javascript"]

_PYTHON_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "string": str,
        "integer": int,
        "float": float,
        "boolean": bool,
        "array": list,
        "tuple": list,
        "dict": dict,
        "any": str,
    }
)
_TYPES: Final[Mapping[Language, Mapping[str, type]]] = MappingProxyType(
    {"python": _PYTHON_TYPES, "java": JAVA_TYPES, "javascript": JAVASCRIPT_TYPES}
)
_NESTED: Final[Mapping[Language, frozenset[str]]] = MappingProxyType(
    {
        "python": frozenset(("array", "tuple")),
        "java": frozenset(("Array", "ArrayList")),
        "javascript": frozenset(("array",)),
    }
)
_IGNORED = re.compile(r"[ ,./\-_*^]")

Answers = Mapping[str, Sequence[Any]]
"""The accepted values of each parameter of one call."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was read from an answer; a key of None holds a value without a name."""

    name: str
    arguments: Mapping[str | None, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """One call that an item accepts: the function's name, its schema, the accepted values.

    `parameters` maps each parameter to its schema in the benchmark's own type names.
    """

    name: str
    parameters: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    answers: Answers


class Unreadable(ValueError):
    """Says why no calls can be read from an answer."""


class _Mistake(Exception):
    """Says what is wrong with a call."""


def mistake(
    calls: Sequence[Call], expected: Sequence[Expected], language: Language = "python"
) -> str | None:
    """Say what is wrong with the calls, or None if they are what is expected.

    There must be as many calls as expected; each expected one, in order, takes the first call
    that fits it and that no other has taken.
    """
    if len(calls) != len(expected):
        return f"{len(calls)} calls instead of {len(expected)}"
    taken: set[int] = set()
    for wanted in expected:
        reasons = []
        for place, call in enumerate(calls):
            reason = None if place in taken else call_mistake(call, wanted, language)
            if place not in taken and reason is None:
                taken.add(place)
                break
            reasons += [reason] if reason else []
        else:
            among = f"no call is the expected {wanted.name}: " if len(expected) > 1 else ""
            return among + "; ".join(reasons)
    return None


def call_mistake(call: Call, expected: Expected, language: Language = "python") -> str | None:
    """Say what is wrong with one call, or None if it is the expected one."""
    if call.name != expected.name:
        return f"{call.name!r} is called, not {expected.name!r}"
    missing = [name for name in expected.required if name not in call.arguments]
    if missing:
        return f"the required {missing[0]!r} is missing"
    for name, value in call.arguments.items():
        if name is None or name not in expected.parameters or name not in expected.answers:
            return f"{name!r} is not expected"
        try:
            _check(value, expected.parameters[name], expected.answers[name], language)
        except _Mistake as reason:
            return f"{name!r}: {reason}"
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
            return f"{name!r}: {value!r} cannot be compared with the accepted values ({error})"
    for name, accepted in expected.answers.items():
        if name not in call.arguments and "" not in accepted:
            return f"{name!r} is missing and may not be left out"
    return None


def _check(value: Any, schema: Mapping[str, Any], accepted: Sequence[Any], lang: Language) -> None:
    kind, types = schema["type"], _TYPES[lang]
    wanted = types[kind]
    item_kind = schema["items"]["type"] if kind in _NESTED[lang] else None
    item_type = None if item_kind is None else types[item_kind]
    value = _converted(value, kind, item_kind, lang)
    first = _first_type(accepted)
    declared = type(value) is wanted
    if declared:
        if item_type is not None and not _items_fit(value, item_type, accepted):
            raise _Mistake(f"{value!r} is not a list of {item_kind}")
        variable = first is not None and first is not wanted
    elif type(value) is first:
        variable = True
    else:
        raise _Mistake(f"{value!r} is not of the type {kind}")
    if not (value in accepted if variable else _accepts(value, wanted, item_type, accepted)):
        raise _Mistake(f"{value!r} is none of {accepted!r}")


def _converted(value: Any, kind: str, item_kind: str | None, lang: Language) -> Any:
    """Read the text of a Java or JavaScript value; let an integer pass for Python's float."""
    if lang != "python":
        if type(value) is not str:
            raise _Mistake(f"{value!r} is not the text of a {kind}")
        read = java_value if lang == "java" else javascript_value
        return read(value, kind, item_kind)
    if kind == "tuple" and type(value) is tuple:
        return list(value)
    if kind == "float" and type(value) is int:
        return float(value)
    return value


def _first_type(accepted: Iterable[Any]) -> type | None:
    """Give the type of the first accepted value that is more than the sign for 'optional'."""
    return next((type(answer) for answer in accepted if answer != ""), None)


def _items_fit(value: Sequence[Any], item_type: type, accepted: Sequence[Any]) -> bool:
    """Whether the items of a list have the type of the schema or that of an accepted list.

    An accepted value that is no list asks nothing of the items.
    """
    for answer in accepted:
        if type(answer) is not list:
            return True
        other = _first_type(answer)
        if all(type(item) in (item_type, other) for item in value):
            return True
    return False


def _accepts(value: Any, wanted: type, item_type: type | None, accepted: Sequence[Any]) -> bool:
    if wanted is dict:
        return any(_same_object(value, answer) for answer in accepted if answer != "")
    if wanted is list and item_type is dict:
        return any(_same_objects(value, answer) for answer in accepted)
    if wanted is str:
        return _plain(value) in [_plain(answer) for answer in accepted if type(answer) is str]
    if wanted is list:
        return [_plain(item) for item in value] in [[*map(_plain, answer)] for answer in accepted]
    return value in accepted


def _same_object(value: Mapping[str, Any], answer: Mapping[str, Sequence[Any]]) -> bool:
    """Whether an object has the accepted values, all of them unless they are optional."""
    for key, given in value.items():
        if key not in answer or _plain(given) not in [_plain(each) for each in answer[key]]:
            return False
    return all(key in value or "" in each for key, each in answer.items())


def _same_objects(values: Sequence[Mapping[str, Any]], answers: Sequence[Any]) -> bool:
    return len(values) == len(answers) and all(map(_same_object_if_any, values, answers))


def _same_object_if_any(value: Mapping[str, Any], answer: Any) -> bool:
    return answer != "" and _same_object(value, answer)


def _plain(value: Any) -> Any:
    """Give a text as it is compared; anything else stands for itself."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if type(value) is str else value
