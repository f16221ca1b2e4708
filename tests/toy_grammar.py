r"""Constrained decoding for the toy model: a small regular-expression engine over its tokens.

Supported: literals, escapes (`\d`, `\w`, `\s`, `\n` and any other character as itself), `.`,
classes with ranges and `^`, groups, `|`, `?`, `*`, `+`, `{m}`, `{m,}` and `{m,n}`. A match is
always of the whole answer. JSON schemas are turned into such expressions first.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.toy_model import EOT, IDS, SPECIALS, VOCABULARY

_ANY = frozenset(chr(code) for code in range(32, 127))
_DIGITS = frozenset("0123456789")
_SHORTHANDS = {
    "d": _DIGITS,
    "w": frozenset(c for c in _ANY if c.isalnum() or c == "_"),
    "s": frozenset(" \n"),
    "n": frozenset("\n"),
}
_REPEATS: Mapping[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}

State = frozenset[int]
Builder = Callable[["_Automaton", int], int]


class UnsupportedGrammar(ValueError):
    """A constraint outside what this module supports."""


class _Automaton:
    """A nondeterministic automaton; an edge without characters costs nothing."""

    def __init__(self) -> None:
        self.edges: list[list[tuple[frozenset[str] | None, int]]] = []

    def state(self) -> int:
        self.edges.append([])
        return len(self.edges) - 1

    def edge(self, start: int, end: int, characters: frozenset[str] | None = None) -> int:
        self.edges[start].append((characters, end))
        return end

    def closure(self, states: Sequence[int]) -> State:
        found = set(states)
        todo = list(states)
        while todo:
            for characters, end in self.edges[todo.pop()]:
                if characters is None and end not in found:
                    found.add(end)
                    todo.append(end)
        return frozenset(found)

    def step(self, states: State, character: str) -> State:
        return self.closure(
            [
                end
                for state in states
                for characters, end in self.edges[state]
                if characters is not None and character in characters
            ]
        )


class Grammar:
    """Which tokens may come next, from `start`, so that the whole answer matches."""

    def __init__(self, pattern: str) -> None:
        parser = _Parser(pattern)
        self._automaton = _Automaton()
        first = self._automaton.state()
        self._last = parser.whole()(self._automaton, first)
        self.start = self._automaton.closure([first])
        self._moves: dict[State, dict[int, State]] = {}

    def moves(self, state: State) -> dict[int, State]:
        """The state after each token that may come next; `<eot>` leads to itself."""
        known = self._moves.get(state)
        if known is None:
            known = {}
            for text, token in IDS.items():
                reached = self._read(state, text)
                if reached:
                    known[token] = reached
            if self._last in state:
                known[EOT] = state
            self._moves[state] = known
        return known

    def mask(self, state: State, logits: Sequence[float]) -> list[float]:
        """The logits, with minus infinity for each token that may not come next."""
        allowed = self.moves(state)
        return [value if i in allowed else -math.inf for i, value in enumerate(logits)]

    def _read(self, state: State, text: str) -> State:
        for character in text:
            state = self._automaton.step(state, character)
            if not state:
                break
        return state


class _Parser:
    """Recursive descent over the expression; each part becomes a builder of its automaton."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def whole(self) -> Builder:
        builder = self._alternatives()
        if self._at < len(self._pattern):
            raise UnsupportedGrammar(f"unexpected {self._peek()!r} at {self._at}")
        return builder

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise UnsupportedGrammar("the expression ends too early")
        self._at += 1
        return character

    def _alternatives(self) -> Builder:
        options = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence())

        def build(automaton: _Automaton, start: int) -> int:
            end = automaton.state()
            for option in options:
                automaton.edge(option(automaton, start), end)
            return end

        return build

    def _sequence(self) -> Builder:
        parts: list[Builder] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))

        def build(automaton: _Automaton, start: int) -> int:
            # A state of its own: a loop must not lead back into what stands before it.
            here = automaton.edge(start, automaton.state())
            for part in parts:
                here = part(automaton, here)
            return here

        return build

    def _atom(self) -> Builder:
        character = self._take()
        if character == "(":
            if self._pattern.startswith("?:", self._at):
                self._at += 2
            inner = self._alternatives()
            if self._take() != ")":
                raise UnsupportedGrammar("a group is not closed")
            return inner
        if character == "[":
            return _one_of(self._class())
        if character == "\\":
            return _one_of(_escaped(self._take()))
        if character in "*+?{^$":
            raise UnsupportedGrammar(f"unexpected {character!r}")
        return _one_of(_ANY if character == "." else frozenset(character))

    def _class(self) -> frozenset[str]:
        negated = self._peek() == "^"
        self._at += negated
        members: set[str] = set()
        while (character := self._take()) != "]":
            if character == "\\":
                members |= _escaped(self._take())
            elif self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                members |= {chr(code) for code in range(ord(character), ord(self._take()) + 1)}
            else:
                members.add(character)
        return _ANY - members if negated else frozenset(members)

    def _repeated(self, atom: Builder) -> Builder:
        mark = self._peek()
        if mark in _REPEATS and mark:
            self._at += 1
            return _repeat(atom, *_REPEATS[mark])
        counts = re.compile(r"\{(\d+)(,?)(\d*)\}").match(self._pattern, self._at)
        if counts is None:
            return atom
        self._at = counts.end()
        low = int(counts[1])
        if not counts[2]:
            return _repeat(atom, low, low)
        return _repeat(atom, low, int(counts[3]) if counts[3] else None)


def _escaped(character: str) -> frozenset[str]:
    return _SHORTHANDS.get(character, frozenset(character))


def _one_of(characters: frozenset[str]) -> Builder:
    return lambda automaton, start: automaton.edge(start, automaton.state(), characters)


def _repeat(atom: Builder, low: int, high: int | None) -> Builder:
    def build(automaton: _Automaton, start: int) -> int:
        for _ in range(low):
            start = atom(automaton, start)
        end = automaton.state()
        if high is None:
            again = automaton.edge(start, automaton.state())
            automaton.edge(atom(automaton, again), again)
            return automaton.edge(again, end)
        for _ in range(high - low):
            automaton.edge(start, end)
            start = atom(automaton, start)
        return automaton.edge(start, end)

    return build


_STRING = '"[a-zA-Z ]{1,24}"'
_INTEGER = "-?(0|[1-9][0-9]{0,3})"
_NUMBER = rf"{_INTEGER}(\.[0-9]{{1,2}})?"
_MEMBER = f'"[a-z]{{1,8}}": ({_STRING}|{_NUMBER}|true|false)'
_TYPES = {
    "string": _STRING,
    "integer": _INTEGER,
    "number": _NUMBER,
    "boolean": "(true|false)",
    "null": "null",
}

ANY_OBJECT = rf"\{{{_MEMBER}(, {_MEMBER}){{0,2}}\}}"
"""The expression behind `json_object`: one to three members with simple values."""


def choice_pattern(texts: Sequence[str]) -> str:
    """The expression that matches exactly one of the texts."""
    return "(" + "|".join(_literal(text) for text in texts) + ")"


def notation_pattern(notation: str) -> str:
    """The expression behind a grammar of one rule: `root ::= "text" ("this" | "that")`.

    Raises:
        UnsupportedGrammar: The grammar holds more than texts, groups and alternatives.
    """
    name, found, body = notation.partition("::=")
    parts = re.findall(r'"[^"]*"|[()|]|\S', body)
    if name.strip() != "root" or not found or any(part[0] not in '"()|' for part in parts):
        raise UnsupportedGrammar(f"no way to follow {notation!r}")
    return "".join(_literal(part[1:-1]) if part[0] == '"' else part for part in parts)


def schema_pattern(schema: Mapping[str, Any]) -> str:
    """The expression behind a JSON schema; every property is present, in the schema's order.

    Raises:
        UnsupportedGrammar: The schema uses more than objects, arrays, simple types, `enum`
            and `const`.
    """
    if "enum" in schema:
        return choice_pattern([json.dumps(value) for value in schema["enum"]])
    if "const" in schema:
        return _literal(json.dumps(schema["const"]))
    kind = schema.get("type")
    if kind == "object":
        if not schema.get("properties"):
            return ANY_OBJECT
        members = [
            f"{_literal(json.dumps(name))}: {schema_pattern(inner)}"
            for name, inner in schema["properties"].items()
        ]
        return rf"\{{{', '.join(members)}\}}"
    if kind == "array":
        item = schema_pattern(schema.get("items", {"type": "integer"}))
        return rf"\[{item}(, {item}){{0,3}}\]"
    if isinstance(kind, str) and kind in _TYPES:
        return _TYPES[kind]
    raise UnsupportedGrammar(f"no way to write a value of {json.dumps(schema)}")


def _literal(text: str) -> str:
    if any(character not in IDS for character in text):
        raise UnsupportedGrammar(f"the vocabulary cannot spell {text!r}")
    return "".join(c if c.isalnum() or c in ' ,:"' else "\\" + c for c in text)


if len(VOCABULARY) - len(SPECIALS) != len(IDS):
    raise AssertionError("two tokens of the vocabulary have the same text")
