"""OpenAI's chat shapes, as far as an evaluation needs them: the body sent, the answer read."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand_evals.types import Completion, Message, Usage


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


def parse_completion(response: Any) -> Completion | None:
    """Read the first choice of a chat answer, or None if the body is not a chat answer.

    A message without text (a refusal, an exhausted thinking budget, a tool call) is an answer with
    an empty text. The thinking is read from `reasoning_content` (SGLang, vLLM, GLM) or `reasoning`.
    """
    if not isinstance(response, dict):
        return None
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    usage = response.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=_text(message.get("content")) or "",
        finish_reason=_text(choice.get("finish_reason")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        refusal=_text(message.get("refusal")),
        usage=Usage(
            prompt_tokens=_integer(usage.get("prompt_tokens")),
            completion_tokens=_integer(usage.get("completion_tokens")),
        ),
    )
