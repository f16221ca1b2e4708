"""The gate on litellm's way out: it stops a request, shows it, and lets it go once.

litellm builds the request, but it is this transport that holds the network. The key is unknown to
litellm: it works with a placeholder, which is exchanged for the real one as the request leaves.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from evenhand_proxy.errors import (
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from evenhand_proxy.upstream.hosted import HostedRequest

log = logging.getLogger("evenhand.upstream")

PLACEHOLDER = "evenhand-placeholder-for-the-key"
"""What litellm is given for a key."""

MASK = "***"

_LEFT_OUT = ("x-stainless-", "openai-organization", "openai-project", "accept-encoding", "host")
"""Beginnings of header names that are not sent on: reports on this machine, or what the
environment slipped in. The answer is asked for uncompressed, so that its end can be seen."""

_USAGE = re.compile(rb'"(?:usage|usageMetadata|eval_count)"\s*:\s*[{0-9]')
_OVERLAP = 64
"""Bytes of the last read that are looked at again with the next, for a mark torn in two."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What litellm is about to put on the wire; the key in `url` and `headers` is masked.

    `document` is the parsed JSON body, header names are lower case.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    document: Any


@dataclass(frozen=True, slots=True)
class Rejection:
    """An answer that is no success, as the provider gave it; the key is masked in `body`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Gate(httpx.AsyncBaseTransport):
    """The transport of one call.

    arrived: resolves with the request once litellm has built it.
    rejection: the provider's answer, where its status is not 2xx.
    failure: what went wrong on the network, whatever litellm made of it.
    headers: those of the provider's answer.
    ended: the provider marked the end of its answer; `exhausted`: its body is over.
    reported_usage: the provider counted tokens (where it did not, litellm makes figures up).
    """

    def __init__(
        self,
        forward: httpx.AsyncBaseTransport,
        request: HostedRequest,
        end_mark: re.Pattern[bytes],
    ) -> None:
        self.arrived: asyncio.Future[WireRequest] = asyncio.get_running_loop().create_future()
        self.rejection: Rejection | None = None
        self.failure: UpstreamError | None = None
        self.headers: Mapping[str, str] = {}
        self.ended = False
        self.exhausted = False
        self.reported_usage = False
        self._forward = forward
        self._key = request.api_key
        self._timeouts = request.timeouts
        self._request_id = request.request_id
        self._end_mark = end_mark
        self._opened = asyncio.Event()
        self._body: httpx.AsyncByteStream | None = None
        self._tail = b""

    def open(self) -> None:
        """Let the request go."""
        self._opened.set()

    async def aclose_body(self) -> None:
        """Drop the provider's connection, if its answer is not finished."""
        if self._body is not None:
            await self._body.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hold the one request until `open`, then send it.

        Raises:
            UpstreamError: the network failed, the provider answered with an error, or this is a
                second request (litellm tries again by itself after some errors).

        """
        if self.arrived.done():
            raise self.failure or UpstreamError("litellm wanted to send a second request.")
        content = await request.aread()
        self.arrived.set_result(_shown(request, content))
        await self._opened.wait()
        limits = {
            "connect": self._timeouts.connect,
            "read": self._timeouts.first_byte,
            "write": self._timeouts.first_byte,
            "pool": None,
        }
        outgoing = httpx.Request(
            request.method,
            self._with_key(str(request.url)),
            headers=self._headers_out(request.headers),
            content=content,
            extensions={"timeout": limits},
        )
        with self._translated():
            response = await self._forward.handle_async_request(outgoing)
        limits["read"] = self._timeouts.between_bytes
        return await self._answered(response)

    async def _answered(self, response: httpx.Response) -> httpx.Response:
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        body = response.stream
        if not isinstance(body, httpx.AsyncByteStream):  # only a foreign transport could
            raise TypeError("the answer's body is not an asynchronous stream")
        self._body = body
        # An end cannot be looked for in a compressed body.
        self.ended = self.reported_usage = "content-encoding" in self.headers
        whole = httpx.Response(
            response.status_code, headers=response.headers, stream=_Body(self, body)
        )
        if whole.is_success:
            return whole
        try:
            said = await whole.aread()
        finally:
            await body.aclose()
        if self._key:
            said = said.replace(self._key.encode(), MASK.encode())
        self.rejection = Rejection(response.status_code, self.headers, said)
        raise UpstreamError(f"The provider answered with HTTP {response.status_code}.")

    async def watched(self, body: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
        """Give the provider's bytes, looking for the end and for token counts."""
        with self._translated():
            async for chunk in body:
                seen = self._tail + chunk
                self.ended = self.ended or self._end_mark.search(seen) is not None
                self.reported_usage = self.reported_usage or _USAGE.search(seen) is not None
                self._tail = seen[-_OVERLAP:]
                yield chunk
        self.exhausted = True

    def _with_key(self, text: str) -> str:
        return text.replace(PLACEHOLDER, self._key or "")

    def _headers_out(self, headers: httpx.Headers) -> list[tuple[str, str]]:
        """Give the headers to send: without a key, those that would carry it are left out."""
        kept = [
            (name, self._with_key(value))
            for name, value in headers.items()
            if not name.startswith(_LEFT_OUT) and (self._key or PLACEHOLDER not in value)
        ]
        return [*kept, ("accept-encoding", "identity")]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The one place where httpx's errors become ours; addresses stay in our own log."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise self._failed(
                UpstreamTimeout("The provider did not answer in time."), error
            ) from error
        except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
            raise self._failed(
                UpstreamUnreachable("No connection to the provider could be made."), error
            ) from error
        except httpx.TransportError as error:
            broken = "The provider broke off its answer."
            raise self._failed(UpstreamBroken(broken), error) from error

    def _failed(self, failure: UpstreamError, error: Exception) -> UpstreamError:
        log.warning("request %s: %s", self._request_id, str(error) or type(error).__name__)
        self.failure = failure
        return failure


class _Body(httpx.AsyncByteStream):
    """The provider's body as litellm reads it."""

    def __init__(self, gate: Gate, body: httpx.AsyncByteStream) -> None:
        self._gate = gate
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._gate.watched(self._body)

    async def aclose(self) -> None:
        await self._body.aclose()


def _shown(request: httpx.Request, content: bytes) -> WireRequest:
    """Give the request as it will stand in the record."""
    try:
        # Not orjson, which gives whole numbers beyond 64 bits as floats.
        document = json.loads(content) if content else None
    except ValueError as error:
        raise UpstreamError("litellm's request is not JSON.") from error
    return WireRequest(
        request.method,
        str(request.url).replace(PLACEHOLDER, MASK),
        {
            name.lower(): value.replace(PLACEHOLDER, MASK)
            for name, value in request.headers.items()
            if not name.startswith(_LEFT_OUT)
        },
        document,
    )
