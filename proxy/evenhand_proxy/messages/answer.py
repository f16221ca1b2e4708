"""A chat answer as a Message, and what plain answers and streams are both read with."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import orjson

from evenhand_proxy.errors import UpstreamBroken, UpstreamError
from evenhand_proxy.messages.errors import engine_error
from evenhand_proxy.wire import serialise

STOP_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
        "sensitive": "refusal",  # Zhipu
        "model_length": "model_context_window_exceeded",  # Mistral
        "model_context_window_exceeded": "model_context_window_exceeded",  # Zhipu
    }
)
"""Anthropic's stop reason for each finish reason; a reason that nobody knows is `end_turn`."""

FAILURES: Final = frozenset(("abort", "error", "insufficient_system_resource", "network_error"))
"""Finish reasons with which SGLang, vLLM, DeepSeek and Zhipu say that the answer was broken off."""

INVALID_JSON: Final = "INVALID_JSON"
"""The key under which a tool input that is no JSON object stands as text, as Anthropic's guide to
fine-grained tool streaming wraps it."""

_ID_LETTERS = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call, or of a stream one piece of it; `index` tells the calls of an answer apart."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a chat message or a delta says: its thinking, its text, its tool calls."""

    thinking: str
    text: str
    refused: bool
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Anthropic's stop reason, and which of the client's stop sequences was generated, if known."""

    reason: str
    sequence: str | None = None


def to_message(
    answer: Mapping[str, Any], model: str, stop_sequences: Sequence[str] = ()
) -> dict[str, Any]:
    """Translate a chat answer into a Message.

    `model` is the name to answer with, `stop_sequences` are those that the client sent: only one
    of them can be the one that was generated, not what a chat template stops at. Of several
    choices the first is taken. An answer without text has an empty `content`, as Anthropic
    documents it; one without usage has counts of 0, as the fields are required.

    Raises:
        UpstreamError: the answer is an error, has no choice, or was broken off by the engine.

    """
    if error := engine_error(answer):
        raise UpstreamError(f"The engine answered with an error: {error[1]}")
    choice = first_choice(answer)
    if choice is None:
        raise UpstreamError("The engine's answer holds no choice.")
    said = read_said(choice.get("message"))
    identity = message_id(answer.get("id"))
    content: list[dict[str, Any]] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": mended(said.thinking), "signature": ""})
    if said.text:
        content.append({"type": "text", "text": mended(said.text)})
    for number, call in enumerate(said.calls):
        block = tool_block(call, identity, number)
        content.append({**block, "input": _tool_input(call.arguments)})
    stop = stop_of(choice, stop_sequences, tools=bool(said.calls), refused=said.refused)
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop.reason,
        "stop_sequence": stop.sequence,
        "usage": usage_of(answer.get("usage")),
    }


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the choice with index 0 or none, of a plain answer or of an event."""
    listed = answer.get("choices")
    for choice in listed if isinstance(listed, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (None, 0):
            return choice
    return None


def read_said(message: Any) -> Said:
    """Read a chat message or a delta.

    Thinking stands in `reasoning_content` (SGLang, llama.cpp, DeepSeek, Zhipu) or `reasoning`
    (vLLM, OpenRouter, Ollama). A `refusal` is text that is marked as one.
    """
    if not isinstance(message, dict):
        return Said("", "", False, ())
    thinking = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    refusal = _text(message.get("refusal"))
    calls = tuple(_calls(message.get("tool_calls"))) if message.get("tool_calls") else ()
    return Said(thinking, _text(message.get("content")) + refusal, bool(refusal), calls)


def _text(content: Any) -> str:
    """Give a content's text: a string, or the text parts that some engines answer with."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(listed: Any) -> Iterator[ToolCall]:
    for place, item in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(item, dict):
            continue
        found = item.get("function")
        function = found if isinstance(found, dict) else {}
        index, arguments = item.get("index"), function.get("arguments")
        if isinstance(arguments, dict):
            arguments = _written(arguments)
        yield ToolCall(
            index if isinstance(index, int) else place,
            mended(_text(item.get("id"))),
            mended(_text(function.get("name"))),
            _text(arguments),
        )


def _written(arguments: Mapping[str, Any]) -> str:
    """Write arguments that an engine sent as an object, not as its text."""
    try:
        return serialise(arguments).decode()
    except RecursionError:
        raise UpstreamBroken("The engine sent a tool call that is nested too deeply.") from None


def tool_block(call: ToolCall, message: str, number: int) -> dict[str, Any]:
    """Give the `tool_use` block of a call, without its input.

    Raises:
        UpstreamBroken: it has no name, so no tool can be meant.

    """
    if not call.name:
        raise UpstreamBroken("The engine sent a tool call without a name.")
    identity = call.id or f"toolu_{message.removeprefix('msg_')}_{number}"
    return {"type": "tool_use", "id": identity, "name": call.name, "input": {}}


def _tool_input(arguments: str) -> dict[str, Any]:
    if not arguments.strip():
        return {}
    try:
        found = parsed(arguments)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {INVALID_JSON: mended(arguments)}


def stop_of(
    choice: Mapping[str, Any], stop_sequences: Sequence[str], *, tools: bool, refused: bool
) -> Stop:
    """Give why the answer ended, from the choice that says `finish_reason`.

    vLLM names the stop string that was generated in `stop_reason`, SGLang in `matched_stop`,
    llama.cpp in `stopping_word` (of `__verbose` on its chat route).

    Raises:
        UpstreamBroken: the engine broke the answer off, or does not say that it is complete.

    """
    finish = choice.get("finish_reason")
    if not isinstance(finish, str):
        raise UpstreamBroken("The engine's answer ended without a finish reason.")
    if finish in FAILURES:
        raise UpstreamBroken(f"The engine broke the answer off: its finish reason is {finish}.")
    reason = STOP_REASONS.get(finish, "end_turn")
    if reason not in ("end_turn", "tool_use"):
        return Stop(reason)
    if refused:
        return Stop("refusal")
    sequence = _generated(choice, stop_sequences) if reason == "end_turn" else None
    if sequence is not None:
        return Stop("stop_sequence", sequence)
    return Stop("tool_use" if tools else "end_turn")


def _generated(choice: Mapping[str, Any], stop_sequences: Sequence[str]) -> str | None:
    verbose = choice.get("__verbose")
    told = verbose if isinstance(verbose, dict) else {}
    for named in (
        choice.get("stop_reason"),
        choice.get("matched_stop"),
        choice.get("stopping_word"),
        told.get("stopping_word"),
    ):
        if isinstance(named, str) and named in stop_sequences:
            return named
    return None


def usage_of(usage: Any) -> dict[str, Any]:
    """Translate token counts; what the engine did not count is left out, or 0 where required.

    Anthropic's `input_tokens` are those that were not read from the cache, OpenAI's
    `prompt_tokens` are all.
    """
    found = usage if isinstance(usage, dict) else {}
    prompt, completion = _count(found, "prompt_tokens"), _count(found, "completion_tokens")
    cached = _count(found.get("prompt_tokens_details"), "cached_tokens")
    thought = _count(found.get("completion_tokens_details"), "reasoning_tokens")
    counts: dict[str, Any] = {
        "input_tokens": max(0, (prompt or 0) - (cached or 0)),
        "output_tokens": completion or 0,
    }
    if cached is not None:
        counts["cache_read_input_tokens"] = cached
    if thought is not None:
        counts["output_tokens_details"] = {"thinking_tokens": thought}
    return counts


def _count(owner: Any, name: str) -> int | None:
    value = owner.get(name) if isinstance(owner, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def message_id(given: Any) -> str:
    """Give a Message's id: the engine's own after `msg_`, so that it can be found in its log."""
    kept = _ID_LETTERS.sub("", given.removeprefix("chatcmpl-")) if isinstance(given, str) else ""
    return f"msg_{kept or uuid4().hex}"


def parsed(text: str | bytes) -> Any:
    """Parse JSON, halves of surrogate pairs and all, which orjson refuses.

    Raises:
        ValueError: it is not JSON.

    """
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text if isinstance(text, str) else text.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def mended(text: str) -> str:
    """Give the text with halves of surrogate pairs joined, and lone ones as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
