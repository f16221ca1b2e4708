"""The one HTTP client of the evaluation: a pooled session, patient retries, everything recorded.

No answer raises: an exchange that failed says so and why. A request is repeated only where asking
again can help (408, 409, 425, 429, 5xx, no connection, a broken or late answer, one that the
engine gave up), with full jitter (Brooker 2015, "Exponential Backoff And Jitter") and never sooner
than `Retry-After` says. A 400 is the endpoint's verdict on the request, not an answer of the model.
"""

import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from evenhand_evals.log import Attempt
from evenhand_evals.wire import aborted, fault

READ_BUFFER = 1 << 20  # with the default of 64 KiB, long answers make the reader pause and resume
RETRIED = frozenset((408, 409, 425, 429))


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
    text where it is not JSON. `retry_after` is in seconds.
    """

    status: int | None = None
    body: Any = None
    error: str | None = None
    request_id: str | None = None
    fingerprint: str | None = None
    retry_after: float | None = None

    @property
    def transient(self) -> bool:
        """Whether asking again can help."""
        if self.status is None or self.status in RETRIED or self.status >= 500:
            return True
        return self.status == 200 and aborted(self.body)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One sample's request, the last answer to it, and every attempt in between.

    `failure` says why there is no completion, None where there is one. `started` and `duration`
    are seconds: from the run's origin, and from the first attempt to the last answer.
    """

    request: Mapping[str, Any]
    answer: Answer
    attempts: tuple[Attempt, ...]
    started: float
    duration: float
    failure: str | None


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


def describe(answer: Answer) -> str:
    """Say in one line why an answer is none."""
    if answer.status is None:
        return answer.error or "no answer"
    if answer.status == 200:
        return f"HTTP 200, but {fault(answer.body)}: {error_text(answer.body)}"
    return f"HTTP {answer.status}: {error_text(answer.body)}"


class Client:
    """Talks to one OpenAI-style endpoint.

    `base_url` ends before `/chat/completions`; `timeout` is the longest wait for one answer in
    seconds; `headers` go with every request; `origin` is the reading of `time.monotonic()` that
    times are counted from, the client's own beginning unless it is set.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        timeout: float = 600.0,
        backoff: Backoff | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url
        self._key = key
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._backoff = backoff or Backoff()
        self.origin = time.monotonic()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {
            "content-type": "application/json",
            "user-agent": "evenhand-evals",
            **self._headers,
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            read_bufsize=READ_BUFFER,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=30.0),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request, once, and give whatever came of it."""
        if self._session is None:
            raise RuntimeError("a Client is used inside `async with`")
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(
                method, f"{self.base_url}{path}", data=data, allow_redirects=False
            ) as response:
                return _read(response, self._mask(response.status, await response.read()))
        except TimeoutError:
            return Answer(error=f"no whole answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(error=f"{type(error).__name__}: {error}")

    async def sample(self, body: Mapping[str, Any]) -> Exchange:
        """Ask for one chat completion, as often as it takes or `Backoff` allows."""
        attempts: list[Attempt] = []
        while True:
            begun = time.monotonic()
            answer = await self.request("POST", "/chat/completions", body)
            took = time.monotonic() - begun
            failure = _failure(answer)
            pause = self._pause(answer, len(attempts)) if failure else None
            attempts.append(
                Attempt(begun - self.origin, took, answer.status, failure and failure[:200], pause)
            )
            if pause is None:
                break
            await asyncio.sleep(pause)
        started = attempts[0].started
        duration = attempts[-1].started + attempts[-1].duration - started
        return Exchange(body, answer, tuple(attempts), started, duration, failure)

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


def _failure(answer: Answer) -> str | None:
    if answer.status == 200 and fault(answer.body) is None:
        return None
    return describe(answer)


def _read(response: aiohttp.ClientResponse, content: bytes) -> Answer:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = content.decode("utf-8", "replace")
    headers = response.headers
    return Answer(
        status=response.status,
        body=body,
        request_id=headers.get("evenhand-request-id"),
        fingerprint=headers.get("evenhand-decoding"),
        retry_after=retry_after(headers.get("retry-after")),
    )
