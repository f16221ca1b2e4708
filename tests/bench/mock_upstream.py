"""An OpenAI-shaped server that costs almost nothing: the upstream of the benchmark.

Run as `python -m tests.bench.mock_upstream [EVENTS [TOGETHER]]`; it prints its port and serves
until it is ended. A chat request with `"stream":true` is answered with `EVENTS` chunks (64), and
one with the usage if `include_usage` asks for it; any other chat request with one JSON document;
everything else with 404. Chunks are written as fast as the socket takes them, or `TOGETHER` of them
at once with the other connections' turns in between, as an engine writes what each of its steps
brought.
"""

import asyncio
import sys
from typing import cast

import httptools
import orjson
import uvloop

EVENTS = 64
_ANSWER = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1790000000,
    "model": "bench",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": "The kettle is on and the tea is warm. " * 8,
            },
        }
    ],
    "usage": {"prompt_tokens": 212, "completion_tokens": 64, "total_tokens": 276},
}
_CHUNK = {
    "id": "chatcmpl-bench",
    "object": "chat.completion.chunk",
    "created": 1790000000,
    "model": "bench",
}


def plain_answer() -> bytes:
    """Write the whole HTTP response to a plain request."""
    body = orjson.dumps(_ANSWER)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def stream_answer(count: int, *, usage: bool) -> list[bytes]:
    """Write the HTTP response to a streaming request, as the pieces that are sent one by one."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    events = [_event(last=number == count - 1) for number in range(count)]
    if usage:
        events.append(_data({**_CHUNK, "choices": [], "usage": _ANSWER["usage"]}))
    return [head, *(_chunk(event) for event in [*events, b"data: [DONE]\n\n"]), b"0\r\n\r\n"]


def _event(*, last: bool) -> bytes:
    choice = {
        "index": 0,
        "delta": {"content": " tea"},
        "finish_reason": "stop" if last else None,
    }
    return _data({**_CHUNK, "choices": [choice]})


def _data(document: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


PLAIN = plain_answer()
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class MockUpstream(asyncio.Protocol):
    """One kept-alive connection; requests on it are answered in turn.

    `events` is how many chunks a stream has, `together` how many are one write, 0 for all.
    """

    def __init__(self, events: int, together: int) -> None:
        self._streams = {usage: stream_answer(events, usage=usage) for usage in (False, True)}
        self._together = together

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and a parser for this connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._path = b""

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, which calls back."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Keep the request's path."""
        self._path = url

    def on_body(self, data: bytes) -> None:
        """Collect the request's body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Answer the request that is now whole."""
        body = b"".join(self._body)
        self._body.clear()
        if self._path != b"/v1/chat/completions":
            self._transport.write(NOT_FOUND)
        elif b'"stream":true' in body.replace(b" ", b""):
            asked = b"include_usage" in body
            self._stream(self._streams[asked], 0)
        else:
            self._transport.write(PLAIN)

    def _stream(self, pieces: list[bytes], start: int) -> None:
        """Write some pieces, and the others when all other connections have had their turn."""
        end = start + (self._together or len(pieces))
        for piece in pieces[start:end]:
            self._transport.write(piece)
        if end < len(pieces) and not self._transport.is_closing():
            asyncio.get_running_loop().call_soon(self._stream, pieces, end)


async def serve(events: int = EVENTS, together: int = 0) -> None:
    """Listen on a free loopback port, print it, and serve until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: MockUpstream(events, together), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 the harness reads it
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(*map(int, sys.argv[1:])))
