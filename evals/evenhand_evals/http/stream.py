"""Streamed answers: server-sent events, cut anywhere by the network, read as one plain answer.

Events are those of the WHATWG's HTML standard, section 9.2: lines end with CR, LF or both, `data`
lines of one event are joined by LF, an empty line ends the event; comments, names and ids are read
over. What arrives before the first token is read at once, so that its time is right; after it the
bytes wait until there are many, since one event in a thousand costs as much to begin with as all.

Almost all events of a stream are the same but for the text in them. Where one is seen that holds
nothing but a text, what stands around that text is the `Mould` of those that follow: they are cut
out in one go and parsed as one JSON array of texts. The others are parsed as one array of chunks.

An answer is whole when each of its choices has said why it finished. `[DONE]` proves nothing: some
servers leave it out, and some gateways send it after an engine that died.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from evenhand_evals.errors import AnswerUnreadable
from evenhand_evals.http.chunks import SAID, Chunks

BATCH: Final = 1 << 15

FIRST: Final = 2
"""Events of a stream that are read before those after them are looked at for being alike."""

DONE: Final = b"[DONE]"
_END: Final = b"\n\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SAYS: Final = re.compile(rb'"(%s)":\s?"((?:[^"\\]|\\.)+)"' % "|".join(SAID).encode())


@dataclass(frozen=True, slots=True)
class Mould:
    """What stands before and after the text in events that are alike but for it.

    `index` is that of their choice, `field` where the text belongs.
    """

    before: bytes
    after: bytes
    index: int
    field: str

    @classmethod
    def of(cls, event: bytes, chunk: Mapping[str, Any]) -> Self | None:
        """Learn from an event and its chunk; None if anything else in it is to be added up."""
        found = list(_SAYS.finditer(event))
        choices = chunk.get("choices")
        if len(found) != 1 or not choices or len(choices) != 1:
            return None
        field = found[0][1].decode()
        rest = {**choices[0], **(choices[0].get("delta") or {}), "delta": None, "role": None}
        if any(value for name, value in rest.items() if name not in ("index", field)):
            return None
        if any(isinstance(each, dict | list) for key, each in chunk.items() if key != "choices"):
            return None
        before, after = event[: found[0].start(2)], event[found[0].end(2) :]
        empty = orjson.loads(_data(before + after))["choices"][0]
        holder = empty if field == "text" else empty.get("delta") or {}
        if holder.get(field) != "":
            return None  # a field of the same name elsewhere
        return cls(before, after, choices[0].get("index") or 0, field)

    def cast(self, events: list[bytes]) -> tuple[list[bytes], list[str], list[bytes]]:
        """Give the texts of events that are alike, and the events before and after those."""
        start, end = 0, len(events)
        while start < end and not self._fits(events[start]):
            start += 1
        while start < end and not self._fits(events[end - 1]):
            end -= 1
        alike, left, right = events[start:end], len(self.before), -len(self.after)
        texts = [event[left:right] for event in alike]
        # One comparison of all instead of one of each: they are alike if they can be made anew.
        anew = b"%b%b%b" % (self.before, (self.after + _END + self.before).join(texts), self.after)
        if not alike or anew != _END.join(alike):
            return events, [], []
        # No string of JSON has a line break in it, so that a text that is none can hide in nothing.
        try:
            found = orjson.loads(b'["%b"]' % b'",\n"'.join(texts))
        except orjson.JSONDecodeError:
            return events, [], []
        whole = len(found) == len(texts)
        return (events[:start], found, events[end:]) if whole else (events, [], [])

    def _fits(self, event: bytes) -> bool:
        return event.startswith(self.before) and event.endswith(self.after)


class Stream:
    """Reads one streamed answer; it begins to count time when it is made.

    `batch` is how many bytes are read in one go once the first token is there.
    `first_token` is in seconds, None before there is one. `chunks` counts the events that have been
    read, without the `[DONE]` at the end. `error` is what the server says went wrong, and `broken`
    why the stream cannot be read.
    """

    def __init__(self, batch: int = BATCH) -> None:
        self._batch = batch
        self._begun = time.monotonic()
        self._waiting: list[bytes] = []
        self._size = 0
        self._chunks = Chunks()
        self._mould: Mould | None = None
        self.first_token: float | None = None
        self.chunks = 0
        self.error: Mapping[str, Any] | None = None
        self.broken: str | None = None

    def feed(self, data: bytes) -> None:
        """Take what one read brought."""
        self._waiting.append(data)
        self._size += len(data)
        if self.first_token is None:
            arrived = time.monotonic()
            self._read(final=False)
            if self._chunks.said:
                self.first_token = arrived - self._begun
        elif self._size >= self._batch:
            self._read(final=False)

    def finish(self) -> None:
        """Read what is left, at the end of the answer."""
        self._read(final=True)
        if self.broken is None and self._chunks.unfinished:
            self.broken = f"the stream ended before the answer did: {self._chunks.unfinished}"

    def body(self) -> dict[str, Any]:
        """Give the body that the plain answer would have, after `finish`."""
        return self._chunks.body()

    def _read(self, *, final: bool) -> None:
        data, self._size = b"".join(self._waiting), 0
        torn = b""
        if b"\r" in data:
            # What follows a CR at the end may be the LF that belongs to it.
            if data.endswith(b"\r") and not final:
                data, torn = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = len(data) if final else data.rfind(_END) + 2
        if end > 1:
            self._take(data[:end].split(_END))
            data = data[end:]
        self._waiting = [data + torn]

    def _take(self, events: list[bytes]) -> None:
        """Read whole events."""
        if self.chunks == 0:
            events[0] = events[0].removeprefix(_BYTE_ORDER_MARK)
        if self._mould is None:
            self._parse(events[:FIRST])
            events = events[FIRST:]
        mould = self._mould
        if mould is not None:
            before, texts, events = mould.cast(events)
            self._parse(before)  # which may learn another mould
            if texts and self.broken is None:
                self._chunks.add_texts(mould.index, mould.field, texts)
                self.chunks += len(texts)
        self._parse(events)

    def _parse(self, events: Sequence[bytes]) -> None:
        """Read events one by one, and learn from the last of them."""
        found = [data for event in events if (data := _data(event)) and data != DONE]
        if not found or self.broken is not None:
            return
        try:
            for chunk in _parsed(found):
                self._add(chunk)
        except orjson.JSONDecodeError as error:
            self.broken = f"an event of the stream is no JSON: {error}"
        except AnswerUnreadable as error:
            self.broken = f"the stream cannot be put together: {error}"
        else:
            last = next(event for event in reversed(events) if _data(event) == found[-1])
            if b"\n" not in last:
                self._mould = Mould.of(last, chunk) or self._mould

    def _add(self, chunk: Any) -> None:
        if not isinstance(chunk, dict):
            raise AnswerUnreadable(f"an event is {str(chunk)[:100]!r}, not an object")
        if chunk.get("error") or chunk.get("object") == "error":
            self.error = chunk
            raise AnswerUnreadable("an event says that there was an error")
        self._chunks.add(chunk)
        self.chunks += 1


def told(event: Mapping[str, Any]) -> int | None:
    """Give the HTTP status that an error in a stream names, None if it names none.

    SGLang, vLLM and llama.cpp put it into `code` (of the error, or beside it), where OpenAI has a
    word or null.
    """
    error = event.get("error")
    for holder in (error, event) if isinstance(error, Mapping) else (event,):
        code = holder.get("code")
        if isinstance(code, int) and 400 <= code <= 599:
            return code
    return None


def _parsed(events: Sequence[bytes]) -> Iterable[Any]:
    """Parse the data of events in one go, or one by one up to the one that is no JSON."""
    try:
        chunks = orjson.loads(b"[%b]" % b",".join(events))
    except orjson.JSONDecodeError:
        return map(orjson.loads, events)
    return chunks if len(chunks) == len(events) else map(orjson.loads, events)


def _data(event: bytes) -> bytes:
    """Give the data of an event, empty if it has none."""
    if b"\n" not in event:
        return event[5:].strip() if event.startswith(b"data:") else b""
    lines = event.split(b"\n")
    told = (line[5:] for line in lines if line.startswith(b"data:"))
    data = b"\n".join(line.removeprefix(b" ") for line in told).strip()
    # An event of the kind `error` may hold nothing but what went wrong.
    failed = any(line in (b"event: error", b"event:error") for line in lines)
    return b'{"error":%b}' % data if failed and data and b'"error"' not in data else data
