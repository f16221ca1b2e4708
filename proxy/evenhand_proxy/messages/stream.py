"""A chat stream as Anthropic's events, while it comes in.

    message_start
    content_block_start  content_block_delta ...  content_block_stop     for each block
    message_delta        stop reason and usage
    message_stop

Anthropic's blocks follow one another; the tool calls of a chat stream may take turns. A call is
passed on as it comes. What comes for another block while its JSON is still open waits for its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from evenhand_proxy.errors import HTTPError, UpstreamBroken, UpstreamError
from evenhand_proxy.messages.answer import (
    Said,
    ToolCall,
    first_choice,
    mended,
    message_id,
    parsed,
    read_said,
    stop_of,
    tool_block,
    usage_of,
)
from evenhand_proxy.messages.errors import engine_error, error_event, error_type
from evenhand_proxy.messages.sse import COMMENT, EventReader
from evenhand_proxy.wire import serialise

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'

# Each kind's delta: its type, and the field that holds the piece.
_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class MessageStream:
    """Translates one stream: `feed` each read, `finish` at its end; both give bytes to send.

    `model` and `stop_sequences` are as in `to_message`. Nothing is ever raised: what goes wrong
    becomes an `error` event, after which nothing follows. What is given does not depend on how
    the stream was cut.
    """

    __slots__ = (
        "_blocks",
        "_events",
        "_failure",
        "_identity",
        "_last",
        "_model",
        "_out",
        "_over",
        "_refused",
        "_stops",
        "_usage",
    )

    def __init__(self, model: str, stop_sequences: Sequence[str] = ()) -> None:
        self._model = model
        self._stops = stop_sequences
        self._events = EventReader()
        self._out: list[bytes] = []
        self._blocks = _Blocks(self._out)
        self._identity = ""
        self._last: Mapping[str, Any] = {}
        self._usage: Any = None
        self._refused = False
        self._over = False
        self._failure: UpstreamError | None = None

    @property
    def failure(self) -> UpstreamError | None:
        """What the engine did wrong, once the client was told of it."""
        return self._failure

    @property
    def over(self) -> bool:
        """Whether the last event was given: `message_stop`, or an error."""
        return self._over

    def feed(self, chunk: bytes) -> bytes:
        """Take one read of the engine's stream."""
        if not self._over:
            self._take(self._events.feed(chunk))
        return self._drain()

    def finish(self) -> bytes:
        """Take note that the engine's stream has ended."""
        if not self._over:
            self._take([data for data in self._events.finish() if _is_whole(data)])
        if not self._over:
            self._end()
        return self._drain()

    def fail(self, error: HTTPError) -> bytes:
        """End the stream with an error of ours: a lost connection, a time limit."""
        if not self._over:
            self._stop(error_type(error.status), error.message)
        return self._drain()

    def _drain(self) -> bytes:
        given = b"".join(self._out)
        self._out.clear()
        return given

    def _take(self, events: list[bytes | None]) -> None:
        for data in events:
            if self._over:
                return
            if data is COMMENT:
                self._out.append(_PING)
            elif data == b"[DONE]":
                self._end()
            elif data:
                self._guarded(data)

    def _guarded(self, data: bytes) -> None:
        try:
            self._event(data)
        except UpstreamBroken as error:
            self._fail(error)

    def _event(self, data: bytes) -> None:
        try:
            document = parsed(data)
        except ValueError:
            raise UpstreamBroken("The engine sent an event that is not JSON.") from None
        if not isinstance(document, dict):
            raise UpstreamBroken("The engine sent an event that is not a JSON object.")
        if error := engine_error(document):
            self._failure = UpstreamError(error[1])
            self._stop(*error)
            return
        self._usage = document.get("usage") or self._usage
        if not self._identity:
            self._begin(document)
        choice = first_choice(document)
        if choice is None:
            return
        self._say(read_said(choice.get("delta")))
        if choice.get("finish_reason") is not None:
            self._last = choice

    def _begin(self, document: Mapping[str, Any]) -> None:
        self._identity = self._blocks.message = message_id(document.get("id"))
        message: dict[str, Any] = {
            "id": self._identity,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(self._usage),
        }
        self._out.append(_event("message_start", {"message": message}))

    def _say(self, said: Said) -> None:
        self._refused |= said.refused
        if said.thinking:
            self._blocks.say("thinking", said.thinking)
        if said.text:
            self._blocks.say("text", said.text)
        for call in said.calls:
            self._blocks.call(call)

    def _end(self) -> None:
        """Close the message, or say that the engine did not."""
        try:
            stop = stop_of(
                self._last, self._stops, tools=self._blocks.called, refused=self._refused
            )
            self._blocks.close()
        except UpstreamBroken as error:
            self._fail(error)
            return
        delta = {"stop_reason": stop.reason, "stop_sequence": stop.sequence}
        ending = {"delta": delta, "usage": usage_of(self._usage)}
        self._out.append(_event("message_delta", ending))
        self._out.append(_event("message_stop", {}))
        self._over = True

    def _fail(self, error: UpstreamError) -> None:
        self._failure = error
        self._stop(error_type(error.status), error.message)

    def _stop(self, kind: str, message: str) -> None:
        self._out.append(error_event(kind, message))
        self._over = True


@dataclass(slots=True)
class _Block:
    """One content block; `pieces` are kept while it waits, and of a tool call to the end."""

    kind: Literal["text", "thinking", "tool_use"]
    start: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    held: str = ""
    """The first half of a surrogate pair whose second half is to come."""
    closed: bool = False

    def complete(self) -> bool:
        """Whether nothing more can come.

        It parses a tool's whole input, so it is asked only when another block comes, and not again
        after the first no.
        """
        if self.kind != "tool_use":
            return True
        try:
            return isinstance(parsed("".join(self.pieces)), dict)
        except ValueError:
            return False


class _Blocks:
    """Writes the content blocks, one after the other, to `out`."""

    __slots__ = ("_calls", "_number", "_open", "_out", "_waiting", "called", "message")

    def __init__(self, out: list[bytes]) -> None:
        self.called = False
        self.message = ""
        self._out = out
        self._number = -1
        self._open: _Block | None = None
        self._waiting: list[_Block] = []
        self._calls: dict[int, _Block] = {}

    def say(self, kind: Literal["text", "thinking"], piece: str) -> None:
        """Write a piece of text or of thinking, in the last block if that is of its kind."""
        last = self._waiting[-1] if self._waiting else self._open
        if last is None or last.kind != kind:
            start = {"type": kind, kind: ""}
            last = _Block(kind, {**start, "signature": ""} if kind == "thinking" else start)
            self._add(last)
        self._write(last, piece)

    def call(self, call: ToolCall) -> None:
        """Write a piece of a tool call.

        Raises:
            UpstreamBroken: the call has no name, or ended before.

        """
        block = self._calls.get(call.index)
        if block is None or (call.name and call.id not in ("", block.start["id"])):
            if not (call.name or call.id or call.arguments):
                return
            block = _Block("tool_use", tool_block(call, self.message, len(self._calls)))
            self._calls[call.index] = block
            self.called = True
            self._add(block)
        if call.arguments:
            self._write(block, call.arguments)

    def close(self) -> None:
        """Write the end of the open block, and all blocks that wait."""
        self._close_open()
        for block in self._waiting:
            self._begin(block)
            if block.pieces:
                self._delta(block, mended("".join(block.pieces)))
            self._close_open()
        self._waiting = []

    def _add(self, block: _Block) -> None:
        """Begin a block now if the open one is at its end; else it waits, as all after it do."""
        if self._waiting or (self._open is not None and not self._open.complete()):
            self._waiting.append(block)
            return
        self._close_open()
        self._begin(block)

    def _begin(self, block: _Block) -> None:
        self._number += 1
        self._open = block
        start = {"index": self._number, "content_block": block.start}
        self._out.append(_event("content_block_start", start))

    def _close_open(self) -> None:
        block = self._open
        if block is None:
            return
        if block.held:
            self._delta(block, mended(block.held))
        self._out.append(_event("content_block_stop", {"index": self._number}))
        block.closed = True
        self._open = None

    def _write(self, block: _Block, piece: str) -> None:
        if block.closed:
            if piece.strip():
                raise UpstreamBroken("The engine went on with a tool call after its end.")
            return
        if block is not self._open:
            block.pieces.append(piece)
            return
        if block.kind == "tool_use":
            block.pieces.append(piece)
        if block.held:
            piece, block.held = block.held + piece, ""
        if "\ud800" <= piece[-1] <= "\udbff":
            piece, block.held = piece[:-1], piece[-1]
        if piece:
            self._delta(block, mended(piece))

    def _delta(self, block: _Block, piece: str) -> None:
        kind, name = _DELTAS[block.kind]
        delta = {"index": self._number, "delta": {"type": kind, name: piece}}
        self._out.append(_event("content_block_delta", delta))


def _event(kind: str, document: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), serialise({"type": kind, **document}))


def _is_whole(data: bytes | None) -> bool:
    """Whether an event that no empty line ended is more than the beginning of one."""
    if data is None or data == b"[DONE]":
        return True
    try:
        parsed(data)
    except ValueError:
        return False
    return True
