"""Two other proxies to measure against, on the same uvicorn with uvloop and httptools.

`tutorial` is what a first FastAPI proxy looks like: a parsed body, an httpx client, a
StreamingResponse. `floor` does the least that a Python proxy on aiohttp can do: raw ASGI, the body
parsed and two parameters edited, bytes relayed. Neither decides anything, audits or counts.

Run as `python -m tests.bench.peers NAME UPSTREAM_PORT`; it prints its port.
"""

import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import orjson
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def tutorial(upstream: str) -> FastAPI:
    """Build the FastAPI and httpx proxy of the tutorials."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
        async with httpx.AsyncClient(timeout=None, limits=limits, trust_env=False) as client:  # noqa: S113
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        body["temperature"] = 0.2
        client: httpx.AsyncClient = request.app.state.client
        if not body.get("stream"):
            answer = await client.post(upstream, json=body)
            return JSONResponse(answer.json(), status_code=answer.status_code)
        sent = client.build_request("POST", upstream, json=body)
        stream = await client.send(sent, stream=True)

        async def relay() -> AsyncIterator[str]:
            async for line in stream.aiter_lines():
                yield line + "\n"
            await stream.aclose()

        return StreamingResponse(relay(), media_type="text/event-stream")

    return app


class Floor:
    """The least work: raw ASGI in front, aiohttp behind."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and end of the server."""
        if scope["type"] == "http":
            await self._serve(receive, send)
            return
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                )
                await send({"type": "lifespan.startup.complete"})
            else:
                assert self._session is not None
                await self._session.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, receive: Receive, send: Send) -> None:
        assert self._session is not None
        parts, more = [], True
        while more:
            event = await receive()
            parts.append(event.get("body", b""))
            more = event.get("more_body", False)
        body = orjson.loads(b"".join(parts))
        body["temperature"] = 0.2
        body.pop("stop", None)
        headers = {"content-type": "application/json"}
        async with self._session.post(
            self._upstream, data=orjson.dumps(body), headers=headers
        ) as answer:
            kind = answer.headers["content-type"].encode()
            head = [(b"content-type", kind)]
            await send({"type": "http.response.start", "status": answer.status, "headers": head})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


PEERS: dict[str, Callable[[str], Any]] = {"tutorial": tutorial, "floor": Floor}


async def serve(name: str, upstream_port: str) -> None:
    """Serve one peer on a free loopback port, which is printed first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    app = PEERS[name](f"http://127.0.0.1:{upstream_port}/v1/chat/completions")
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="error", access_log=False, lifespan="on"
    )
    print(listener.getsockname()[1], flush=True)  # noqa: T201 the harness reads it
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2]))
