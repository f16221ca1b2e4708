"""Answers to BFCL's items, made from the accepted calls: right ones, and ones gone wrong.

Everything is drawn with a seed, so that the same answers are made each time. An answer is a list of
calls, each a name and its arguments: Python values, or for Java and JavaScript the texts of values
in that language. `native` and `prompted` write it as tool calls and as a text.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Arguments = dict[str, Any]
Reply = list[tuple[str, Arguments]]
Item = Mapping[str, Any]


def _plain(accepted: Any) -> Any:
    """Choose the first value of every list of accepted values inside an object."""
    if isinstance(accepted, dict):
        chosen = {key: next((v for v in each if v != ""), "") for key, each in accepted.items()}
        return {key: value for key, value in chosen.items() if value != ""}
    if isinstance(accepted, list):
        return [_plain(each) for each in accepted]
    return accepted


def right(item: Item, truth: Sequence[Mapping[str, Any]], language: str) -> Reply:
    """Make the accepted calls; an argument that only may be left out is left out."""
    functions = {each["name"]: each for each in item["function"]}
    reply: Reply = []
    for accepted in truth:
        ((name, answers),) = accepted.items()
        function = functions.get(name, item["function"][0])
        properties = function["parameters"]["properties"]
        arguments: Arguments = {}
        for key, values in answers.items():
            value = next((each for each in values if each != ""), None)
            if key not in properties or (value is None and None not in values):
                continue
            value = _plain(value)
            arguments[key] = value if language == "python" else source(value, properties[key])
        reply.append((function["name"], arguments))
    return reply


def source(value: Any, schema: Mapping[str, Any]) -> str:
    """Write a value in Java or JavaScript, as the declared type has it."""
    kind, item = schema["type"], schema.get("items", {})
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and kind in ("Array", "ArrayList"):
        quote = '"' if kind == "ArrayList" and item.get("type") == "String" else ""
        items = ", ".join(
            f"{quote}{each}{quote}" if isinstance(each, str) else source(each, item)
            for each in value
        )
        return (
            f"new ArrayList<>(Arrays.asList({items}))"
            if quote or kind == "ArrayList"
            else (f"new {item['type']}[]{{{items}}}")
        )
    if isinstance(value, dict) and kind == "HashMap":
        puts = " ".join(f'put("{key}", {json.dumps(each)});' for key, each in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}" if value else "new HashMap<>()"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return f"{value}L" if kind == "long" else f"{value}"


def native(reply: Reply) -> list[list[str]]:
    """Write an answer as tool calls: names with underscores, arguments as JSON."""
    return [[name.replace(".", "_"), json.dumps(arguments)] for name, arguments in reply]


def prompted(reply: Reply, item: Item, language: str) -> str:
    """Write an answer as a text."""
    calls = []
    for name, arguments in reply:
        written = (
            f"{key}={repr(value) if language == 'python' else _literal(item, key, value)}"
            for key, value in arguments.items()
        )
        calls.append(f"{name}({', '.join(written)})")
    return f"[{', '.join(calls)}]"


def _literal(item: Item, key: str, value: Any) -> str:
    """Write a text of a Java or JavaScript value, quoted where it would not be read otherwise."""
    schema = item["function"][0]["parameters"]["properties"].get(key, {"type": "String"})
    text = value if isinstance(value, str) else json.dumps(value)
    if schema["type"] == "HashMap" and "{{" in text and "'" not in text:
        return f"'{text}'"
    free = schema["type"] in ("String", "any") or (text.count(":") > 1 and "(" not in text)
    quoted = (free and text[:1] not in "{[") or "{/" in text
    return f'"{text}"' if quoted and '"' not in text else text


Change = Callable[[random.Random, Reply], Reply | None]


def _with(reply: Reply, place: int, arguments: Arguments) -> Reply:
    return [*reply[:place], (reply[place][0], arguments), *reply[place + 1 :]]


def _changed(change: Callable[[random.Random, Any], Any]) -> Change:
    """Change one argument of one call."""

    def apply(draw: random.Random, reply: Reply) -> Reply | None:
        places = [(place, key) for place, (_, arguments) in enumerate(reply) for key in arguments]
        if not places:
            return None
        place, key = draw.choice(places)
        arguments = dict(reply[place][1])
        arguments[key] = change(draw, arguments[key])
        return _with(reply, place, arguments)

    return apply


def _drop(draw: random.Random, reply: Reply) -> Reply | None:
    place = draw.randrange(len(reply))
    arguments = dict(reply[place][1])
    if arguments:
        del arguments[draw.choice(list(arguments))]
    return _with(reply, place, arguments)


def _add(draw: random.Random, reply: Reply) -> Reply:
    place = draw.randrange(len(reply))
    return _with(reply, place, {**reply[place][1], "unheard_of": draw.choice([1, "x", None])})


def _rename(draw: random.Random, reply: Reply) -> Reply:
    place = draw.randrange(len(reply))
    name, arguments = reply[place]
    other = draw.choice([name + "s", name.upper(), name.replace(".", "_"), name[1:] or "f"])
    return [*reply[:place], (other, arguments), *reply[place + 1 :]]


def _misname(draw: random.Random, reply: Reply) -> Reply:
    place = draw.randrange(len(reply))
    arguments = {
        (key.upper() if draw.random() < 0.5 else key): value
        for key, value in reply[place][1].items()
    }
    return _with(reply, place, arguments)


def _other_type(draw: random.Random, value: Any) -> Any:
    choices = [str(value), None, [value], {"a": value}, True, 0, 1.5, "", [], {}]
    if isinstance(value, bool):
        choices += [int(value), str(value).lower(), not value]
    elif isinstance(value, int):
        choices += [float(value), value + 1, -value, value + 0.5]
    elif isinstance(value, float):
        choices += [int(value), value + 1, -value]
    return draw.choice(choices)


def _other_text(draw: random.Random, value: Any) -> Any:
    if isinstance(value, list):
        return [_other_text(draw, each) for each in value]
    if isinstance(value, dict):
        return {key: _other_text(draw, each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    spelled = [value.upper(), value.replace(" ", "_"), f" {value}.", value.replace("'", '"')]
    spelled += [value.replace(",", ""), value + "s", value[:-1], value.title(), f"[{value}]"]
    spelled += [f"'{value}'", f'"{value}"', value.replace(" ", "\n"), value.replace("1", "２")]
    return draw.choice(spelled)


def _other_inside(draw: random.Random, value: Any) -> Any:
    if isinstance(value, list) and value:
        place = draw.randrange(len(value))
        inner = _other_inside(draw, value[place])
        if inner == value[place]:
            inner = _other_type(draw, value[place])
        ways = [
            [*value[:place], inner, *value[place + 1 :]],
            value[::-1],
            value[1:],
            [*value, value[-1]],
            tuple(value),
            [value],
            sorted(value, key=str),
        ]
        return draw.choice(ways)
    if isinstance(value, dict) and value:
        key = draw.choice(list(value))
        rest = {name: each for name, each in value.items() if name != key}
        changed = {**value, key: _other_inside(draw, value[key])}
        retyped = {**value, key: _other_type(draw, value[key])}
        return draw.choice([rest, changed, retyped, {**value, "unheard_of": 1}, {}])
    return value


_LETTERS = "()[]{}<>\"'`,;:.=+-*/\\ \n0129aLn_né"


def edited(draw: random.Random, text: str) -> str:
    """Take a letter out of a text, put one in, swap two, or cut it."""
    place = draw.randrange(len(text) + 1)
    match draw.randrange(5):
        case 0:
            return text[:place] + text[place + 1 :]
        case 1:
            return text[:place] + draw.choice(_LETTERS) + text[place:]
        case 2:
            return text[:place] + draw.choice(_LETTERS) + text[place + 1 :]
        case 3:
            return (
                text[:place]
                + text[place + 1 : place + 2]
                + text[place : place + 1]
                + text[place + 2 :]
            )
    return text[:place]


def _other_source(draw: random.Random, value: Any) -> Any:
    return edited(draw, value) if isinstance(value, str) else value


CHANGES: Mapping[str, Change] = {
    "as it is": lambda _draw, reply: reply,
    "one argument less": _drop,
    "an argument more": _add,
    "another function": _rename,
    "other names": _misname,
    "another type": _changed(_other_type),
    "another spelling": _changed(_other_text),
    "other inside": _changed(_other_inside),
    "a letter off": _changed(_other_source),
    "a call less": lambda draw, reply: reply[: draw.randrange(len(reply))],
    "a call twice": lambda draw, reply: [*reply, draw.choice(reply)],
    "other order": lambda draw, reply: draw.sample(reply, len(reply)),
    "no arguments": lambda _draw, reply: [(name, {}) for name, _ in reply],
    "several": lambda draw, reply: _add(draw, _drop(draw, reply) or reply),
}

_FRAMES = (
    "{}", "```\n{}\n```", "```python\n{}\n```", "Sure: {}", "{} Done.", "{}\n", "[{}]", "({})",
    "'{}'", "`{}`", "{};", "{},", "{}\n{}", "{} # calls", "[[{}]]",
)  # fmt: skip
PROSE = (
    "", "I cannot do that.", "None of the functions can be used.", "[]", "{}", "[{}]", "[None]",
    "[1, 2]", "f", "f()", "[f(1)]", "[f(a=lambda: 1)]", "[f(a=1)", "f(a=1)]", "[f(a=2*3)]",
    "[f(a=not True)]", "[f(a=+5)]", "[f(a=-x)]", "[f(a=g(b=1))]", "[f(a=g(1))]", "[f(a=x[0, 1])]",
    "[f(a=...)]", "[f(**x)]", "[f(*x)]", "[f(a={'b'})]", "[a.b.c(d=1)]", "[f(a=1)(b=2)]",
    "[f(a='\\d')]", "[f(a=1, a=2)]", "[f(a=f'{x}')]", "[f(a={**b})]", "[f(a={[1]: 2})]", "(f(a=1))",
    "[f(a=1)] + [g()]", "我不知道", "[f(a='你好')]", "[f(a=1j)]", "[f(a=b'x')]", "null", "\x00",
    "[f(a='x' 'y')]", "[f(a=1 if b else 2)]", "[f(a=[x for x in y])]", "[f(a=10**3)]",
    "[f(a=[1]*3)]", "[f(a=1/0)]", "[f(a=~5)]", "[f(a=-5)]", "[f(a=--5)]", "[f(a=1 < 2)]",
)  # fmt: skip


def prompted_replies(
    item: Item, reply: Reply, language: str, seed: int
) -> Iterator[tuple[str, str]]:
    """Make texts from an answer, each with the name of what was done to it."""
    draw = random.Random(f"{seed} {item['id']} prompted")
    for name, change in CHANGES.items():
        for _ in range(1 if name == "as it is" else 2):
            changed = change(draw, reply)
            if changed is not None:
                yield name, prompted(changed, item, language)
    text = prompted(reply, item, language)
    for frame in _FRAMES:
        yield f"frame {frame!r}", frame.replace("{}", text)
    for _ in range(8):
        yield "edited", edited(draw, text)
    yield "prose", draw.choice(PROSE)
    yield "unnamed", text.replace("(", "(7, ", 1)
    yield "spaced", text.replace("=", " = ").replace(", ", " ,\n")


def native_replies(item: Item, reply: Reply, seed: int) -> Iterator[tuple[str, list[list[str]]]]:
    """Make tool calls from an answer, each with the name of what was done to it."""
    draw = random.Random(f"{seed} {item['id']} native")
    for name, change in CHANGES.items():
        for _ in range(1 if name == "as it is" else 3):
            changed = change(draw, reply)
            if changed is not None:
                yield name, native(changed)
    calls = native(reply)
    yield "dots", [[name, call[1]] for (name, _), call in zip(reply, calls, strict=True)]
    for spoilt in ("", "null", "[]", "1", '"x"', "{", '{"a": NaN}', calls[0][1] + "}"):
        yield "spoilt", [[calls[0][0], spoilt], *calls[1:]]
    yield "none", []
