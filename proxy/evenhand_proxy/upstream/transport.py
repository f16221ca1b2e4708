"""The seam to the HTTP client: one method, `send`, for a faster client to stand beside this one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from evenhand_proxy.config import Timeouts


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One POST to an engine.

    headers: just what is sent on, nothing of the client's. streams: whether it asks for a stream.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    timeouts: Timeouts
    streams: bool = False


class UpstreamAnswer(Protocol):
    """An answer whose head has arrived. Header names are lower case."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives, bytes untouched.

        Raises:
            UpstreamError: it broke off, or stalled longer than `between_bytes`.

        """
        ...

    async def read(self) -> bytes:
        """Give the whole body; errors as for `chunks`."""
        ...

    def close(self) -> None:
        """Give the connection up; an unfinished body drops it, which cancels the engine."""
        ...


class Transport(Protocol):
    """The HTTP client."""

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send a request and wait for the head of the answer.

        Raises:
            UpstreamError: unreachable, timed out, or broken before the head was there.

        """
        ...
