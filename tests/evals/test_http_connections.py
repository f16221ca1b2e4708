"""HTTP/1.1 as servers really speak it: bytes on a socket, whole, in pieces, late and broken."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_evals.errors import UsageError
from evenhand_evals.http.client import Client
from evenhand_evals.http.connections import Connections, Response

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nX-Name: value\r\ncontent-length: 5\r\n\r\nhello"


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve raw bytes on a free loopback port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def connected(port: int, scheme: str = "http") -> AsyncIterator[Connections]:
    """Give connections to a port, closed in the end."""
    connections = Connections(f"{scheme}://localhost:{port}/v1", {"x-with-all": "yes"})
    try:
        yield connections
    finally:
        await connections.close()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """Read one request without a body."""
    return await reader.readuntil(b"\r\n\r\n")


def answering(*pieces: bytes, hang_up: bool = False) -> Serve:
    """Answer every request with the same pieces, each a write of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head_of(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if hang_up:
                return

    return serve


async def answer_to(serve: Serve) -> Response:
    """Ask once."""
    async with listening(serve) as port, connected(port) as connections:
        return await connections.request("GET", "/models", None)


async def test_what_is_sent() -> None:
    """The path below the base, the host with its port, the headers of all requests, the body."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await head_of(reader))
        seen.append(await reader.readexactly(4))
        writer.write(OK)
        await writer.drain()

    async with listening(serve) as port, connected(port) as connections:
        response = await connections.request("POST", "/chat?a=b", b"body")
    assert response == Response(200, {"x-name": "value", "content-length": "5"}, b"hello")
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/chat?a=b HTTP/1.1"
    assert {f"host: localhost:{port}", "x-with-all: yes", "content-length: 4"} <= set(lines)
    assert seen[1] == b"body"


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(OK)), max_size=6))
async def test_an_answer_in_pieces(cuts: list[int]) -> None:
    """However it is cut."""
    places = [0, *sorted(cuts), len(OK)]
    pieces = [OK[start:end] for start, end in pairwise(places)]
    assert (await answer_to(answering(*pieces))).content == b"hello"


async def test_a_chunked_answer() -> None:
    """Its chunks are put together."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    serve = answering(head, b"2\r\nhe\r\n", b"3;x=y\r\nllo\r\n0\r\n\r\n")
    assert (await answer_to(serve)).content == b"hello"


async def test_an_answer_that_ends_with_the_connection() -> None:
    """Without a length the end of the connection is the end of the answer."""
    serve = answering(b"HTTP/1.0 200 OK\r\n\r\nhe", b"llo", hang_up=True)
    assert (await answer_to(serve)).content == b"hello"


async def test_what_comes_before_the_answer_is_none() -> None:
    """A server that says that it goes on has not answered yet."""
    serve = answering(b"HTTP/1.1 100 Continue\r\nx-early: 1\r\n\r\n", OK)
    response = await answer_to(serve)
    assert (response.status, response.content) == (200, b"hello")
    assert "x-early" not in response.headers


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (answering(OK[:-2], hang_up=True), "before the whole answer"),
        (answering(b"", hang_up=True), "before the whole answer"),
        (answering(b"220 mail.example ESMTP\r\n"), "no HTTP"),
        (answering(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), "HTTP"),
    ],
    ids=["half", "nothing", "not http", "upgrade"],
)
async def test_no_whole_answer(serve: Serve, reason: str) -> None:
    """It is an error that says so."""
    with pytest.raises(ConnectionError, match=reason):
        await answer_to(serve)


async def test_connections_are_used_again() -> None:
    """One after the other goes over one connection, until the server wants it closed."""
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await answering(OK)(reader, writer)

    async with listening(serve) as port, connected(port) as connections:
        for _ in range(5):
            await connections.request("GET", "/", None)
        assert opened == 1
        await asyncio.gather(*(connections.request("GET", "/", None) for _ in range(3)))
        assert opened == 3


async def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    """Also where the server hangs up just as the next request is on its way."""
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await head_of(reader)
        served += 1
        writer.write(OK)
        await head_of(reader)  # and hangs up without an answer

    async with listening(once) as port, connected(port) as connections:
        for _ in range(4):
            assert (await connections.request("GET", "/", None)).status == 200
    assert served == 4


async def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    """It is not taken for that of the next request, and changes nothing of the one before."""
    more = OK.replace(b"X-Name: value", b"X-Other: value").replace(b"hello", b"other")
    async with listening(answering(OK + more)) as port, connected(port) as connections:
        for _ in range(3):
            response = await connections.request("GET", "/", None)
            assert (response.content, "x-other" in response.headers) == (b"hello", False)


async def test_a_connection_that_is_to_be_closed_is_not_kept() -> None:
    """`connection: close` is heeded."""
    closing = OK.replace(b"X-Name: value", b"connection: close")
    async with listening(answering(closing, hang_up=True)) as port, connected(port) as connections:
        for _ in range(3):
            assert (await connections.request("GET", "/", None)).content == b"hello"


async def test_a_request_that_is_given_up_leaves_no_connection_behind() -> None:
    """Its late answer would be taken for that of the next request."""
    over = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/slow" in await head_of(reader):
            await over.wait()
        writer.write(OK)
        await writer.drain()

    async with listening(slow) as port, Client(f"http://127.0.0.1:{port}", timeout=0.05) as client:
        late = await client.request("GET", "/slow")
        assert "no whole answer within" in (late.error or "")
        assert (await client.request("GET", "/")).status == 200
        over.set()


def test_a_key_with_a_line_break_is_refused() -> None:
    """It would end the header and begin another."""
    with pytest.raises(UsageError, match="authorization"):
        Connections("http://localhost/v1", {"authorization": "Bearer abc\nx: y"})


def certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for localhost that nobody has signed; give its file and the key's."""
    key, made = str(folder / "key"), str(folder / "certificate")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", key, "-out", made]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of somebody we trust is taken, another is not."""
    made, key = certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made, key)
    async with listening(answering(OK), server) as port:
        async with connected(port, "https") as connections:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connections.request("GET", "/", None)
        monkeypatch.setenv("SSL_CERT_FILE", made)
        async with connected(port, "https") as connections:
            for _ in range(2):
                assert (await connections.request("GET", "/", None)).content == b"hello"
