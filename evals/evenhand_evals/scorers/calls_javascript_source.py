"""Read a call out of JavaScript source text, as BFCL's decoder does.

Values are kept as they are written, without the quotes around them (bfcl-eval 2026.3.23,
`model_handler/parser/js_parser.py`, Apache-2.0). Of arguments without a name, a bare name and
`true` stay, without a name; all others are dropped.
"""

from evenhand_evals.scorers.calls import Call, Unreadable
from evenhand_evals.scorers.calls_python import bracketed
from evenhand_evals.scorers.calls_source import (
    check_expression,
    check_unnamed,
    first_call,
    is_mark,
    tokens,
)


def javascript_calls(text: str) -> tuple[Call, ...]:
    """Read the first call of an answer; further calls on lines of their own are dropped.

    Raises:
        Unreadable: it does not begin with a call.

    """
    source = bracketed(text)[1:-1]
    call = first_call(tokens(source, javascript=True), lines=True)
    arguments: dict[str | None, str] = {}
    for argument in filter(None, call.arguments):
        name = None
        if len(argument) > 1 and argument[0].kind == "name" and is_mark(argument[1], "="):
            name, argument = argument[0].text, argument[2:]
            check_expression(argument)
        else:
            check_unnamed(argument[len(argument) > 1 and is_mark(argument[0], "...") :])
        bare = len(argument) == 1 and argument[0].kind == "name" and argument[0].text != "false"
        if name is None and not bare:
            continue
        if name in arguments:
            raise Unreadable(f"{name!r} is given twice")
        written = source[argument[0].start : argument[-1].end]
        quoted = any(written.startswith(each) and written.endswith(each) for each in "\"'")
        arguments[name] = written[1:-1] if quoted else written
    return (Call(call.name, arguments),)
