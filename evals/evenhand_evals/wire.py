"""OpenAI's shapes, as far as an evaluation needs them: the bodies sent, the answers read."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from evenhand_evals.types import Completion, Message, ToolCall, Usage

ABORTED = frozenset(("abort", "error"))
"""Finish reasons of an answer that the engine gave up: SGLang's and vLLM's `abort`, and `error`,
which gateways give where the engine behind them failed. What text there is, is not the answer."""


def chat_body(
    model: str, messages: Sequence[Message], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Build the body of a chat request; only the given parameters are in it."""
    return {
        "model": model,
        "messages": [{"role": each.role, "content": each.content} for each in messages],
        **parameters,
    }


def text_body(model: str, prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Build the body of a request to `/completions`."""
    return {"model": model, "prompt": prompt, **parameters}


def image_url(part: Any) -> str | None:
    """Give the address of a content part that is an image, None of any other part."""
    image = part.get("image_url") if isinstance(part, Mapping) else None
    url = image.get("url") if isinstance(image, Mapping) else image
    return url if isinstance(url, str) else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _choice(response: Any) -> dict[str, Any] | None:
    """The first choice, or None where there is none with a message or a text."""
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice: dict[str, Any] = choices[0]
    if isinstance(choice.get("message"), dict) or isinstance(choice.get("text"), str):
        return choice
    return None


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of a choice; what `/completions` gives is the content of one."""
    message = choice.get("message")
    return message if isinstance(message, dict) else {"content": choice["text"]}


def _content(value: Any) -> str | None:
    """The text of a message's content, or None where its shape is not known.

    It is null, a text, or a list of parts (`{"type": "text", "text": ...}`), which are joined.
    """
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        return None
    texts = []
    for part in value:
        text = _text(part.get("text")) if isinstance(part, dict) else None
        if text is None or part.get("type") != "text":
            return None
        texts.append(text)
    return "".join(texts)


def aborted(response: Any) -> bool:
    """Whether the engine gave the answer up, so that asking again can help."""
    choice = _choice(response)
    return choice is not None and _text(choice.get("finish_reason")) in ABORTED


_UNSEEING = (
    "image input is not supported",
    "is not a multimodal model",
    "Model only supports text input",
)
"""What is said to an image that a model cannot take, by llama.cpp (tools/server/server-common.cpp,
with status 500), by vLLM (multimodal/registry.py) and by SGLang (openai/serving_chat.py)."""


def unseeing(body: Any) -> bool:
    """Whether an error says that the model takes no images: asking again cannot help."""
    error = body.get("error", body) if isinstance(body, Mapping) else None  # SGLang wraps nothing
    message = error.get("message") if isinstance(error, Mapping) else None
    return isinstance(message, str) and any(text in message for text in _UNSEEING)


Kind = Literal["message", "text"]
"""What a request must come back with: a chat's message, or the text of completions."""


def fault(response: Any, kind: Kind = "message") -> str | None:
    """Say why a body is no answer that could be scored, or None if it is one."""
    choice = _choice(response)
    if choice is None or kind not in choice:
        return "the body is no chat answer" if kind == "message" else "the body has no text"
    if aborted(response):
        return f"the engine gave the answer up: finish_reason is {choice['finish_reason']!r}"
    content = _message(choice).get("content")
    if _content(content) is None:
        return (
            f"the message's content is {str(content)[:100]!r}, "
            "not a text, null or a list of text parts"
        )
    return None


def parse_completion(response: Any) -> Completion | None:
    """Read the first choice of an answer, of chat or of completions, or None if there is none.

    A message without text (a refusal, an exhausted thinking budget, a tool call) is an answer with
    an empty text; content of an unknown shape is none. The thinking is read from
    `reasoning_content` (SGLang, vLLM, GLM) or `reasoning`.
    """
    choice = _choice(response)
    message = _message(choice) if choice else {}
    text = _content(message.get("content")) if choice else None
    if choice is None or text is None:
        return None
    usage = response.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=text,
        finish_reason=_text(choice.get("finish_reason")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        refusal=_text(message.get("refusal")),
        usage=Usage(
            prompt_tokens=_integer(usage.get("prompt_tokens")),
            completion_tokens=_integer(usage.get("completion_tokens")),
            reasoning_tokens=_reasoning_tokens(usage),
        ),
        tool_calls=_tool_calls(message.get("tool_calls")),
    )


def _reasoning_tokens(usage: dict[str, Any]) -> int | None:
    """Read OpenAI's `completion_tokens_details`, or SGLang's field beside the other counts."""
    details = usage.get("completion_tokens_details")
    told = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return _integer(usage.get("reasoning_tokens") if told is None else told)


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    """Read the calls of a message; one without a function's name is none."""
    calls = []
    for call in value if isinstance(value, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(function, dict) and isinstance(name, str):
            given = function.get("arguments")
            calls.append(ToolCall(name, given if isinstance(given, str) else _json(given)))
    return tuple(calls)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
