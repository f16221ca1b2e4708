"""OpenAI's chat shapes, as far as an evaluation needs them: the body sent, the answer read."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand_evals.types import Completion, Message, Usage

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


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _choice(response: Any) -> dict[str, Any] | None:
    """The first choice, or None where there is none with a message."""
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice: dict[str, Any] = choices[0]
    return choice if isinstance(choice.get("message"), dict) else None


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


def fault(response: Any) -> str | None:
    """Say why a body is no answer that could be scored, or None if it is one."""
    choice = _choice(response)
    if choice is None:
        return "the body is no chat answer"
    if aborted(response):
        return f"the engine gave the answer up: finish_reason is {choice['finish_reason']!r}"
    content = choice["message"].get("content")
    if _content(content) is None:
        return (
            f"the message's content is {str(content)[:100]!r}, "
            "not a text, null or a list of text parts"
        )
    return None


def parse_completion(response: Any) -> Completion | None:
    """Read the first choice of a chat answer, or None if the body is not a chat answer.

    A message without text (a refusal, an exhausted thinking budget, a tool call) is an answer with
    an empty text; content of an unknown shape is none. The thinking is read from
    `reasoning_content` (SGLang, vLLM, GLM) or `reasoning`.
    """
    choice = _choice(response)
    text = _content(choice["message"].get("content")) if choice else None
    if choice is None or text is None:
        return None
    message = choice["message"]
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
        ),
    )
