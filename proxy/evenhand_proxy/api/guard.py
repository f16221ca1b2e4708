"""What every request must pass before anything is done with it: host, headers, key, body."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from evenhand_proxy.config import Config
from evenhand_proxy.decoding import Mode
from evenhand_proxy.errors import AuthenticationError, BodyTooLarge, RequestError, UnsupportedMedia

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client went away before its request was complete; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: what the config says of the key; all None where the proxy asks for no key."""

    key_name: str | None = None
    profile: str | None = None
    mode: Mode | None = None
    tags: tuple[str, ...] = ()


class Guard:
    """Checks heads and keys. Keys are compared as SHA-256 digests, in constant time."""

    def __init__(self, config: Config) -> None:
        self._header_bytes = config.limits.header_bytes
        self._callers = {
            _digest(key.secret.text.encode()): Caller(name, key.profile, key.mode, key.tags)
            for name, key in config.keys.items()
        }

    def admit(self, headers: list[tuple[bytes, bytes]]) -> tuple[Caller, Mapping[bytes, bytes]]:
        """Check the head and give the caller and the headers by name.

        Raises:
            RequestError: too large, more or less than one Host, a compressed body, a wrong key.

        """
        size = sum(len(name) + len(value) for name, value in headers)
        if size > self._header_bytes:
            raise RequestError(
                f"The headers are {size} bytes; limits.header_bytes allows {self._header_bytes}.",
                code="headers_too_large",
            )
        named = dict(headers)
        if sum(name == b"host" for name, _ in headers) != 1:
            raise RequestError("Host: must stand in the request once.", code="invalid_host")
        if named.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMedia("content-encoding: send the body uncompressed.")
        return self._caller(named), named

    def _caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        if not self._callers:
            return Caller()
        scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
        if (scheme.lower() != b"bearer" or not secret) and b"x-api-key" in headers:
            scheme, secret = b"bearer", headers[b"x-api-key"]  # as Anthropic's clients send it
        if scheme.lower() != b"bearer" or not secret:
            raise AuthenticationError(
                "No key was sent. Send one as 'Authorization: Bearer KEY' (api_key in the SDKs)."
            )
        presented = _digest(secret.strip())
        found = None
        for digest, caller in self._callers.items():
            if hmac.compare_digest(digest, presented):
                found = caller
        if found is None:
            raise AuthenticationError("The key is not known here. Ask for one that is.")
        return found


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read a request body of at most `limit` bytes.

    Raises:
        BodyTooLarge: it is longer; the rest is not read.
        ClientGone: the client went away first.

    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(first) <= limit:
        return first
    parts, size = [first], len(first)
    while message.get("more_body", False) and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise BodyTooLarge(
            f"The body is longer than {limit} bytes. Send less, or raise limits.body_bytes."
        )
    return b"".join(parts)
