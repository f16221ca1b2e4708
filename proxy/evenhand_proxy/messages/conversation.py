"""Anthropic's system prompt and messages as OpenAI's chat messages.

What has no place of its own in OpenAI's shape goes by these rules; nothing else is changed.

- One text block becomes a string. Several stay apart as text parts, for the engine to join; an
  assistant's are put together, because they are one text that was cut around other blocks.
- `thinking` becomes the assistant message's `reasoning_content`, which SGLang, vLLM and llama.cpp
  hand to the chat template: models that think between tool calls need it back. The signature goes,
  and so does `redacted_thinking`, which only Anthropic can read.
- `is_error` becomes the word `Error:` before the tool message's text: the chat protocol has no flag
  for it, and without one a model would take the failure for a result.
- A tool message holds only text, so the images of a tool result follow in a user message that names
  the call.
- `cache_control` goes everywhere: it sets a price, not the answer.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.messages.shapes import (
    a_list,
    a_switch,
    a_text,
    an_object,
    blocks,
    missing,
    wrong,
)
from evenhand_proxy.wire import serialise

Message = dict[str, Any]
Part = dict[str, Any]


def conversation(document: Mapping[str, Any]) -> list[Message]:
    """Give the chat messages of a Messages request: its `system` first, then its `messages`.

    Raises:
        RequestError: a block, role or source that is unknown or cannot be carried.

    """
    said: list[Message] = []
    system = document.get("system")
    if system is not None and system not in ("", []):
        said += _system(system, "system")
    listed = document.get("messages")
    if listed is None:
        raise missing("messages", "Send a list of messages.")
    if not a_list(listed, "messages"):
        raise wrong("messages", listed, "is empty", "Send at least one message.")
    for number, item in enumerate(listed):
        path = f"messages.{number}"
        message = an_object(item, path)
        role = a_text(message, "role", path)
        if role not in _ROLES:
            known = ", ".join(_ROLES)
            raise wrong(f"{path}.role", role, "is no role here", f"Send one of {known}.")
        if message.get("content") is None:
            raise missing(f"{path}.content", "Send a string or an array of blocks.")
        said += _ROLES[role](message["content"], f"{path}.content")
    return said


def _system(content: Any, path: str) -> list[Message]:
    parts = _text_parts(content) if isinstance(content, str) else []
    if not parts:
        for kind, block, place in blocks(content, path):
            if kind != "text":
                raise wrong(f"{place}.type", kind, "cannot stand here", "Send text blocks only.")
            parts += _text(block, place)
    return [{"role": "system", "content": _content(parts)}]


def _user(content: Any, path: str) -> list[Message]:
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    messages: list[Message] = []
    images: list[Part] = []
    parts: list[Part] = []
    for kind, block, place in blocks(content, path):
        if kind != "tool_result":
            parts += _parts(kind, block, place, "tool_result")
            continue
        if parts:
            messages.append(_said_by_user([*images, *parts]))
            images, parts = [], []
        result, shown = _tool_result(block, place)
        messages.append(result)
        images += shown
    if not messages and not parts:
        raise wrong(path, content, "is empty", "Send at least one content block.")
    if images or parts:
        messages.append(_said_by_user([*images, *parts]))
    return messages


def _said_by_user(parts: list[Part]) -> Message:
    return {"role": "user", "content": _content(parts)}


def _assistant(content: Any, path: str) -> list[Message]:
    if isinstance(content, str):
        return [{"role": "assistant", "content": content}]
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for kind, block, place in blocks(content, path):
        if kind == "text":
            texts.append(a_text(block, "text", place))
        elif kind == "thinking":
            thoughts.append(a_text(block, "thinking", place))
        elif kind == "tool_use":
            calls.append(_tool_call(block, place))
        elif kind != "redacted_thinking":
            raise _unknown(kind, place, "text, thinking, redacted_thinking, tool_use")
    said: Message = {"role": "assistant", "content": "".join(texts)}
    if thought := "\n".join(filter(None, thoughts)):
        said["reasoning_content"] = thought
    if calls:
        said["content"] = said["content"] or None
        said["tool_calls"] = calls
    return [said]


_ROLES: Final[Mapping[str, Callable[[Any, str], list[Message]]]] = MappingProxyType(
    {"user": _user, "assistant": _assistant, "system": _system}
)


def _tool_call(block: Mapping[str, Any], path: str) -> dict[str, Any]:
    if block.get("input") is None:
        raise missing(f"{path}.input", "Send the tool's input as an object.")
    given = an_object(block["input"], f"{path}.input")
    return {
        "id": a_text(block, "id", path),
        "type": "function",
        "function": {"name": a_text(block, "name", path), "arguments": serialise(given).decode()},
    }


def _tool_result(block: Mapping[str, Any], path: str) -> tuple[Message, list[Part]]:
    """Give the tool message, and what a user message has to show after it."""
    call = a_text(block, "tool_use_id", path)
    content = block.get("content")
    parts: list[Part] = []
    if isinstance(content, str):
        parts = _text_parts(content)
    elif content is not None:
        for kind, inner, place in blocks(content, f"{path}.content"):
            parts += _parts(kind, inner, place)
    texts = [part for part in parts if part["type"] == "text"]
    images = [part for part in parts if part["type"] != "text"]
    if a_switch(block, "is_error", path):
        first = texts[0]["text"] if texts else ""
        texts[:1] = _text_parts(f"Error: {first}" if first else "Error")
    if images:
        images = [*_text_parts(f"Images in the result of tool call {call}:"), *images]
    return {"role": "tool", "tool_call_id": call, "content": _content(texts)}, images


def _parts(kind: str, block: Mapping[str, Any], path: str, *also: str) -> list[Part]:
    read = _PARTS.get(kind)
    if read is None:
        raise _unknown(kind, path, ", ".join((*_PARTS, *also)))
    return read(block, path)


def _unknown(kind: str, path: str, known: str) -> Exception:
    return wrong(
        f"{path}.type",
        kind,
        "cannot be carried to an engine that speaks chat completions",
        f"Send one of {known}.",
    )


def _text_parts(text: str) -> list[Part]:
    return [{"type": "text", "text": text}]


def _content(parts: list[Part]) -> str | list[Part]:
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def _text(block: Mapping[str, Any], path: str) -> list[Part]:
    return _text_parts(a_text(block, "text", path))


def _image(block: Mapping[str, Any], path: str) -> list[Part]:
    place = f"{path}.source"
    source = an_object(block.get("source"), place)
    kind = a_text(source, "type", place)
    if kind == "url":
        url = a_text(source, "url", place)
    elif kind == "base64":
        media, data = a_text(source, "media_type", place), a_text(source, "data", place)
        url = f"data:{media};base64,{data}"
    else:
        raise wrong(f"{place}.type", kind, "is kept elsewhere", "Send the image as base64 or url.")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Mapping[str, Any], path: str) -> list[Part]:
    """Give a document that is text; others would need Anthropic's own readers."""
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        raise wrong(
            f"{path}.citations", citations, "is Anthropic's own", "Leave it out: engines cannot."
        )
    place = f"{path}.source"
    source = an_object(block.get("source"), place)
    kind = a_text(source, "type", place)
    heads = [block[name] for name in ("title", "context") if isinstance(block.get(name), str)]
    parts = [part for head in heads for part in _text_parts(head)]
    if kind == "text":
        return [*parts, *_text_parts(a_text(source, "data", place))]
    if kind != "content":
        raise wrong(
            f"{place}.type",
            kind,
            "is a document that engines cannot read",
            "Send its text, with a source of type text or content.",
        )
    content = source.get("content")
    if isinstance(content, str):
        return [*parts, *_text_parts(content)]
    for inner, held, where in blocks(content, f"{place}.content"):
        if inner not in ("text", "image"):
            raise _unknown(inner, where, "text, image")
        parts += _PARTS[inner](held, where)
    return parts


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any], str], list[Part]]]] = MappingProxyType(
    {"text": _text, "image": _image, "document": _document}
)
