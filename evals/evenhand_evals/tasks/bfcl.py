"""BFCL by native tool calling: the functions go into `tools`, the calls come back as `tool_calls`.

Patil et al., the Berkeley Function Calling Leaderboard, v4 (package bfcl-eval 2026.3.23; code and
data Apache-2.0). One task for each category whose calls are compared by their syntax tree, and for
those that ask whether anything is called at all:

- `simple_python`, `simple_java`, `simple_javascript`, `multiple`, `parallel`, `parallel_multiple`,
  `live_simple`, `live_multiple`, `live_parallel`, `live_parallel_multiple`: right if the calls are
  the accepted ones (`scorers/calls.py` has the rules), in any order, and no others;
- `irrelevance`, `live_irrelevance`: right if nothing is called, or nothing that can be read;
- `live_relevance`: right if anything is called.

The prompt is the item's own messages and nothing else. As BFCL does, names of functions are sent
with `_` for `.`, types are turned into those of JSON Schema (`dict` is `object`, `float` is
`number`, `any` is `string`), each description says which language the function is in, and every
argument of a Java or JavaScript function is asked for as a text in that language's syntax. Neither
`tool_choice` nor `parallel_tool_calls` is sent. The headline is accuracy; `called` is the share of
answers with a call that can be read. An answer without one is `unparsed` where calls are compared:
many of them mean that the server has no tool parser, or not the model's.

What to mind:

- Only a server's chat route shows tools to a model: with `--template` or `--interface completions`
  the run is refused, and `bfcl_*_prompt` asks what can be asked so.
- BFCL asks with temperature 0.001; here the temperature is yours: `--set temperature=0.001`.
- "Simple" on the leaderboard is the unweighted mean of the three `simple` categories (400, 100
  and 50 items), and "Non-Live AST" that of simple, `multiple`, `parallel` and `parallel_multiple`,
  whereas "Live AST" weighs its categories by their items.
- A server that ignores `tools` is perfect at irrelevance: read it beside a category with calls.
  `live_parallel` has fewer than 20 items, so its interval is wide.
- Two Java items of v4, `simple_java_36` and `simple_java_65`, cannot be right by BFCL's own rules:
  they accept lists with numbers or truth values, and BFCL reads the items of such a list as texts.
- BFCL's handler for GLM-4 checkpoints that it serves itself reads one call of each answer and asks
  in an older model's words, so the leaderboard understates their `parallel` scores; this task asks
  through the server's own chat template and tool parser.

A file of v3 can be given by `--data FILE`; its answers belong into `possible_answer` beside it.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from evenhand_evals.scorers.calls import Call, Unreadable
from evenhand_evals.tasks.bfcl_items import Category, documented, variants
from evenhand_evals.types import Chat, Completion, Message, Task

JSON_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "integer": "integer",
        "number": "number",
        "float": "number",
        "string": "string",
        "boolean": "boolean",
        "bool": "boolean",
        "array": "array",
        "list": "array",
        "dict": "object",
        "object": "object",
        "tuple": "array",
        "any": "string",
        "byte": "integer",
        "short": "integer",
        "long": "integer",
        "double": "number",
        "char": "string",
        "ArrayList": "array",
        "Array": "array",
        "HashMap": "object",
        "Hashtable": "object",
        "Queue": "array",
        "Stack": "array",
        "Any": "string",
        "String": "string",
        "Bigint": "integer",
    }
)
"""JSON Schema's type for each of BFCL's (its table GORILLA_TO_OPENAPI); any other is a string."""


def underscored(name: str) -> str:
    """Give a function's name as it is sent: OpenAI's API allows no dots in it."""
    return name.replace(".", "_")


def tool(category: Category, function: Mapping[str, Any]) -> dict[str, Any]:
    """Give a function as an entry of `tools`."""
    shown = documented(category, function)
    parameters = shown["parameters"]
    schema = {
        **parameters,
        "type": "object",
        "properties": _properties(parameters["properties"]),
    }
    named = {**shown, "name": underscored(function["name"]), "parameters": schema}
    return {"type": "function", "function": named}


def _properties(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _schema(each) for name, each in properties.items()}


def _schema(given: Mapping[str, Any]) -> dict[str, Any]:
    schema = {**given, "type": JSON_TYPES.get(given.get("type", "string"), "string")}
    if given.get("type") == "float":
        schema["format"] = "float"
        schema["description"] = given.get("description", "") + " This is a float type value."
    if schema["type"] in ("array", "object"):
        if "properties" in given:
            schema["properties"] = _properties(given["properties"])
        elif "items" in given:
            schema["items"] = _items(given["items"])
    return schema


def _items(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the schema of a list's items, and of a list or an object within, but no deeper."""
    schema = {**given, "type": JSON_TYPES.get(given["type"], "string")}
    if schema["type"] == "array" and "items" in given:
        inner = given["items"]
        schema["items"] = {**inner, "type": JSON_TYPES.get(inner["type"], "string")}
    elif schema["type"] == "object" and "properties" in given:
        schema["properties"] = _properties(given["properties"])
    return schema


def _ask(
    category: Category, messages: Sequence[Message], functions: Sequence[Mapping[str, Any]]
) -> Chat:
    return Chat(tuple(messages), {"tools": [tool(category, each) for each in functions]})


def native_calls(category: Category, completion: Completion) -> tuple[Call, ...]:
    """Read the tool calls of an answer; one whose arguments are no JSON object spoils them all.

    Raises:
        Unreadable: there is none, or one cannot be read.

    """
    if not completion.tool_calls:
        raise Unreadable("the answer has no tool call")
    calls = []
    for call in completion.tool_calls:
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"the arguments of {call.name} are no JSON: {error}") from error
        if not isinstance(arguments, dict):
            raise Unreadable(f"the arguments of {call.name} are no object")
        calls.append(Call(call.name, arguments))
    return tuple(calls)


TASKS: Final[Mapping[str, Task]] = variants("", "native", _ask, native_calls, underscored)
