"""Reading what the audit needs out of an engine's answer, without touching its bytes."""

import re
from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson

from evenhand_proxy.exchange import Usage

TAIL_READS = 16
"""How many of a stream's last reads are looked at: usage and finish reason stand in its end."""

KEPT_BYTES = 4 * 1024 * 1024
"""How much of a stream is kept where its text has to be counted or stored."""

_FINISH = re.compile(rb'"finish_reason"\s*:\s*"([A-Za-z_]+)"')
_DONE = re.compile(rb"(?:^|[\r\n])data:\s*\[DONE\]\s*$")
_PIECES = ("response.output_text.delta", "response.reasoning_text.delta")
_RESPONSE_ENDED = re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete|failed)"')


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What an answer says of itself; None or empty where it does not."""

    usage: Usage | None = None
    finish_reasons: tuple[str, ...] = ()
    response_id: str | None = None
    response_model: str | None = None
    text: str = ""
    error: str | None = None


def read_document(document: Any) -> AnswerFacts:
    """Read a plain answer, or the last event of a stream, that was parsed from JSON."""
    if not isinstance(document, dict):
        return AnswerFacts()
    if document.get("object") == "response":
        return _read_response(document)
    if isinstance(document.get("response"), dict):
        return _read_response(document["response"])
    choices = _dicts(document.get("choices"))
    reasons = tuple(
        item["finish_reason"] for item in choices if isinstance(item.get("finish_reason"), str)
    )
    return AnswerFacts(
        _usage(document.get("usage")),
        reasons,
        _text(document.get("id")),
        _text(document.get("model")),
        "".join(_choice_text(item) for item in choices),
        _error(document),
    )


def _read_response(document: dict[str, Any]) -> AnswerFacts:
    """Read the Responses API's object; how it ended stands in `status`."""
    status, details = document.get("status"), document.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    ended = status in ("completed", "incomplete", "failed", "cancelled")
    parts = [
        part.get("text")
        for item in _dicts(document.get("output"))
        for part in _dicts(item.get("content"))
    ]
    return AnswerFacts(
        _usage(document.get("usage")),
        (str(reason or status),) if ended else (),
        _text(document.get("id")),
        _text(document.get("model")),
        "".join(part for part in parts if isinstance(part, str)),
        _error(document),
    )


def read_plain(body: bytes) -> AnswerFacts | None:
    """Read a plain answer; None if it is no JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return read_document(document) if isinstance(document, dict) else None


class StreamReader:
    """Watches a stream go by; costs a few assignments for each read.

    `keep` keeps the bytes too, up to 4 MiB, for counting or storing the text afterwards, and
    `several` because each of several choices may finish anywhere in the stream.
    """

    __slots__ = ("_kept", "_several", "_tail", "size")

    def __init__(self, *, keep: bool, several: bool = False) -> None:
        self.size = 0
        self._tail: deque[bytes] = deque(maxlen=TAIL_READS)
        self._kept: list[bytes] | None = [] if keep or several else None
        self._several = several

    def feed(self, chunk: bytes) -> None:
        """Take note of one read."""
        self.size += len(chunk)
        self._tail.append(chunk)
        if self._kept is not None and self.size <= KEPT_BYTES:
            self._kept.append(chunk)

    @property
    def content(self) -> bytes | None:
        """The kept bytes, None if none were kept."""
        return None if self._kept is None else b"".join(self._kept)

    @property
    def at_boundary(self) -> bool:
        """Whether the stream stands between two events."""
        tail = b"".join(self._tail)
        return not tail or tail.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))

    @property
    def done(self) -> bool:
        """Whether the stream said that it is complete."""
        return _DONE.search(b"".join(self._tail)[-64:]) is not None

    def facts(self) -> AnswerFacts:
        """Read the end of the stream; called once, after it."""
        tail = b"".join(self._tail)
        usage = response_id = model = error = None
        ended: tuple[str, ...] = ()
        for event in _events(tail):
            facts = read_document(event)
            ended = facts.finish_reasons or ended
            usage = facts.usage or usage
            response_id = facts.response_id or response_id
            model = facts.response_model or model
            error = facts.error or error
        searched = (self.content or tail) if self._several else tail
        reasons = tuple(match.decode() for match in _FINISH.findall(searched))
        return AnswerFacts(usage, reasons or ended, response_id, model, error=error)

    def text(self) -> str:
        """Give the text of the kept events."""
        return "".join(read_document(event).text for event in _events(self.content or b""))


class ResponsesReader(StreamReader):
    """Watches a stream of the Responses API, whose last event holds the whole answer once more.

    It may come in any number of reads, so the end that is looked at is the last two whole events
    (a `[DONE]` may follow it) and what comes after them.
    """

    __slots__ = ()

    def __init__(self, *, keep: bool) -> None:
        super().__init__(keep=keep)
        self._tail = deque()

    def feed(self, chunk: bytes) -> None:
        """Take note of one read."""
        super().feed(chunk)
        end = _last_gap(chunk, len(chunk))
        if end < 0:
            return
        data = b"".join(self._tail)
        last = _last_gap(data, len(data) - len(chunk) + end)
        before = _last_gap(data, last) if last > 0 else -1
        self._tail.clear()
        self._tail.append(data[before + 1 :])

    @property
    def done(self) -> bool:
        """Whether the stream said that it is complete."""
        return super().done or _RESPONSE_ENDED.search(b"".join(self._tail)) is not None

    def text(self) -> str:
        """Give the text of the kept events: the pieces, or else what the last event repeats."""
        events = _events(self.content or b"")
        pieces = "".join(_piece(event) for event in events)
        return pieces or "".join(read_document(event).text for event in events)


def _last_gap(data: bytes, end: int) -> int:
    """Give where the last empty line before `end` begins, -1 where there is none."""
    return max(data.rfind(b"\n\n", 0, end), data.rfind(b"\r\n\r\n", 0, end))


def _piece(event: Any) -> str:
    """Give the piece of text or of thinking in an event of the Responses API."""
    found = event.get("delta") if isinstance(event, dict) and event.get("type") in _PIECES else ""
    return found if isinstance(found, str) else ""


def _events(data: bytes) -> list[Any]:
    events = []
    for line in data.splitlines():
        if line.startswith(b"data:"):
            try:
                events.append(orjson.loads(line[5:]))
            except orjson.JSONDecodeError:
                continue
    return events


def _error(document: dict[str, Any]) -> str | None:
    """Give what an answer says went wrong: OpenAI's error object, or a flat one.

    SGLang's is flat, and so is the event with which a stream of the Responses API fails.
    """
    found = document.get("error")
    if isinstance(found, dict):
        return str(found.get("message") or found)
    if isinstance(found, str):
        return found
    flat = document.get("object") == "error" or document.get("type") == "error"
    return str(document.get("message")) if flat else None


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    counts = (
        found.get("prompt_tokens", found.get("input_tokens")),
        found.get("completion_tokens", found.get("output_tokens")),
    )
    prompt, completion = (
        count if isinstance(count, int) and not isinstance(count, bool) else None
        for count in counts
    )
    if prompt is None and completion is None:
        return None
    return Usage(prompt, completion, "engine")


def _choice_text(choice: dict[str, Any]) -> str:
    said = choice.get("message") or choice.get("delta") or {}
    parts = [said.get("reasoning_content"), said.get("content")] if isinstance(said, dict) else []
    parts.append(choice.get("text"))
    return "".join(part for part in parts if isinstance(part, str))


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None
