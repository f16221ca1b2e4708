"""Connections of the transport to engines, on a server that counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from evenhand_proxy.config import Timeouts
from evenhand_proxy.upstream.aiohttp_client import AiohttpTransport
from evenhand_proxy.upstream.transport import UpstreamRequest

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Counting:
    """A server that answers on one connection until it is asked to close it."""

    url: str = ""
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request with the same few bytes."""
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):
            closing = False
            while not closing:
                head = await reader.readuntil(b"\r\n\r\n")
                closing = b"connection: close" in head.lower()
                await reader.readexactly(2)
                writer.write(CLOSING if closing else ANSWER)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def counting() -> AsyncIterator[Counting]:
    """Run the server on a free port."""
    counted = Counting()
    server = await asyncio.start_server(counted.serve, "127.0.0.1", 0)
    counted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield counted
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(("streams", "connections"), [(False, 1), (True, 3)])
async def test_a_connection_is_used_again_unless_it_streams(
    streams: bool, connections: int
) -> None:
    """Engines hang up after a stream without a word, so the next request takes a new connection."""
    async with counting() as server, AiohttpTransport() as transport:
        for _ in range(3):
            request = UpstreamRequest(server.url, {}, b"{}", Timeouts(), streams)
            answer = await transport.send(request)
            assert await answer.read() == b"{}"
            answer.close()
        assert server.connections == connections
