"""Read a call with named arguments, such as `Path.of(name="x")`, out of Java or JavaScript.

This is no parser of either language: it splits source text into tokens, finds the arguments of a
call, and tells a well-formed expression from one that is not. BFCL's own programs hand an answer to
tree-sitter and take the first call of what it makes of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from evenhand_evals.scorers.calls import Unreadable

Kind = Literal["name", "number", "text", "mark"]

_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>\"\"\".*?\"\"\"|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\\n])+')
    |(?P<number>(?:\d[\w.]*|\.\d\w*)(?:(?<=[eE])[+-]\d\w*)?)
    |(?P<name>[^\W\d][\w$]*|\$[\w$]*)
    |(?P<mark>\.\.\.|=>|->|::|\?\.|\*\*|===|!==|==|!=|<=|>=|&&|\|\||\?\?|\+\+|--|[-+*/%&|^]=
     |[-+*/%&|^<>=!~?:.,;(){}\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_JAVASCRIPT_TEXT = re.compile(
    r"""`(?:\\.|\$\{[^{}]*\}|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
_PATTERN = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*")

_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {"name": "name", "number": "number", "text": "text", "mark": "mark"}
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_PREFIX = frozenset(("+", "-", "!", "~", "++", "--", "typeof", "void", "delete", "await"))
_INFIX = frozenset(("+", "-", "*", "/", "%", "&", "|", "^", "<", ">", "=", "?", ":", "**")) | {
    *("===", "!==", "==", "!=", "<=", ">=", "&&", "||", "??", "::", "->", "=>"),
    *("+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "instanceof", "in"),
}
_LOOSE = frozenset(("function", "class", "async", "switch"))
"""Words after which anything goes: programs within an argument are not looked into."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source text; `start` and `end` are its place in it."""

    kind: Kind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A call: the name with its dots, and the tokens of each argument."""

    name: str
    arguments: tuple[Sequence[Token], ...]


def tokens(source: str, *, javascript: bool = False) -> list[Token]:
    """Split source text into tokens; JavaScript has templates, patterns and empty texts in `'`.

    Raises:
        Unreadable: something in it begins no token.

    """
    found: list[Token] = []
    place = 0
    while place < len(source):
        kind, match = _next(source, place, found, javascript=javascript)
        if match is None:
            raise Unreadable(f"{source[place : place + 20]!r} cannot be read")
        if kind is not None:
            found.append(Token(kind, match.group(), place, match.end()))
        place = match.end()
    return found


def _next(
    source: str, place: int, before: Sequence[Token], *, javascript: bool
) -> tuple[Kind | None, re.Match[str] | None]:
    """Match the next token; its kind is None for blanks and comments."""
    if javascript and source[place] in "`\"'":
        return "text", _JAVASCRIPT_TEXT.match(source, place)
    if javascript and source[place] == "/":
        # After a value a slash divides; elsewhere it begins a pattern.
        divides = before and (before[-1].kind != "mark" or before[-1].text in ")]}")
        pattern = None if divides else _PATTERN.match(source, place)
        if pattern:
            return "text", pattern
    match = _TOKEN.match(source, place)
    return (_KINDS.get(match.lastgroup or "") if match else None), match


def closing(within: Sequence[Token], place: int) -> int:
    """Give the place of the bracket that closes the one at `place`.

    Raises:
        Unreadable: none does.

    """
    awaited = []
    for index in range(place, len(within)):
        text = within[index].text if within[index].kind == "mark" else ""
        if text in _CLOSING:
            awaited.append(_CLOSING[text])
        elif text in (")", "]", "}") and (not awaited or awaited.pop() != text):
            break
        if not awaited:
            return index
    raise Unreadable("a bracket is not closed")


def separated(within: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Split tokens at the commas that stand in no bracket."""
    start = place = 0
    while place < len(within):
        if is_mark(within[place], ","):
            yield within[start:place]
            start = place + 1
        place = closing(within, place) + 1 if is_mark(within[place], *_CLOSING) else place + 1
    yield within[start:]


def is_mark(token: Token, *texts: str) -> bool:
    """Whether a token is one of these marks."""
    return token.kind == "mark" and token.text in texts


def first_call(within: Sequence[Token], *, lines: bool = False) -> SourceCall:
    """Read the first of some calls, which `;` separates, or the end of a line where `lines`.

    Raises:
        Unreadable: there is none, or something else than calls follows.

    """
    first: SourceCall | None = None
    place = 0
    while place < len(within):
        if is_mark(within[place], ";"):
            place += 1
            continue
        if first is not None and not lines and not is_mark(within[place - 1], ";"):
            raise Unreadable(f"{within[place].text!r} after the call")
        call, place = _call(within, place)
        first = first or call
    if first is None:
        raise Unreadable("nothing is called")
    return first


def _call(within: Sequence[Token], place: int) -> tuple[SourceCall, int]:
    start = place
    while place < len(within) and not is_mark(within[place], "("):
        token = within[place]
        expected = token.kind == "name" if (place - start) % 2 == 0 else is_mark(token, ".")
        if not expected:
            raise Unreadable(f"{token.text!r} is no part of a function's name")
        place += 1
    if place == len(within) or (place - start) % 2 == 0:
        raise Unreadable("nothing is called")
    end = closing(within, place)
    inside = within[place + 1 : end]
    name = "".join(token.text for token in within[start:place])
    return SourceCall(name, tuple(separated(inside)) if inside else ()), end + 1


def check_expression(within: Sequence[Token]) -> None:
    """Check that values and operators alternate, in brackets too.

    Raises:
        Unreadable: they do not.

    """
    place, value, questions = 0, False, 0
    cast = -1  # where what stands in parentheses ends: a type there takes a value after it
    while place < len(within):
        token = within[place]
        if token.kind == "name" and token.text in _LOOSE:
            return
        questions += is_mark(token, "?") - is_mark(token, ":")
        if questions < 0:
            raise Unreadable("':' without '?'")
        if value and place == cast and token.kind != "mark" and token.text not in _INFIX:
            value = False
        elif value:
            place, value = _after_value(within, place)
        elif token.text in _PREFIX:
            place += 1
        elif is_mark(token, *_CLOSING):
            place, value = _bracket(within, place), True
            cast = place if token.text == "(" else -1
        elif token.kind == "mark":
            raise Unreadable(f"{token.text!r} where a value belongs")
        else:
            place = _created(within, place) if token.text == "new" else place + 1
            value = True
    if not value:
        raise Unreadable("a value is missing")


def check_unnamed(within: Sequence[Token]) -> None:
    """Check an argument without a name.

    Raises:
        Unreadable: it is no expression, or assigns to something that is no name.

    """
    check_expression(within)
    if any(is_mark(token, "=") for token in within[1:2]):
        raise Unreadable(f"{within[0].text!r} is no name of an argument")


def _after_value(within: Sequence[Token], place: int) -> tuple[int, bool]:
    """Step over what follows a value; give the place after it, and whether it is a value again."""
    token = within[place]
    if is_mark(token, ".", "?.") and within[place + 1 : place + 2]:
        if within[place + 1].kind != "name":
            raise Unreadable(f"{within[place + 1].text!r} after a dot")
        return place + 2, True
    if is_mark(token, "(", "["):
        return _bracket(within, place), True
    if is_mark(token, "++", "--") or token.text.startswith("`"):
        return place + 1, True
    if is_mark(token, "=>", "->") and within[place + 1 : place + 2]:
        follows = is_mark(within[place + 1], "{")
        return (closing(within, place + 1) + 1, True) if follows else (place + 1, False)
    if token.text in _INFIX and token.kind != "text":
        return place + 1, False
    raise Unreadable(f"{token.text!r} after a value")


def _created(within: Sequence[Token], place: int) -> int:
    """Step over `new`, a type, and the body of a class or the items of an array, if any."""
    place += 2
    if place > len(within) or within[place - 1].kind != "name":
        raise Unreadable("'new' without a type")
    while place + 1 < len(within) and is_mark(within[place], "."):
        place += 2
    last = "("
    while place < len(within) and is_mark(within[place], "(", "["):
        last = within[place].text
        place = _bracket(within, place)
    if place < len(within) and is_mark(within[place], "{"):
        return _items(within, place) if last == "[" else closing(within, place) + 1
    return place


def _items(within: Sequence[Token], place: int) -> int:
    """Check the items of an array of Java, which may be arrays, and give the place after them."""
    end = closing(within, place)
    for part in separated(within[place + 1 : end]):
        if part and is_mark(part[0], "{"):
            _items(part, 0)
        elif part:
            check_expression(part)
    return end + 1


def _bracket(within: Sequence[Token], place: int) -> int:
    """Check what stands in a bracket, and give the place after it."""
    end = closing(within, place)
    for part in separated(within[place + 1 : end]):
        if is_mark(within[place], "{"):
            _check_property(part)
        elif part:
            check_expression(part[1:] if is_mark(part[0], "...") else part)
    return end + 1


def _check_property(part: Sequence[Token]) -> None:
    """Check one property of an object: `key: value`, a name alone, or `...value`."""
    if not part or (len(part) == 1 and part[0].kind == "name"):
        return
    if is_mark(part[0], "..."):
        check_expression(part[1:])
        return
    key = closing(part, 0) + 1 if is_mark(part[0], "[") else 1
    if len(part) > key and is_mark(part[key], ":"):
        check_expression(part[key + 1 :])
    elif len(part) <= key or not is_mark(part[key], "("):
        raise Unreadable("a property without a value")
