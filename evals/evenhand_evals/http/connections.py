"""HTTP/1.1 to one server over connections that stay open: what the client sends its requests with.

A general HTTP library spends several times what a sample costs otherwise: redirects, cookies,
compression and forms are of no use here. Parsing is llhttp's (httptools), TLS and name resolution
are the event loop's.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote, urlsplit

import httptools

from evenhand_evals.errors import UsageError

CONNECT_TIMEOUT: Final = 30.0
EVENT_STREAM: Final = "text/event-stream"
_KEPT_IN_PATHS: Final = "/:@!$&'()*+,;=~%?"

Sink = Callable[[bytes], None]
"""Takes the body of a stream as it comes in, what each read of the socket brought at once."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer; the names of headers are in lower case.

    `streamed` says that the body went into the sink, and that `content` is empty.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    streamed: bool = False


class _Connection(asyncio.Protocol):
    """One connection, on which one request is under way at a time."""

    def __init__(self) -> None:
        self.open = False
        self.begun = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Response] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.on_body = self._body.append  # called for every piece of a body, which are many
        self._whole_head = False
        self._sink: Sink | None = None
        self._streaming = False

    def ask(self, request: bytes, sink: Sink | None) -> "asyncio.Future[Response]":
        """Send a request and give what will be its answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._sink = sink
        self._begin()
        self.begun = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self.open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, which calls back; nobody asked for those between answers."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self.begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"the answer is no HTTP: {error}")
            self.close()
        if self._streaming:
            self._pour()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer that only this could end, and fail any other."""
        self.open = False
        if not self.lost.done():
            self.lost.set_result(None)
        measured = self._headers.keys() & {"content-length", "transfer-encoding"}
        if self._whole_head and not measured and exc is None:
            self.on_message_complete()
        else:
            self._fail(f"the connection was closed before the whole answer came{_because(exc)}")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take note that the body follows, and whether it is a stream that somebody reads."""
        self._whole_head = True
        if self._sink is not None and self._parser.get_status_code() == 200:
            kind = self._headers.get("content-type", "")
            self._streaming = kind.partition(";")[0].strip().lower() == EVENT_STREAM

    def on_message_complete(self) -> None:
        """Give the answer to who waits for it; what comes before an answer (100) is none."""
        status = self._parser.get_status_code()
        if status < 200:
            self._begin()
            return
        if self._answer is None or self._answer.done():
            self.close()  # one answer too many
            return
        self.open = self.open and self._parser.should_keep_alive()
        streamed = self._streaming
        if streamed:
            self._pour()
        response = Response(status, self._headers, b"".join(self._body), streamed)
        self._answer.set_result(response)
        self._begin()

    def _begin(self) -> None:
        self._headers = {}
        self._body.clear()
        self._whole_head = self._streaming = False

    def _pour(self) -> None:
        if self._sink is not None and self._body:
            self._sink(b"".join(self._body))
            self._body.clear()

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(reason))


def _because(error: Exception | None) -> str:
    return f" ({error})" if error else ""


class Connections:
    """The connections to one server, as many as requests are under way.

    `base_url` is http or https; `headers` go with every request.

    Raises:
        UsageError: a header's value has a line break in it.

    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        url = urlsplit(base_url)
        self._host = url.hostname or ""
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        self._path = quote(url.path, safe=_KEPT_IN_PATHS)
        head = {"host": url.netloc.rpartition("@")[2], "accept": "*/*", **headers}
        for name, value in head.items():
            if "\r" in value or "\n" in value:
                raise UsageError(
                    f"{name}: a line break stands in its value; take it out of the key"
                )
        lines = (f"{name}: {value}\r\n" for name, value in head.items())
        self._head = "".join(lines).encode()
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()

    async def request(
        self, method: str, path: str, body: bytes | None, sink: Sink | None = None
    ) -> Response:
        """Send one request and give the answer, whatever its status.

        A connection on which the server hung up while it was idle is replaced. The body of a good
        answer that is an event stream goes into `sink`, where there is one, as it comes in.

        Raises:
            OSError: there is no connection, or it broke.

        """
        length = b"" if body is None else b"content-length: %d\r\n" % len(body)
        line = f"{method} {self._path}{path} HTTP/1.1\r\n".encode()
        message = b"".join((line, self._head, length, b"\r\n", body or b""))
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                try:
                    return await self._ask(connection, message, sink)
                except ConnectionError:
                    if connection.begun:
                        raise
        return await self._ask(await self._connect(), message, sink)

    async def close(self) -> None:
        """Close all connections, those with a request under way, too."""
        for connection in self._all:
            connection.close()
        await asyncio.gather(*(connection.lost for connection in self._all))
        self._idle.clear()
        self._all.clear()

    async def _ask(self, connection: _Connection, message: bytes, sink: Sink | None) -> Response:
        try:
            response = await connection.ask(message, sink)
        except BaseException:
            connection.close()
            raise
        if connection.open:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._tls
                )
        except TimeoutError as error:
            raise ConnectionError(f"no connection within {CONNECT_TIMEOUT:g} s") from error
        except UnicodeError as error:
            raise ConnectionError(f"{self._host!r} is no name of a host: {error}") from error
        self._all.add(connection)
        connection.lost.add_done_callback(lambda _: self._all.discard(connection))
        return connection
