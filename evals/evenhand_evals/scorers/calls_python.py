"""Read calls out of a text such as `[f(a=1), g(b="x")]`, as BFCL does.

The text is parsed as Python and never run. The reading is that of bfcl-eval 2026.3.23
(`model_handler/utils.py`, Apache-2.0), its oddities included: arguments without a name are dropped,
every unary operator is read as a minus, a bare name is its own text, and a call among the values is
an object unless it has no named arguments. One thing differs on purpose: the official program runs
every arithmetic expression that an answer holds, whatever it calls; here only numbers, texts and
lists are calculated with, and nothing else can be read.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from evenhand_evals.scorers.calls import Call, Unreadable

_LONGEST = 10_000
"""How many letters and numbers a text or list may have that is made by multiplying one."""

_LARGEST_BASE, _LARGEST_EXPONENT = 10**9, 1000
"""Beyond these no power is taken and no number shifted: the result could fill the memory."""

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
        ast.BitAnd: operator.and_,
        ast.BitOr: operator.or_,
        ast.BitXor: operator.xor,
        ast.LShift: operator.lshift,
        ast.RShift: operator.rshift,
    }
)


def bracketed(text: str) -> str:
    """Take blanks and fences off an answer, and put it in brackets unless it is."""
    text = text.strip("`\n ")
    text = text if text.startswith("[") else "[" + text
    return text if text.endswith("]") else text + "]"


def python_calls(text: str) -> tuple[Call, ...]:
    """Read the calls of an answer.

    Raises:
        Unreadable: it is not a list of calls.

    """
    try:
        with warnings.catch_warnings():
            # A text such as "\d" in an answer is worth a warning to whoever wrote it, not to us.
            warnings.simplefilter("ignore")
            parsed = ast.parse(bracketed(text).strip().strip("'"), mode="eval").body
            nodes = [parsed] if isinstance(parsed, ast.Call) else _elements(parsed)
            return tuple(_call(node) for node in nodes)
    except (SyntaxError, ValueError, TypeError, ArithmeticError) as error:
        raise Unreadable(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise Unreadable("nested too deeply") from error


def _elements(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return node.elts
    raise Unreadable(f"a {type(node).__name__} where a list of calls belongs")


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise Unreadable(f"a {type(node).__name__} where a call belongs")
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    arguments = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    return Call(".".join(reversed(parts)), arguments)


def _value(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant(value=value):
            return "..." if value is Ellipsis else value
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() | complex() as value)):
            return -value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.BinOp():
            return _calculated(node)
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=value, slice=part):
            return f"{ast.unparse(value)}[{ast.unparse(part)}]"
        case ast.Call():
            return _inner_call(node)
    raise Unreadable(f"a {type(node).__name__} where a value belongs")


def _inner_call(node: ast.Call) -> Any:
    if not node.keywords:
        return ast.unparse(node)
    call = _call(node)
    return {call.name: dict(call.arguments)}


def _calculated(node: ast.expr) -> Any:
    """Calculate with constants, as Python does."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_calculated(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_calculated(operand)
        case ast.List(elts=items):
            return [_calculated(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_calculated(item) for item in items)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _applied(op, _calculated(left), _calculated(right))
    raise Unreadable(f"a {type(node).__name__} in a calculation")


def _applied(op: ast.operator, left: Any, right: Any) -> Any:
    """Apply an operator, unless what comes of it could be huge."""
    numbers = all(isinstance(each, int | float | complex) for each in (left, right))
    if isinstance(op, ast.Pow | ast.LShift) and not (
        numbers and abs(left) <= _LARGEST_BASE and abs(right) <= _LARGEST_EXPONENT
    ):
        raise Unreadable("too large to calculate")
    if isinstance(op, ast.Mult) and not numbers:
        times = next((each for each in (left, right) if isinstance(each, int)), 1)
        if _size(left) * _size(right) * times > _LONGEST:
            raise Unreadable("too large to calculate")
    if isinstance(op, ast.Mod) and isinstance(left, str | bytes):
        raise Unreadable("a text that is formatted")
    return _OPERATORS[type(op)](left, right)


def _size(value: Any) -> int:
    """Count the letters and numbers of a value."""
    if isinstance(value, list | tuple):
        return 1 + sum(map(_size, value))
    return max(1, len(value)) if isinstance(value, str | bytes) else 1
