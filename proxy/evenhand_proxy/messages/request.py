"""A Messages request as a chat request.

Only content is read here. Every other top-level field is copied under its own name with its own
value, whether or not anybody knows it: decoding fields (`max_tokens`, `temperature`, `top_k`,
`stop_sequences`, `thinking`, `output_config`, ...) are read, renamed and recorded by the one
normaliser that all routes share, and a field that nobody knows reaches the engine as it came.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.messages.conversation import conversation
from evenhand_proxy.messages.shapes import a_list, a_switch, a_text, an_object, missing, wrong
from evenhand_proxy.wire import serialise

_CONTENT: Final = frozenset(("messages", "metadata", "system", "tool_choice", "tools"))

_ANTHROPICS_OWN: Final = ("container", "mcp_servers")
"""Work that Anthropic's servers do beside the model; no engine does it."""

_ONE_ANSWER: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {"n": (None, 1), "logprobs": (None, False)}
)
"""Fields of the chat protocol whose effect a Message has no place for, and what is harmless."""

_TOOL_FIELDS: Final = frozenset(("name", "description", "input_schema", "strict", "type"))
_TOOL_HINTS: Final = frozenset(("cache_control", "eager_input_streaming"))
"""Fields of a tool that change when bytes come or what they cost, never what is answered."""

_HARMLESS: Final[tuple[Any, ...]] = (None, False, [], ["direct"])
_TOOL_CHOICES: Final = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})


def to_chat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the body of `POST /v1/messages` into that of a chat completion.

    `stream: true` asks for the usage too, which Anthropic's protocol always reports. A
    conversation that ends with the assistant's words is to be continued, not answered: that is
    said as `continue_final_message` with `add_generation_prompt: false`: vLLM and llama.cpp refuse
    the first without the second, and SGLang, untold, shows the words to the model as the user's.

    Raises:
        RequestError: `max_tokens` is missing, a shape is wrong, or something can only be done by
            Anthropic's own servers.

    """
    if document.get("max_tokens") is None:
        raise missing("max_tokens", "Send how many tokens the answer may have at most.")
    for name in _ANTHROPICS_OWN:
        if document.get(name) not in _HARMLESS:
            raise wrong(name, document[name], "needs Anthropic's own servers", "Leave it out.")
    for name, harmless in _ONE_ANSWER.items():
        if document.get(name) not in harmless:
            raise wrong(
                name,
                document[name],
                "asks for what a Message cannot hold",
                "Leave it out, or call /v1/chat/completions.",
            )
    chat = {name: value for name, value in document.items() if name not in _CONTENT}
    chat["messages"] = messages = conversation(document)
    if messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
        chat.setdefault("continue_final_message", True)
        chat.setdefault("add_generation_prompt", False)
    if tools := _tools(document):
        chat["tools"] = tools
    _choose_tool(document, chat)
    _former_format(chat)
    _name_user(document, chat)
    _ask_for_usage(chat)
    return chat


def countable_text(document: Mapping[str, Any]) -> str:
    """Give all text of a request that a model reads, for `POST /v1/messages/count_tokens`.

    System prompt, messages, tool calls, tool results and tool definitions, a line between any two.
    Images are not counted, nor what a chat template adds.

    Raises:
        RequestError: a shape is wrong, as in `to_chat`.

    """
    texts: list[str] = []
    for message in conversation(document):
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
        elif content is not None:
            texts += [part["text"] for part in content if part["type"] == "text"]
        texts.append(message.get("reasoning_content", ""))
        for call in message.get("tool_calls", ()):
            texts += [call["function"]["name"], call["function"]["arguments"]]
    texts += [serialise(tool["function"]).decode() for tool in _tools(document)]
    return "\n".join(filter(None, texts))


def _tools(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = document.get("tools")
    if listed is None:
        return []
    found = enumerate(a_list(listed, "tools"))
    return [_tool(an_object(tool, f"tools.{at}"), f"tools.{at}") for at, tool in found]


def _tool(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    kind = tool.get("type")
    if kind not in (None, "custom"):
        raise wrong(
            f"{path}.type",
            kind,
            "is a tool of Anthropic's that engines do not have",
            "Send a tool of your own: name, description, input_schema.",
        )
    for name in tool.keys() - _TOOL_FIELDS - _TOOL_HINTS:
        if tool[name] not in _HARMLESS:
            raise wrong(
                f"{path}.{name}",
                tool[name],
                "has no counterpart in OpenAI's tools",
                "Leave it out.",
            )
    function = {"name": a_text(tool, "name", path)}
    if tool.get("description") is not None:
        function["description"] = a_text(tool, "description", path)
    if tool.get("input_schema") is None:
        raise missing(f"{path}.input_schema", "Send the JSON schema of the tool's input.")
    schema = an_object(tool["input_schema"], f"{path}.input_schema")
    strict = a_switch(tool, "strict", path)
    more = {} if strict is None else {"strict": strict}
    return {"type": "function", "function": {**function, "parameters": schema, **more}}


def _choose_tool(document: Mapping[str, Any], chat: dict[str, Any]) -> None:
    """Write `tool_choice`, and its decoding part as OpenAI's `parallel_tool_calls`."""
    if document.get("tool_choice") is None:
        return
    choice = an_object(document["tool_choice"], "tool_choice")
    kind = a_text(choice, "type", "tool_choice")
    if kind == "tool":
        function = {"name": a_text(choice, "name", "tool_choice")}
        chat["tool_choice"] = {"type": "function", "function": function}
    elif kind in _TOOL_CHOICES:
        chat["tool_choice"] = _TOOL_CHOICES[kind]
    else:
        known = ", ".join((*_TOOL_CHOICES, "tool"))
        raise wrong("tool_choice.type", kind, "is no choice", f"Send one of {known}.")
    single = a_switch(choice, "disable_parallel_tool_use", "tool_choice")
    if single is not None:
        path = "tool_choice.disable_parallel_tool_use"
        _set_once(chat, "parallel_tool_calls", not single, path)


def _former_format(chat: dict[str, Any]) -> None:
    """Write `output_format`, the field that structured outputs began with, as the later one.

    Both are in Anthropic's API reference; the normaliser knows `output_config.format`.
    """
    given = chat.pop("output_format", None)
    if given is None:
        return
    config = chat.get("output_config")
    inner = dict(an_object(config, "output_config")) if config is not None else {}
    if inner.get("format") is None:
        inner["format"] = given
    _set_once(inner, "format", given, "output_format")
    chat["output_config"] = inner


def _name_user(document: Mapping[str, Any], chat: dict[str, Any]) -> None:
    if document.get("metadata") is None:
        return
    metadata = an_object(document["metadata"], "metadata")
    for name in metadata.keys() - {"user_id"}:
        raise wrong(
            f"metadata.{name}", metadata[name], "is not known", "Send user_id only, or nothing."
        )
    if metadata.get("user_id") is not None:
        _set_once(chat, "user", a_text(metadata, "user_id", "metadata"), "metadata.user_id")


def _set_once(chat: dict[str, Any], name: str, value: Any, path: str) -> None:
    if chat.get(name, value) != value:
        raise wrong(name, chat[name], f"says something else than {path}", "Send one of the two.")
    chat[name] = value


def _ask_for_usage(chat: dict[str, Any]) -> None:
    stream = chat.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise wrong("stream", stream, "is not a switch", "Send true or false.")
    if not stream:
        return
    options = chat.get("stream_options")
    given = {} if options is None else an_object(options, "stream_options")
    chat["stream_options"] = {**given, "include_usage": True}
