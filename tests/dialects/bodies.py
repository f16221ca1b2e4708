"""Request bodies for property tests: any dialect's words, with values of all sorts."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from evenhand_proxy.decoding import ABSENT, PARAMETERS
from evenhand_proxy.decoding.asked import Spelled
from evenhand_proxy.decoding.forms import write

Words = Mapping[str, tuple[Spelled, ...]]
"""Dotted path to what it may mean."""

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}

_BY_KIND: Mapping[str, tuple[Any, ...]] = {
    "number": (0, 0.0, 1, 1.0, 0.7, 2, -1, -0.5, 1e-9, 0.001, 7.5, 10**400, 1e308),
    "integer": (0, 1, 2, -1, 5, 40, 2**31, 2**63, -(2**70), 10**400, 5.0, 1.5),
    "boolean": (True, False),
    "text": ("", "low", "high", "[a-z]+", "\ud800", 'root ::= "a"'),
    "strings": ("END", ["a", "b"], [], "", ["x"] * 20, ["\ud800"]),
    "integers": ([], [1, 2], [-1]),
    "map": ({}, {"5": 1.0}, {"5": -200, "6": 100}),
    "format": (),
    "object": ({}, {"a": 1}, {"enable_thinking": False, "b": [1]}, SCHEMA),
    "any": (0, "auto", True, [1], {"a": 1}),
}

_BY_NAME: Mapping[str, tuple[Any, ...]] = {
    "response_format": (
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
    ),
    "tool_choice": (
        "auto",
        "none",
        "required",
        {"type": "function", "function": {"name": "f"}},
    ),
    "reasoning_effort": ("none", "minimal", "low", "medium", "high", 0.5),
    "json_schema": (SCHEMA,),
}

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        (None, 0, 0.0, -0.0, False, True, 1, "", "x", "0", [], {}, {"type": "x"}, {"a.b": 1})
    ),
    st.floats(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
"""Values that mean nothing, or nearly something."""

AROUND: Mapping[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "temperature", "top_p": 1}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "stream": True,
    "metadata": {"seed": 1},
    "temprature": 0.5,
    "x.y": {"z": 1},
    "thinking.type": "enabled",
}
"""Fields that are no decoding parameter: they are sent as they came."""


@st.composite
def bodies(draw: st.DrawFn, words: Words) -> dict[str, Any]:
    """Draw a body in these words."""
    body: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(sorted(words)), max_size=6, unique=True)):
        place(body, path, draw(_values(words[path])))
    for name in draw(st.lists(st.sampled_from(sorted(AROUND)), max_size=3, unique=True)):
        body.setdefault(name, AROUND[name])
    if draw(st.integers(0, 9)) == 0:
        parents = sorted({path.partition(".")[0] for path in words})
        body[draw(st.sampled_from(parents))] = draw(ODD)
    return body


def _values(candidates: tuple[Spelled, ...]) -> st.SearchStrategy[Any]:
    fitting = [
        written
        for spelled in candidates
        for value in _BY_NAME.get(spelled.name, _BY_KIND[PARAMETERS[spelled.name].kind])
        if (written := write(spelled.form, value)) is not ABSENT
    ]
    return st.one_of(st.sampled_from(fitting), st.sampled_from(fitting), ODD)


def place(body: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path, unless something else is in its way."""
    *above, last = path.split(".")
    for step in above:
        inner = body.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        body = inner
    if isinstance(value, dict) and isinstance(body.get(last), dict):
        value = {**value, **body[last]}
    body[last] = value


def found(body: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Give what a body says in these words, path by path.

    Of an object that holds paths of its own, what is left over counts where an object can be said.
    """
    said: dict[str, Any] = {}
    for path in words:
        value = inside(body, path)
        if value is ABSENT:
            continue
        below = {other.removeprefix(f"{path}.") for other in words if other.startswith(f"{path}.")}
        if below and isinstance(value, dict):
            rest = without(value, below)
            if len(rest) < len(value) or rest != value:
                if rest and any(
                    PARAMETERS[each.name].kind in ("object", "format", "any")
                    for each in words[path]
                ):
                    said[path] = rest
                continue
        said[path] = value
    return said


def inside(body: Any, path: str) -> Any:
    """Give the value at a dotted path."""
    for step in path.split("."):
        if not isinstance(body, dict) or step not in body:
            return ABSENT
        body = body[step]
    return body


def without(body: Mapping[str, Any], paths: set[str]) -> dict[str, Any]:
    """Give a body less some paths, and less the objects that are left empty by that."""
    rest: dict[str, Any] = {}
    for key, value in body.items():
        below = {path.removeprefix(f"{key}.") for path in paths if path.startswith(f"{key}.")}
        if key in paths:
            continue
        if below and isinstance(value, dict) and value:
            value = without(value, below)
            if not value:
                continue
        rest[key] = value
    return rest
