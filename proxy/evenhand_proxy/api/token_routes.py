"""`POST /tokenize` and `/detokenize`: the engine's own tokeniser, asked for a model's clients.

Nothing is generated and no decoding parameter acts, so there is no decoding record and no row in
the audit; metrics and spans have these requests like all others.
"""

import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from evenhand_proxy import wire
from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.catalog import Served
from evenhand_proxy.api.guard import Caller, read_body
from evenhand_proxy.api.request_ids import REQUEST_ID
from evenhand_proxy.api.respond import in_openai_shape, key_refused, not_found
from evenhand_proxy.api.services import Services
from evenhand_proxy.engines.introspect import root_of
from evenhand_proxy.engines.tokenizers import (
    TOKENIZERS,
    Call,
    Talk,
    Tokenizer,
    detokenise,
    tokenise,
)
from evenhand_proxy.errors import RequestError, UpstreamBroken, UpstreamError
from evenhand_proxy.exchange import Opening, Outcome, OutcomeKind
from evenhand_proxy.upstream.transport import UpstreamRequest

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model"],
                    "properties": {"model": {"type": "string"}},
                    "additionalProperties": True,
                }
            }
        },
    }
}


def router(services: Services) -> APIRouter:
    """Make the routes, each at the server's root and below `/v1`."""
    routes = APIRouter(tags=["tokens"])

    async def tokenize(
        request: Request, caller: Annotated[Caller, Depends(admitted(services))]
    ) -> JSONResponse:
        document, served, tokenizer = await _asked(services, request)
        talk = tokenise(tokenizer, document, served.upstream_model)
        context = services.monitor.facts(served.name).max_model_len
        told = {} if context is None else {"max_model_len": context}
        return await _Conversation(services, request, caller, served).hold(talk, told)

    async def detokenize(
        request: Request, caller: Annotated[Caller, Depends(admitted(services))]
    ) -> JSONResponse:
        document, served, tokenizer = await _asked(services, request)
        talk = detokenise(tokenizer, document, served.upstream_model)
        return await _Conversation(services, request, caller, served).hold(talk, {})

    for path in ("/tokenize", "/v1/tokenize"):
        routes.post(path, summary="Give the token ids of a text or a chat", openapi_extra=_BODY)(
            tokenize
        )
    for path in ("/detokenize", "/v1/detokenize"):
        routes.post(path, summary="Give the text of token ids", openapi_extra=_BODY)(detokenize)
    return routes


async def _asked(services: Services, request: Request) -> tuple[dict[str, Any], Served, Tokenizer]:
    """Read a request, and find the model and its tokeniser."""
    limit = services.config.limits.body_bytes
    document = wire.parse(await read_body(request.receive, limit))
    served, _ = services.catalog.find(wire.model_of(document), None, None)
    return document, served, _tokenizer_of(served)


def _tokenizer_of(served: Served) -> Tokenizer:
    if served.model.via == "litellm":
        raise RequestError(
            f"model: {served.name} goes through litellm, which has no tokeniser of the model. "
            "If an engine of your own serves it, set via: http in the proxy's config; "
            "POST /v1/messages/count_tokens estimates a count.",
            param="model",
            code="route_not_served",
        )
    tokenizer = TOKENIZERS.get(served.model.engine)
    if tokenizer is None:
        raise RequestError(
            f"model: the engine of {served.name} ({served.model.engine}) has no tokeniser "
            f"for its clients. Ask a model of {', '.join(TOKENIZERS)}; "
            "POST /v1/messages/count_tokens estimates a count.",
            param="model",
            code="route_not_supported",
        )
    return tokenizer


class _Refused(Exception):
    """The engine's own error, for the client as it is."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(document["error"]["message"])
        self.status = status
        self.document = document


class _Conversation:
    """The calls of one request, and what is told of them."""

    def __init__(
        self, services: Services, request: Request, caller: Caller, served: Served
    ) -> None:
        self._services = services
        self._served = served
        self._opening = _opening(services, request, caller, served)
        self._started = time.monotonic()

    async def hold(self, talk: Talk, told: dict[str, Any]) -> JSONResponse:
        """Make the calls and give the answer, with what is `told` beside it."""
        call = next(talk)  # a wrong request is none that an engine was called for
        kind: OutcomeKind = "proxy_failed"
        status, reason = 500, None
        try:
            while True:
                call = talk.send(await self._ask(call))
        except StopIteration as done:
            kind, status = "completed", 200
            return JSONResponse({**done.value, **told})
        except _Refused as refusal:
            kind = "refused" if refusal.status < 500 else "upstream_failed"
            status, reason = refusal.status, str(refusal)
            return JSONResponse(refusal.document, refusal.status)
        except UpstreamError as error:
            error.message = f"{self._served.name}: {error.message}"
            kind = "upstream_broken" if isinstance(error, UpstreamBroken) else "upstream_failed"
            status, reason = error.status, error.message
            raise
        finally:
            self._record(kind, status, reason)

    async def _ask(self, call: Call) -> dict[str, Any]:
        served, opening = self._served, self._opening
        request = UpstreamRequest(
            root_of(served.model.base_url) + call.path,
            {**served.headers, "evenhand-request-id": opening.request_id},
            wire.serialise(call.body),
            served.model.timeouts,
        )
        answer = await self._services.transport.send(request)
        try:
            said = await answer.read()
        finally:
            answer.close()
        if answer.status in (401, 403):
            raise key_refused(answer.status, opening)
        if answer.status >= 400:
            said = not_found(said, opening) if answer.status == 404 else said
            raise _Refused(answer.status, in_openai_shape(answer.status, said))
        document = _parsed(said) if answer.status < 300 else None
        if document is None:
            raise UpstreamError("The engine's answer is not a JSON object.")
        return document

    def _record(self, kind: OutcomeKind, status: int, reason: str | None) -> None:
        outcome = Outcome(
            request_id=self._opening.request_id,
            closed_at=time.time(),
            kind=kind,
            status=status,
            duration=time.monotonic() - self._started,
            error=reason,
        )
        self._services.telemetry.record(self._opening, outcome)


def _parsed(said: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(said)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _opening(services: Services, request: Request, caller: Caller, served: Served) -> Opening:
    trusted = services.config.telemetry.trust_traceparent
    return Opening(
        request_id=request.scope[REQUEST_ID],
        opened_at=time.time(),
        route=request.url.path,
        model=served.name,
        engine=served.model.engine,
        upstream_model=served.upstream_model,
        server_address=served.host,
        server_port=served.port,
        stream=False,
        fingerprint="",
        decoding=b"",
        key_name=caller.key_name,
        traceparent=request.headers.get("traceparent") if trusted else None,
    )
