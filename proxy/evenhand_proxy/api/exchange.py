"""One exchange with an engine: opened in the journal, relayed, closed in the journal.

The client is watched from the first byte sent upstream to the last byte sent back: when it goes
away the upstream call is dropped at once, in whatever phase it is.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from evenhand_proxy.answers import AnswerFacts, ResponsesReader, StreamReader, read_plain
from evenhand_proxy.api.guard import Receive, Send
from evenhand_proxy.api.respond import JSON, key_refused, not_found, relayed, send_whole
from evenhand_proxy.api.services import Services
from evenhand_proxy.api.tongues import Tongue, Translator
from evenhand_proxy.errors import AuditUnavailable, HTTPError, UpstreamBroken, UpstreamError
from evenhand_proxy.exchange import Opening, Outcome, OutcomeKind
from evenhand_proxy.upstream.transport import UpstreamAnswer

log = logging.getLogger("evenhand.exchange")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is known before the engine is called.

    send: makes the one upstream call. headers: of the answer. document: the request as it came.
    refusal: an error of strict mode's or the policy's, with which the engine is not called at all.
    close: gives up a call that was never made.
    """

    opening: Opening
    send: Callable[[], Awaitable[UpstreamAnswer]]
    headers: list[tuple[bytes, bytes]]
    document: dict[str, Any]
    tongue: Tongue
    refusal: HTTPError | None
    close: Callable[[], None]


class Exchange:
    """One request on its way to the engine and back."""

    def __init__(
        self, services: Services, prepared: Prepared, receive: Receive, send: Send
    ) -> None:
        self._services = services
        self._prepared = prepared
        self._receive = receive
        self._send = send
        self._started = time.monotonic()
        self._status: int | None = None
        self._first_byte: float | None = None
        self._called = False
        self._reader = self._stream_reader()
        self._content: bytes | None = None
        self._facts: AnswerFacts | None = None
        self._translator: Translator | None = None
        self._told = 0
        self._gone = False
        self._audited = True

    def _stream_reader(self) -> StreamReader:
        keep = self._keeps_text()
        if self._prepared.opening.route == "/v1/responses":
            return ResponsesReader(keep=keep)
        sent, prompt = self._prepared.opening.sent_parameters, self._prepared.document.get("prompt")
        return StreamReader(keep=keep, several=sent.get("n", 1) != 1 or isinstance(prompt, list))

    def _keeps_text(self) -> bool:
        if self._services.config.audit.content:
            return True
        options = self._prepared.document.get("stream_options")
        return not (isinstance(options, dict) and options.get("include_usage") is True)

    async def run(self) -> None:
        """Open the journal row, serve the request, close the row."""
        try:
            await self._run()
        finally:
            if not self._called:
                self._prepared.close()

    async def _run(self) -> None:
        try:
            await self._services.journal.open(self._prepared.opening)
        except AuditUnavailable as error:
            if self._services.config.audit.required:
                await self._tell(error)
                return
            self._audited = False
            log.warning("request %s is not audited: %s", self._prepared.opening.request_id, error)
        kind: OutcomeKind = "proxy_failed"
        reason: str | None = "the proxy was stopped"
        try:
            kind, reason = await self._watched()
        finally:
            self._close(kind, reason)

    async def _watched(self) -> tuple[OutcomeKind, str | None]:
        """Serve, unless the client goes away first."""
        task = asyncio.current_task()
        watcher = asyncio.ensure_future(self._until_gone())

        def stop(ended: asyncio.Future[None]) -> None:
            if not ended.cancelled() and task is not None:
                self._gone = True
                task.cancel()

        watcher.add_done_callback(stop)
        try:
            return await self._guarded()
        except asyncio.CancelledError:
            if not self._gone or task is None:
                raise
            task.uncancel()
            return "client_cancelled", "the client went away"
        finally:
            watcher.remove_done_callback(stop)
            watcher.cancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _guarded(self) -> tuple[OutcomeKind, str | None]:
        try:
            return await self._serve()
        except UpstreamError as error:
            if self._status is None:  # no answer tells yet which model failed
                error.message = f"{self._prepared.opening.model}: {error.message}"
            await self._tell(error)
            broken = isinstance(error, UpstreamBroken)
            return "upstream_broken" if broken else "upstream_failed", error.message
        except Exception as error:
            log.exception("request %s failed", self._prepared.opening.request_id)
            await self._tell(HTTPError("The proxy failed; its log has the reason."))
            return "proxy_failed", f"{type(error).__name__}: {error}"

    async def _tell(self, error: HTTPError) -> None:
        """Answer with an error: as the answer, or as the last event of a stream that has begun."""
        tongue = self._prepared.tongue
        if self._status is None:
            self._begin(error.status)
            headers = [*self._prepared.headers, JSON]
            await send_whole(self._send, error.status, headers, tongue.error(error))
            return
        if self._translator is not None:
            event = self._translator.fail(error)
            self._told += len(event)
        else:
            event = tongue.event(error, at_boundary=self._reader.at_boundary)
        await self._send({"type": "http.response.body", "body": event})

    async def _serve(self) -> tuple[OutcomeKind, str | None]:
        prepared = self._prepared
        if prepared.refusal is not None:
            await self._tell(prepared.refusal)
            return "refused", prepared.refusal.message
        self._called = True
        answer = await prepared.send()
        try:
            if answer.status >= 400:
                return await self._relay_error(answer)
            if answer.status >= 300:
                raise UpstreamError(f"The engine answered with a redirect (HTTP {answer.status}).")
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                return await self._relay_stream(answer)
            return await self._relay_plain(answer)
        finally:
            answer.close()

    async def _relay_plain(self, answer: UpstreamAnswer) -> tuple[OutcomeKind, str | None]:
        body = await answer.read()
        facts = read_plain(body)
        if facts is None:
            raise UpstreamError("The engine's answer is not a JSON object.")
        if facts.error is not None and "failed" not in facts.finish_reasons:
            raise UpstreamError(f"The engine answered with an error: {facts.error[:500]}")
        told = self._prepared.tongue.whole(body)
        self._begin(answer.status)
        self._reader.size = len(told)
        self._facts = facts
        self._content = body
        headers = [*self._prepared.headers, *relayed(answer.headers.items())]
        await send_whole(self._send, answer.status, headers, told)
        return _kind_of(facts)

    async def _relay_error(self, answer: UpstreamAnswer) -> tuple[OutcomeKind, str | None]:
        said = await answer.read()
        if answer.status == 404:
            said = not_found(said, self._prepared.opening)
        body, message = self._prepared.tongue.engine_error(answer.status, said)
        if answer.status in (401, 403):
            raise key_refused(answer.status, self._prepared.opening)
        self._begin(answer.status)
        self._reader.size = len(body)
        kept = [item for item in relayed(answer.headers.items()) if item[0] != b"content-type"]
        headers = [*self._prepared.headers, *kept, JSON]
        await send_whole(self._send, answer.status, headers, body)
        return "refused" if answer.status < 500 else "upstream_failed", message[:500]

    async def _relay_stream(self, answer: UpstreamAnswer) -> tuple[OutcomeKind, str | None]:
        """Relay an SSE stream: bytes untouched unless translated, one write for each read."""
        headers = [*self._prepared.headers, *relayed(answer.headers.items())]
        headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        send, feed = self._send, self._reader.feed
        self._status = answer.status
        translator = self._translator = self._prepared.tongue.stream()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for chunk in answer.chunks():
            if self._first_byte is None:
                self._begin(answer.status)
            feed(chunk)
            if translator is None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            else:
                await self._say(translator, translator.feed(chunk))
        if translator is not None:
            await self._say(translator, translator.finish())
        self._facts = facts = self._reader.facts()
        if not (facts.finish_reasons or self._reader.done or facts.error):
            raise UpstreamBroken("The engine ended the stream without a finish reason or [DONE].")
        await send({"type": "http.response.body", "body": b""})
        return _kind_of(facts)

    async def _say(self, translator: Translator, told: bytes) -> None:
        """Send what a translator gave; once it has told of a failure nothing more is relayed."""
        self._told += len(told)
        if told:
            await self._send({"type": "http.response.body", "body": told, "more_body": True})
        if translator.failure is not None:
            raise translator.failure

    def _begin(self, status: int) -> None:
        """Note that the answer begins, or for a stream that its first byte is there."""
        self._status = status
        self._first_byte = time.monotonic() - self._started

    def _close(self, kind: OutcomeKind, reason: str | None) -> None:
        facts = self._facts or self._reader.facts()
        outcome = Outcome(
            request_id=self._prepared.opening.request_id,
            closed_at=time.time(),
            kind=kind,
            status=self._status,
            duration=time.monotonic() - self._started,
            first_byte=self._first_byte,
            usage=facts.usage,
            finish_reasons=facts.finish_reasons,
            response_id=facts.response_id,
            response_model=facts.response_model,
            bytes_out=self._reader.size if self._translator is None else self._told,
            error=reason,
            content=self._kept_content(),
        )
        needs_estimate = facts.usage is None and kind in ("completed", "client_cancelled")
        if needs_estimate and self._prepared.opening.route != "/v1/embeddings":
            self._services.later(self._estimate_and_record(outcome))
        else:
            self._record(outcome)

    def _kept_content(self) -> bytes | None:
        if not self._services.config.audit.content:
            return None
        return self._content if self._content is not None else self._reader.content

    async def _estimate_and_record(self, outcome: Outcome) -> None:
        """Count the tokens that the engine did not, in a thread: tiktoken is slow on long text."""
        self._services.tokens.start()  # only now: tiktoken may fetch its encoding from the network
        plain = self._facts.text if self._facts else ""
        text = plain or await asyncio.to_thread(self._reader.text)
        usage = await asyncio.to_thread(
            self._services.tokens.estimate_usage, self._prepared.document, text
        )
        self._record(replace(outcome, usage=usage))

    def _record(self, outcome: Outcome) -> None:
        if self._audited:
            self._services.journal.close(outcome)
        self._services.telemetry.record(self._prepared.opening, outcome)


def _kind_of(facts: AnswerFacts) -> tuple[OutcomeKind, str | None]:
    """Give the outcome of an answer that was relayed to its end."""
    if facts.error is not None:
        return "upstream_failed", facts.error[:500]
    return "completed", None
