"""An engine of ours that answers only what it is asked about itself, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fake_engine import answer


class ToldEngine:
    """Answers `routes`: method and path to status and document, anything else with 404.

    `asked` holds each request as it came, `headers` and `bodies` what came with the last one.
    """

    def __init__(self, routes: dict[str, tuple[int, Any]]) -> None:
        self.routes = routes
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.bodies: dict[str, Any] = {}
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which has one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines if line)
            self.headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(self.headers.get("content-length", 0)))
            request = first.rpartition(" ")[0]
            self.asked.append(request)
            self.bodies[request] = json.loads(body) if body else None
            status, document = self.routes.get(request, (404, {"detail": "Not Found"}))
            raw = document if isinstance(document, bytes) else json.dumps(document).encode()
            await answer(writer, status, raw)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def told_engine(**routes: Any) -> AsyncIterator[ToldEngine]:
    """Run one on a free loopback port; `GET_props={...}` answers `GET /props` with 200."""
    named = {
        f"{method} /{path}": (200, document)
        for (method, _, path), document in (
            (key.partition("_"), document) for key, document in routes.items()
        )
    }
    engine = ToldEngine(named)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0)
    engine.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield engine
