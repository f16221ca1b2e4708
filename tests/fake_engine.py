"""An engine of ours that speaks HTTP/1.1 and OpenAI's protocol byte by byte.

Real engines run in the contract tests; this one is for what no real engine does on request:
breaking off in the middle of an event, stalling, answering nonsense.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """One request as it came in, and whether its connection was dropped before the end."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    dropped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Reply = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


class FakeEngine:
    """Answers each POST with `reply`; `seen` holds what came in. GETs are 404, as on no engine."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.called = asyncio.Event()
        self.reply: Reply = plain(chat_answer("hello"))
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method != "POST":
            await answer(writer, 404, b"{}")
            return True
        request = Seen(method, path, headers, body)
        self.seen.append(request)
        self.called.set()
        replying = asyncio.ensure_future(self.reply(request, writer))
        ending = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({replying, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not replying.done():
            request.dropped.set()
            replying.cancel()
            return False
        ending.cancel()
        replying.result()
        return False


@asynccontextmanager
async def fake_engine() -> AsyncIterator[FakeEngine]:
    """Run a fake engine on a free loopback port."""
    engine = FakeEngine()
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine.url = f"http://127.0.0.1:{port}"
    async with server:
        yield engine


def chat_answer(text: str, **more: Any) -> dict[str, Any]:
    """A chat completion as OpenAI's API reference shows it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        **more,
    }


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One SSE event of a chat stream."""
    delta = {} if text is None else {"content": text}
    event = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


async def answer(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str) -> None:
    """Write one whole answer."""
    lines = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *headers,
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


def plain(document: Any, status: int = 200, *headers: str) -> Reply:
    """Reply with a JSON document."""

    async def reply(_: Seen, writer: asyncio.StreamWriter) -> None:
        await answer(writer, status, json.dumps(document).encode(), *headers)

    return reply


def silence() -> Reply:
    """Never reply."""

    async def reply(_: Seen, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return reply


def stream(*pieces: bytes, then: str = "end") -> Reply:
    """Reply with an SSE stream, one write for each piece.

    `then`: "end" ends it well, "break" drops the connection, "hang" goes silent.
    """

    async def reply(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        for piece in pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        if then == "hang":
            await asyncio.Event().wait()
        if then == "break":
            writer.transport.abort()
            return
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return reply
