"""The one HTTP client of the evaluation: a pooled session, patient retries, everything recorded.

No answer raises: an exchange that failed says so and why. A request is repeated only where asking
again can help (408, 409, 425, 429, 5xx, no connection, a broken or late answer, one that the
engine gave up), with full jitter (Brooker 2015, "Exponential Backoff And Jitter") and never sooner
than `Retry-After` says. A 400 is the endpoint's verdict on the request, not an answer of the model.
A streamed answer becomes the body of the plain one, or a broken answer: there is no half of one.
"""

import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import orjson

from evenhand_evals.http.connections import Connections, Response
from evenhand_evals.http.pace import Pace
from evenhand_evals.http.stream import Stream, told
from evenhand_evals.log import Attempt
from evenhand_evals.wire import Kind, aborted, fault, unseeing

UNPACED = 1 << 20
RETRIED = frozenset((408, 409, 425, 429))
REJECTED = frozenset((400, 413, 422))
"""What an endpoint says of a request that it will never answer."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How patiently to ask again; times are seconds.

    The n-th pause is drawn from 0 to min(`cap`, `base` * 2**n). An endpoint that asks for a longer
    pause than `patience` is given up.
    """

    attempts: int = 5
    base: float = 0.5
    cap: float = 30.0
    patience: float = 120.0

    def pause(self, attempt: int, retry_after: float | None) -> float:
        """Give the pause after the given attempt (the first is 0)."""
        jitter = random.uniform(0.0, min(self.cap, self.base * 2**attempt))  # noqa: S311
        return jitter if retry_after is None else retry_after + jitter


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request on the wire.

    `status` is None and `error` set where no whole answer came. `body` is the parsed JSON, or the
    text where it is not JSON. `retry_after` and `first_token` are in seconds; the latter and the
    count of `chunks` are of a stream, None for a plain answer.
    """

    status: int | None = None
    body: Any = None
    error: str | None = None
    request_id: str | None = None
    fingerprint: str | None = None
    retry_after: float | None = None
    first_token: float | None = None
    chunks: int | None = None

    @property
    def transient(self) -> bool:
        """Whether asking again can help."""
        if self.status is None or self.status in RETRIED or self.status >= 500:
            return not unseeing(self.body)
        return self.status == 200 and aborted(self.body)

    @property
    def in_trouble(self) -> bool:
        """Whether the endpoint has too much to do, or is not there."""
        if self.status is None or self.status == 429:
            return True
        return self.status >= 500 and not unseeing(self.body)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One sample's request, the last answer to it, and every attempt in between.

    `failure` says why there is no completion, None where there is one. `started` and `duration`
    are seconds: from the run's origin, and from the first attempt to the last answer. `cached` says
    that the answer is one of an earlier run.
    """

    request: Mapping[str, Any]
    answer: Answer
    attempts: tuple[Attempt, ...]
    started: float
    duration: float
    failure: str | None
    cached: bool = False


def retry_after(value: str | None) -> float | None:
    """Read a `Retry-After` header, seconds or an HTTP date, as seconds from now."""
    if not value:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def error_text(body: Any) -> str:
    """Find the message in an error body of OpenAI's, FastAPI's or no particular shape."""
    if isinstance(body, Mapping):
        error = body.get("error", body)
        if isinstance(error, Mapping):
            error = error.get("message") or error.get("detail") or error
        body = error
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    return " ".join(text.split())[:500]


def describe(answer: Answer, kind: Kind | None = "message") -> str:
    """Say in one line why an answer is none."""
    if answer.status is None:
        return answer.error or "no answer"
    if answer.status == 200:
        why = (kind and fault(answer.body, kind)) or "the body is not JSON"
        return f"HTTP 200, but {why}: {error_text(answer.body)}"
    return f"HTTP {answer.status}: {error_text(answer.body)}"


class Client:
    """Talks to one OpenAI-style endpoint.

    `base_url` ends before `/chat/completions`; `timeout` is the longest wait for one answer in
    seconds; `headers` go with every request; `pace` says how many may be under way; `origin` is the
    reading of `time.monotonic()` that times are counted from, the client's own beginning unless it
    is set; `streamed` says that an answer has come as a stream.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        timeout: float = 600.0,
        backoff: Backoff | None = None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.base_url = base_url
        self._key = key
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._backoff = backoff or Backoff()
        self._pace = pace or Pace(UNPACED)
        self.origin = time.monotonic()
        self.streamed = False
        self._connections: Connections | None = None

    async def __aenter__(self) -> Self:
        headers = {
            "content-type": "application/json",
            "user-agent": "evenhand-evals",
            **self._headers,
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        self._connections = Connections(self.base_url, headers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connections is not None:
            await self._connections.close()

    async def request(
        self, method: str, path: str, body: Any = None, *, stream: bool = False
    ) -> Answer:
        """Send one request, once, and give whatever came of it; `stream` reads a streamed body."""
        if self._connections is None:
            raise RuntimeError("a Client is used inside `async with`")
        data = None if body is None else orjson.dumps(body)
        reading = Stream() if stream else None
        sink = reading.feed if reading else None
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._connections.request(method, path, data, sink)
        except TimeoutError:
            answer = Answer(error=f"no whole answer within {self._timeout:g} s")
        except OSError as error:
            answer = Answer(error=f"{type(error).__name__}: {error}")
        else:
            if reading is None or not response.streamed:
                return _read(response, self._mask(response.status, response.content))
            answer = self._read_stream(response, reading)
        if reading is None or not reading.chunks:
            return answer
        return replace(answer, first_token=reading.first_token, chunks=reading.chunks)

    def _read_stream(self, response: Response, reading: Stream) -> Answer:
        """Give what a stream came to; an error inside it is as good as one in the place of it."""
        self.streamed = True
        reading.finish()
        if reading.error is not None:
            said = orjson.loads(self._mask(0, orjson.dumps(reading.error)))
            status = told(said)
            error = None if status else f"the stream broke off with an error: {error_text(said)}"
            return _answer(response, status, said, error)
        if reading.broken is not None:
            return _answer(response, None, None, reading.broken)
        return _answer(response, response.status, reading.body())

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        kind: Kind | None = "message",
        stream: bool = False,
    ) -> Exchange:
        """Ask for one thing, as often as it takes or `Backoff` allows.

        `kind` is what must come back, None for any JSON. `stream` says that the body asks for a
        stream; an endpoint that answers without one is read all the same.
        """
        attempts: list[Attempt] = []
        while True:
            async with self._pace as pace:
                round_ = pace.round
                begun = time.monotonic()
                answer = await self.request("POST", path, body, stream=stream)
                took = time.monotonic() - begun
            if answer.in_trouble:
                pace.trouble(round_, self._held(answer))
            else:
                pace.good()
            failure = _failure(answer, kind)
            pause = self._pause(answer, len(attempts)) if failure else None
            why = failure and failure[:200]
            read = answer.first_token, answer.chunks
            attempts.append(Attempt(begun - self.origin, took, answer.status, why, pause, *read))
            if pause is None:
                break
            await asyncio.sleep(pause)
        started = attempts[0].started
        duration = attempts[-1].started + attempts[-1].duration - started
        return Exchange(body, answer, tuple(attempts), started, duration, failure)

    def _held(self, answer: Answer) -> float | None:
        """Give how long to hold everything back; not for longer than we are patient."""
        wait = answer.retry_after
        return wait if wait is not None and wait <= self._backoff.patience else None

    def _mask(self, status: int, content: bytes) -> bytes:
        # Some servers repeat the key that they refuse; the log must never hold it.
        if status == 200 or not self._key or len(self._key) < 8:
            return content
        return content.replace(self._key.encode(), b"***")

    def _pause(self, answer: Answer, attempt: int) -> float | None:
        if not answer.transient or attempt + 1 >= self._backoff.attempts:
            return None
        if answer.retry_after is not None and answer.retry_after > self._backoff.patience:
            return None
        return self._backoff.pause(attempt, answer.retry_after)


def _failure(answer: Answer, kind: Kind | None) -> str | None:
    if answer.status == 200 and (
        isinstance(answer.body, dict | list) if kind is None else fault(answer.body, kind) is None
    ):
        return None
    return describe(answer, kind)


def _read(response: Response, content: bytes) -> Answer:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = content.decode("utf-8", "replace")
    return _answer(response, response.status, body)


def _answer(response: Response, status: int | None, body: Any, error: str | None = None) -> Answer:
    headers = response.headers
    return Answer(
        status=status,
        body=body,
        error=error,
        request_id=headers.get("evenhand-request-id"),
        fingerprint=headers.get("evenhand-decoding"),
        retry_after=retry_after(headers.get("retry-after")),
    )
