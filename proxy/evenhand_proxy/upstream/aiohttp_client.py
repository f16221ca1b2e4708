"""The transport over aiohttp."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import aiohttp

from evenhand_proxy.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from evenhand_proxy.upstream.transport import UpstreamAnswer, UpstreamRequest

log = logging.getLogger("evenhand.upstream")

KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: uvicorn-based engines close theirs after 5."""

READ_BUFFER = 256 * 1024
"""Bytes that may wait for a slow client before reading from the engine pauses."""


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """The one place where aiohttp's errors become ours; addresses stay in our own log."""
    try:
        yield
    except (aiohttp.ConnectionTimeoutError, aiohttp.SocketTimeoutError, TimeoutError) as error:
        log.warning("%s: %s", url, error or "timed out")
        raise UpstreamTimeout("The engine did not answer in time.") from error
    except aiohttp.ClientConnectorError as error:
        log.warning("%s: %s", url, error.os_error)
        raise UpstreamUnreachable("No connection to the engine could be made.") from error
    except (aiohttp.ClientError, OSError) as error:
        log.warning("%s: %s", url, error)
        raise UpstreamBroken("The engine broke off its answer.") from error


class AiohttpAnswer:
    """An answer of aiohttp's."""

    __slots__ = ("_response", "_url", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives."""
        content = self._response.content
        with _translated(self._url):
            while chunk := await content.readany():
                yield chunk

    async def read(self) -> bytes:
        """Give the whole body."""
        with _translated(self._url):
            return await self._response.read()

    def close(self) -> None:
        """Give the connection back if the body is finished, else drop it."""
        self._response.close() if not self._response.content.at_eof() else self._response.release()


class AiohttpTransport:
    """One session for the life of the proxy: pooled, unlimited, no redirects, no proxies."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=READ_BUFFER,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send a request and wait for the head of the answer."""
        if self._session is None:
            raise RuntimeError("the transport is used outside its `async with`")
        limits, headers = request.timeouts, request.headers
        if request.streams and request.url.startswith("http:"):
            # llama.cpp's server hangs up after a stream whatever its headers promise, and the next
            # request would race against that. Without TLS a new connection costs little.
            headers = {**headers, "connection": "close"}
        with _translated(request.url):
            response = await self._session.post(
                request.url,
                data=request.body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=limits.total, sock_connect=limits.connect, sock_read=limits.first_byte
                ),
            )
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = limits.between_bytes
        return AiohttpAnswer(response, request.url)
