"""What litellm gives back, as OpenAI's bytes."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from evenhand_proxy.errors import UpstreamBroken, UpstreamTimeout
from evenhand_proxy.upstream.litellm_wire import Gate


@dataclass(frozen=True, slots=True)
class Begun:
    """A stream of litellm's whose first chunk is there; `first` is None if it has none."""

    first: Any
    rest: AsyncIterator[Any]

    @classmethod
    async def of(cls, stream: Any) -> Self:
        """Wait for the first chunk."""
        rest = aiter(stream)
        return cls(await anext(rest, None), rest)


class HostedAnswer:
    """An answer of a hosted provider's."""

    __slots__ = ("_body", "_close", "headers", "status")

    def __init__(
        self,
        close: Callable[[], None],
        status: int,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes],
    ) -> None:
        self._close = close
        self._body = body
        self.status = status
        self.headers = headers

    def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives."""
        return self._body

    async def read(self) -> bytes:
        """Give the whole body."""
        return b"".join([chunk async for chunk in self._body])

    def close(self) -> None:
        """Give the connection up."""
        self._close()


async def once(body: bytes) -> AsyncIterator[bytes]:
    """Give a body that is at hand."""
    yield body


def plain(result: Any, gate: Gate) -> bytes:
    """Give a whole answer; token counts only where the provider counted."""
    document = _document(result)
    if not gate.reported_usage:
        document.pop("usage", None)
    return orjson.dumps(document)


async def events(
    begun: Begun, gate: Gate, wants_usage: bool, deadline: float
) -> AsyncIterator[bytes]:
    """Give litellm's chunks as OpenAI's events.

    litellm invents a finish reason where a provider's stream just ends; the gate knows better.
    """
    chunk = begun.first
    while chunk is not None:
        _check_complete(gate)
        if event := _event(_document(chunk), wants_usage and gate.reported_usage):
            yield b"data: " + orjson.dumps(event) + b"\n\n"
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(begun.rest, None)
        except TimeoutError as error:
            raise UpstreamTimeout("The provider's answer took longer than `total`.") from error
        except Exception as error:
            raise gate.failure or unread(error) from error
    _check_complete(gate)
    yield b"data: [DONE]\n\n"


def _check_complete(gate: Gate) -> None:
    if gate.failure:
        raise gate.failure
    if gate.exhausted and not gate.ended:
        raise UpstreamBroken("The provider ended the stream before its answer was complete.")


def _event(document: dict[str, Any], wants_usage: bool) -> dict[str, Any] | None:
    """Give a chunk as OpenAI sends it, None for one that only holds what was not asked for."""
    usage = document.pop("usage", None)
    speaks = any(
        choice.get("delta") or choice.get("text") or choice["finish_reason"]
        for choice in document.get("choices", ())
    )
    if usage and wants_usage:
        return {**document, "choices": document["choices"] if speaks else [], "usage": usage}
    return document if speaks else None


def _document(result: Any) -> dict[str, Any]:
    """Give an object of litellm's as OpenAI's JSON: without its many empty extras."""
    document: dict[str, Any] = result.model_dump(mode="json", exclude_none=True, warnings=False)
    for choice in document.get("choices", ()):
        choice.setdefault("finish_reason", None)
        if "message" in choice:
            choice["message"].setdefault("content", None)
    return document


def unread(error: Exception) -> UpstreamBroken:
    """Give our error for an answer that litellm could not read."""
    return UpstreamBroken(f"The provider's answer cannot be read: {sentence(error)}")


def sentence(error: BaseException) -> str:
    """Give what litellm said, without its name in front and its advice to drop behind."""
    text = re.sub(r"^(?:(?:litellm\.)?\w+(?:Error|Exception)(?::| -) )+", "", str(error))
    text = re.split(r" ?To drop | Original exception: |\n", text)[0].strip()[:500]
    return text if text.endswith(".") else text + "."


def parameters_in(text: str, document: Mapping[str, Any]) -> list[str]:
    """Find the fields of the body that a message of litellm's complains of.

    It writes them quoted or with their value; others are only mentioned, as a way out.
    """
    names = [n for n in document if n not in ("model", "messages", "prompt", "input", "stream")]
    for pattern in (r"""(?<![\w.])(?:["'`]{0}["'`]|{0}=)""", r"(?<![\w.]){0}(?!\w)"):
        if found := [n for n in names if re.search(pattern.replace("{0}", re.escape(n)), text)]:
            return found
    return []
