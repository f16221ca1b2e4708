"""Hosted providers on a loopback port: each path answers in its provider's own protocol.

The answers are written by hand after each provider's API reference. What arrives is kept byte for
byte in `seen`, by the engine that the proxy's other tests use.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.fake_engine import (
    DONE,
    FakeEngine,
    Reply,
    Seen,
    answer,
    chat_answer,
    chunk,
    fake_engine,
    plain,
    stream,
)

ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}

GEMINI = {
    "candidates": [
        {
            "content": {"parts": [{"text": "hello"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    "modelVersion": "gemini",
}

OLLAMA = {
    "model": "llama3",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "hello"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 3,
    "eval_count": 2,
}

COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "served",
    "choices": [{"index": 0, "text": "hello", "finish_reason": "stop", "logprobs": None}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}

EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
    "model": "served",
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


def anthropic_events() -> list[bytes]:
    """A stream of /v1/messages."""
    message = {**ANTHROPIC, "content": [], "stop_reason": None}
    text = {"type": "text", "text": ""}
    said = {"type": "text_delta", "text": "hello"}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        named({"type": "message_start", "message": message}),
        named({"type": "content_block_start", "index": 0, "content_block": text}),
        named({"type": "content_block_delta", "index": 0, "delta": said}),
        named({"type": "content_block_stop", "index": 0}),
        named({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 2}}),
        named({"type": "message_stop"}),
    ]


def gemini_events() -> list[bytes]:
    """A stream of streamGenerateContent with alt=sse."""
    part = {"content": {"parts": [{"text": "hel"}], "role": "model"}, "index": 0}
    last = {**GEMINI["candidates"][0], "content": {"parts": [{"text": "lo"}], "role": "model"}}  # type: ignore[index]
    return [
        b"data: " + json.dumps({"candidates": [part]}).encode() + b"\r\n\r\n",
        b"data: " + json.dumps({**GEMINI, "candidates": [last]}).encode() + b"\r\n\r\n",
    ]


def ollama_lines() -> list[bytes]:
    """A stream of /api/chat: one JSON document a line."""
    part = {**OLLAMA, "done": False}
    for name in ("done_reason", "prompt_eval_count", "eval_count"):
        del part[name]
    last = {**OLLAMA, "message": {"role": "assistant", "content": ""}}
    return [json.dumps(line).encode() + b"\n" for line in (part, last)]


def openai_events(*, usage: bool) -> list[bytes]:
    """A stream of /chat/completions."""
    counted = {"choices": [], "usage": chat_answer("")["usage"]}
    counts = [chunk(**counted)] if usage else []
    return [chunk("hel"), chunk("lo"), chunk(finish="stop"), *counts, DONE]


def completion_events() -> list[bytes]:
    """A stream of /completions."""
    event = {**COMPLETION, "usage": None}
    return [b"data: " + json.dumps(event).encode() + b"\n\n", DONE]


def named(event: Mapping[str, Any]) -> bytes:
    """One event of /v1/messages."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _streamed(seen: Seen) -> list[bytes]:
    path = seen.path
    if path.endswith("/v1/messages"):
        return anthropic_events()
    if ":streamGenerateContent" in path:
        return gemini_events()
    if path.endswith("/api/chat"):
        return ollama_lines()
    if path.endswith("/chat/completions"):
        options = seen.json.get("stream_options") or {}
        return openai_events(usage=bool(options.get("include_usage")))
    return completion_events()


_WHOLE: Mapping[str, Any] = {
    "/v1/messages": ANTHROPIC,
    ":generateContent": GEMINI,
    "/api/chat": OLLAMA,
    "/chat/completions": chat_answer("hello"),
    "/completions": COMPLETION,
    "/embeddings": EMBEDDINGS,
}


async def by_path(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Answer as the provider does whose path it is."""
    if ":streamGenerateContent" in seen.path or seen.json.get("stream") is True:
        await stream(*_streamed(seen))(seen, writer)
        return
    for end, document in _WHOLE.items():
        if seen.path.endswith(end):
            await plain(document)(seen, writer)
            return
    await answer(writer, 404, b'{"error": "no such path"}')


def cut(keep: int, then: str) -> Reply:
    """Answer with the first `keep` pieces of the path's stream, then `end`, `break` or `hang`."""

    async def reply(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await stream(*_streamed(seen)[:keep], then=then)(seen, writer)

    return reply


@asynccontextmanager
async def recording_provider() -> AsyncIterator[FakeEngine]:
    """Run it on a free loopback port."""
    async with fake_engine() as provider:
        provider.reply = by_path
        yield provider
