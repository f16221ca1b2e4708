"""How a route speaks to its clients: OpenAI's protocol, or Anthropic's around the same engine.

The engine always answers in OpenAI's shape; a tongue gives that answer the client's. OpenAI's
leaves streams alone, byte for byte.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from evenhand_proxy import wire
from evenhand_proxy.api.respond import error_event, in_openai_shape
from evenhand_proxy.errors import HTTPError, UpstreamError
from evenhand_proxy.messages import (
    MessageStream,
    error_body,
    to_message,
    upstream_error_body,
)


class Translator(Protocol):
    """A stream on its way from the engine's protocol into the client's.

    `failure` is what has ended it before its end, once that was told.
    """

    @property
    def failure(self) -> UpstreamError | None:
        """Give what went wrong."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Take one read, give what is to be sent."""
        ...

    def finish(self) -> bytes:
        """Take note of the end."""
        ...

    def fail(self, error: HTTPError) -> bytes:
        """End it with an error."""
        ...


class Tongue(Protocol):
    """What a client is told, in its own protocol."""

    def whole(self, body: bytes) -> bytes:
        """Give a plain answer."""
        ...

    def stream(self) -> Translator | None:
        """Give the translator of a stream, None where its bytes go on untouched."""
        ...

    def error(self, error: HTTPError) -> bytes:
        """Give the body for an error of ours."""
        ...

    def engine_error(self, status: int, body: bytes) -> tuple[bytes, str]:
        """Give the body for an error of the engine's, and what it says."""
        ...

    def event(self, error: HTTPError, *, at_boundary: bool) -> bytes:
        """Give the event that ends an untranslated stream with an error."""
        ...


class OpenAI:
    """The protocol that the engine speaks itself."""

    def whole(self, body: bytes) -> bytes:
        """Give the engine's answer as it came."""
        return body

    def stream(self) -> None:
        """Leave the bytes alone."""
        return

    def error(self, error: HTTPError) -> bytes:
        """Give OpenAI's error object."""
        return orjson.dumps(error.body())

    def engine_error(self, status: int, body: bytes) -> tuple[bytes, str]:
        """Give the engine's error as OpenAI's object."""
        said = in_openai_shape(status, body)
        message: str = said["error"]["message"]
        return orjson.dumps(said), message

    def event(self, error: HTTPError, *, at_boundary: bool) -> bytes:
        """Give one more event."""
        return error_event(error, at_boundary=at_boundary)


class Responses(OpenAI):
    """OpenAI's Responses API, which the engine speaks itself too."""

    def event(self, error: HTTPError, *, at_boundary: bool) -> bytes:
        """Give its `error` event, with OpenAI's error object in it, by which the SDKs know one."""
        said = error.body()
        about = said["error"]
        flat = {name: about[name] for name in ("code", "message", "param")}
        event = b"event: error\ndata: " + orjson.dumps({"type": "error", **flat, **said}) + b"\n\n"
        return event if at_boundary else b"\n\n" + event


class Anthropic:
    """Anthropic's Messages API."""

    def __init__(self, request: Mapping[str, Any], request_id: str) -> None:
        stops = request.get("stop_sequences")
        self._stops: Sequence[str] = stops if isinstance(stops, list) else ()
        self._model = str(request.get("model", ""))
        self._request_id = request_id

    def whole(self, body: bytes) -> bytes:
        """Give the answer as a Message."""
        try:
            return wire.serialise(to_message(orjson.loads(body), self._model, self._stops))
        except (ValueError, TypeError) as error:
            raise UpstreamError("The engine's answer is no chat completion.") from error

    def stream(self) -> Translator:
        """Give the answer as Anthropic's events."""
        return MessageStream(self._model, self._stops)

    def error(self, error: HTTPError) -> bytes:
        """Give Anthropic's error object."""
        return wire.serialise(error_body(error, self._request_id))

    def engine_error(self, status: int, body: bytes) -> tuple[bytes, str]:
        """Give the engine's error as Anthropic's object."""
        said = in_openai_shape(status, body)
        message: str = said["error"]["message"]
        return wire.serialise(upstream_error_body(status, said, self._request_id)), message

    def event(self, error: HTTPError, *, at_boundary: bool) -> bytes:
        """Give the events of a stream that ends before it began."""
        return self.stream().fail(error)


def own_words(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a Messages request says otherwise than a chat request, by parameter."""
    choice = request.get("tool_choice")
    if not isinstance(choice, dict):
        return {}
    single = choice.get("disable_parallel_tool_use")
    return {"tool_choice": choice} | ({} if single is None else {"parallel_tool_calls": single})
