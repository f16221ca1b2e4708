"""Read a call out of Java source text, as BFCL's decoder does.

What comes of each argument is what bfcl-eval 2026.3.23 makes of tree-sitter's nodes
(`model_handler/parser/java_parser.py`, Apache-2.0): a text or character loses its quotes where it
is the whole value, calls are kept as they are written, and everything else loses its blanks. The
body of `new HashMap<>() {{ ... }}` is lost, so that a map is read only where it stands in quotes.

The official decoder leaves the final `;` to tree-sitter's error recovery, which finds it for most
calls and fails for some, such as one that ends in `""`; and it takes places in the UTF-8 bytes for
places in the text, so that it garbles everything after a letter beyond ASCII. Both are read here.
"""

from collections.abc import Sequence

from evenhand_evals.scorers.calls import Call, Unreadable
from evenhand_evals.scorers.calls_python import bracketed
from evenhand_evals.scorers.calls_source import (
    Token,
    check_expression,
    check_unnamed,
    closing,
    first_call,
    is_mark,
    separated,
    tokens,
)

_ASSIGNING = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")


def java_calls(text: str) -> tuple[Call, ...]:
    """Read the call of an answer; further calls after a `;` are dropped.

    Raises:
        Unreadable: it is not one call.

    """
    source = bracketed(text)[1:-1]
    if not source.strip():
        return ()
    found = _with_types(tokens(source))
    call = first_call(_unwrapped(found))
    arguments: dict[str | None, str] = {}
    for argument in call.arguments:
        if len(argument) > 1 and argument[0].kind == "name" and is_mark(argument[1], *_ASSIGNING):
            name, value = argument[0].text, argument[2:]
        elif len(argument) == 1 and argument[0].kind == "name":
            name, value = None, argument
        else:
            check_unnamed(argument)
            continue
        if name in arguments:
            raise Unreadable(f"{name!r} is given twice")
        arguments[name] = _argument(value, source)
    return (Call(call.name, arguments),)


def _unwrapped(found: Sequence[Token]) -> Sequence[Token]:
    """Take off parentheses around everything, and one pair of brackets beyond the usual."""
    brackets = 0
    while found and is_mark(found[0], "(", "[") and closing(found, 0) == len(found) - 1:
        brackets += is_mark(found[0], "[")
        if brackets > 1:
            raise Unreadable("too many brackets")
        found = found[1:-1]
    return found


def _with_types(found: Sequence[Token]) -> list[Token]:
    """Make one token of each type with type arguments that follows `new`."""
    merged: list[Token] = []
    place = 0
    while place < len(found):
        end = place + 1
        if merged and merged[-1].text == "new" and found[place].kind == "name":
            end = _type_end(found, place)
        text = "".join(token.text for token in found[place:end])
        merged.append(Token(found[place].kind, text, found[place].start, found[end - 1].end))
        place = end
    return merged


def _type_end(found: Sequence[Token], place: int) -> int:
    """Give the place after a type: names with dots, and what stands between `<` and `>`."""
    end, depth = place, 0
    while end < len(found):
        token = found[end]
        depth += is_mark(token, "<") - is_mark(token, ">")
        if depth > 0 and token.kind != "name" and not is_mark(token, *"<>,.?[]"):
            raise Unreadable(f"{token.text!r} in a type")
        if depth == 0 and token.kind != "name" and not is_mark(token, ">", "."):
            break
        end += 1
    return end


def _argument(value: Sequence[Token], source: str) -> str:
    check_expression(value)
    if is_mark(value[0], "[", "{"):
        raise Unreadable("a list or an object is no value in Java")
    if len(value) == 1 and value[0].kind == "text":
        return value[0].text[1:-1]
    return _written(value, source)


def _written(within: Sequence[Token], source: str) -> str:
    """Write an expression without blanks, but calls as they stand in the source."""
    parts: list[str] = []
    place = 0
    while place < len(within):
        called = _called(within, place)
        if called > place:
            parts.append(source[within[place].start : within[called - 1].end])
            place = called
        elif within[place].text == "new":
            text, place = _new(within, place, source)
            parts.append(text)
        else:
            parts.append(within[place].text)
            place += 1
    return "".join(parts)


def _called(within: Sequence[Token], place: int) -> int:
    """Give the place after the last call of the chain that begins here, or `place` if it has none.

    A chain is a value, and what is taken or called of it: `a.b(1)[0].c()`.
    """
    after = _head(within, place)
    last, named = place, within[place].kind == "name" and within[place].text != "new"
    while after < len(within):
        if is_mark(within[after], ".") and after + 1 < len(within):
            after, named = after + 2, True
        elif is_mark(within[after], "(") and named:
            after = last = closing(within, after) + 1
            named = False
        elif is_mark(within[after], "["):
            after, named = closing(within, after) + 1, False
        else:
            break
    return last


def _head(within: Sequence[Token], place: int) -> int:
    """Give the place after the value that a chain may begin with."""
    token = within[place]
    if token.text == "new":
        end = place + 2
        while end < len(within) and is_mark(within[end], "(", "[", "{"):
            end = closing(within, end) + 1
        return end
    if is_mark(token, "("):
        return closing(within, place) + 1
    return place + 1 if token.kind != "mark" else len(within)


def _new(within: Sequence[Token], place: int, source: str) -> tuple[str, int]:
    """Write `new` with its arguments or items; give the place after it too."""
    if place + 1 == len(within):
        raise Unreadable("'new' without a type")
    kind, end = within[place + 1].text, _head(within, place)
    opening = place + 2
    if opening < len(within) and is_mark(within[opening], "("):
        inside = within[opening + 1 : closing(within, opening)]
        arguments = [_written(each, source) for each in separated(inside)] if inside else []
        return f"new {kind}({', '.join(arguments)})", end
    while opening < end and is_mark(within[opening], "["):
        sized = closing(within, opening) > opening + 1
        opening = len(within) if sized else opening + 2
    if opening >= end or not is_mark(within[opening], "{"):
        raise Unreadable("an array without items")
    return f"new {kind}[]{_written(within[opening:end], source)}", end
