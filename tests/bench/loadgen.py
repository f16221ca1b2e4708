"""A load generator that takes its orders as JSON lines and answers each with one JSON line.

Run as `python -m tests.bench.loadgen`. An order names a port, how many connections, for how many
seconds, whether to stream, whether to ask for usage in the stream, and whether each request has
decoding parameters of its own; each connection sends its next request when the last answer is whole
(closed loop). One process serves all orders, so that none pays for its start.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import cast

import httptools
import orjson
import uvloop

from tests.bench.mock_upstream import EVENTS

NEWLINES_OF_AN_EVENT = 2
SEED = 100_000_007


@dataclass(slots=True)
class Order:
    """One order and what came of it so far; latencies are in seconds.

    `newlines` is how many an answer must have: none in a plain one, two for each event of a stream.
    """

    request: bytes
    newlines: int
    fresh: bool
    ends_at: float
    sent: int = 0

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str | None = None

    def next_request(self) -> bytes:
        """Give the request to send; a fresh one has a seed that no earlier one had."""
        if not self.fresh:
            return self.request
        self.sent += 1
        return self.request.replace(b"%d" % SEED, b"%d" % (SEED + self.sent), 1)

    def fail(self, reason: str) -> None:
        """Count an error, and keep the first one's reason."""
        self.errors += 1
        self.first_error = self.first_error or reason


class Connection(asyncio.Protocol):
    """One closed loop: send, read the whole answer, check it, send again until the time is over."""

    def __init__(self, order: Order, over: asyncio.Event) -> None:
        self._order, self._over = order, over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, which calls back."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the other side ended as an error."""
        if not self._over.is_set():
            self._order.fail("the connection was closed")
            self._over.set()

    def on_body(self, data: bytes) -> None:
        """Count the lines of a stream: an event has two newlines, however it is cut."""
        self._newlines += data.count(b"\n")

    def on_message_complete(self) -> None:
        """Note the latency, check the answer, and go on or stop."""
        now = perf_counter()
        status = self._parser.get_status_code()
        if status != 200:
            self._order.fail(f"status {status}")
        elif self._newlines != self._order.newlines:
            self._order.fail(f"{self._newlines} lines of a stream, not {self._order.newlines}")
        else:
            self._order.latencies.append(now - self._sent_at)
        if now < self._order.ends_at:
            self._send()
        else:
            self._over.set()
            self._transport.close()

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._newlines = 0
        self._sent_at = perf_counter()
        self._transport.write(self._order.next_request())


def request_bytes(port: int, stream: bool, usage: bool) -> bytes:
    """Write the chat request that is sent over and over: about 1.3 kB, with decoding parameters."""
    turns = [
        "What is the weather like in Hangzhou in early spring?",
        "Mild, with light rain. " * 20,
    ]
    body: dict[str, object] = {
        "model": "bench",
        "stream": stream,
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 64,
        "seed": SEED,
        "stop": ["</s>"],
        "messages": [
            {"role": "system", "content": "You answer briefly and to the point. " * 12},
            {"role": "user", "content": turns[0]},
            {"role": "assistant", "content": turns[1]},
            {"role": "user", "content": "And do I need an umbrella there?"},
        ],
    }
    if usage:
        body["stream_options"] = {"include_usage": True}
    data = orjson.dumps(body)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-type: application/json\r\naccept: */*\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def carry_out(
    port: int, concurrency: int, seconds: float, stream: bool, usage: bool, fresh: bool
) -> dict[str, object]:
    """Carry out one order; the result has counts, requests/s and latencies in microseconds."""
    loop = asyncio.get_running_loop()
    began = perf_counter()
    newlines = NEWLINES_OF_AN_EVENT * (EVENTS + 1 + usage) if stream else 0
    order = Order(request_bytes(port, stream, usage), newlines, fresh, began + seconds)
    overs = [asyncio.Event() for _ in range(concurrency)]
    for over in overs:
        await loop.create_connection(partial(Connection, order, over), "127.0.0.1", port)
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(over.wait() for over in overs))
    elapsed = perf_counter() - began
    ordered = sorted(order.latencies) or [0.0]
    return {
        "requests": len(order.latencies),
        "errors": order.errors,
        "first_error": order.first_error,
        "rate": len(order.latencies) / elapsed,
        "p50": 1e6 * ordered[len(ordered) // 2],
        "p99": 1e6 * ordered[len(ordered) * 99 // 100],
    }


def main() -> None:
    """Read orders until standard input ends."""
    for line in sys.stdin:
        result = uvloop.run(carry_out(**orjson.loads(line)))
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
