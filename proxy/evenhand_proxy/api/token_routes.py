"""`POST /tokenize` and `/detokenize`: the engine's own tokeniser, asked for a model's clients.

Nothing is generated and no decoding parameter acts, so there is no decoding record and no row in
the audit; metrics and spans have these requests like all others.
"""

import asyncio
import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

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
    out_of_vocabulary,
    tokenise,
)
from evenhand_proxy.errors import RequestError, UpstreamBroken, UpstreamError, UpstreamTimeout
from evenhand_proxy.exchange import Opening, Outcome, OutcomeKind
from evenhand_proxy.upstream.transport import UpstreamRequest

_MOST_NAMES = 12
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
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
    ) -> Response:
        document, served, tokenizer = await _asked(services, request)
        talk = tokenise(tokenizer, document, served.upstream_model)
        context = services.monitor.facts(served.name).max_model_len
        told = {} if context is None else {"max_model_len": context}
        return await _Conversation(services, request, caller, served).hold(talk, told)

    async def detokenize(
        request: Request, caller: Annotated[Caller, Depends(admitted(services))]
    ) -> Response:
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
    name = _only_model(services) if document.get("model") is None else wire.model_of(document)
    served, _ = services.catalog.find(name, None, None)
    return document, served, _tokenizer_of(served)


def _only_model(services: Services) -> str:
    """Give the model where there is one only, as llama.cpp's clients name none."""
    names = list(services.catalog.models)
    if len(names) == 1:
        return names[0]
    more = ", or another that GET /v1/models lists" if len(names) > _MOST_NAMES else ""
    raise RequestError(
        f"model: missing; name one of {', '.join(names[:_MOST_NAMES])}{more}.",
        param="model",
        code="model_missing",
    )


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

    async def hold(self, talk: Talk, told: dict[str, Any]) -> Response:
        """Make the calls and give the answer, with what is `told` beside it."""
        call = next(talk)  # a wrong request is none that an engine was called for
        kind: OutcomeKind = "proxy_failed"
        status, reason = 500, None
        try:
            async with asyncio.timeout(self._served.model.timeouts.total):
                while True:
                    call = talk.send(await self._ask(call))
        except StopIteration as done:
            kind, status = "completed", 200
            return _json({**done.value, **told})
        except _Refused as refusal:
            kind = "refused" if refusal.status < 500 else "upstream_failed"
            status, reason = refusal.status, str(refusal)
            return _json(refusal.document, refusal.status)
        except TimeoutError as error:
            limit = self._served.model.timeouts.total
            kind, status = "upstream_failed", 504
            reason = f"{self._served.name}: no whole answer within {limit:g} seconds."
            raise UpstreamTimeout(reason) from error
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
            document = in_openai_shape(answer.status, said)
            wrong = out_of_vocabulary(call, document["error"]["message"])
            if wrong is not None and answer.status >= 500:
                raise _Refused(wrong.status, wrong.body())
            raise _Refused(answer.status, document)
        found = _parsed(said) if answer.status < 300 else None
        if found is None:
            raise UpstreamError("The engine's answer is not a JSON object.")
        return found

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


def _json(document: dict[str, Any], status: int = 200) -> Response:
    """Write an answer; a long text has a million ids, and other requests wait meanwhile."""
    return Response(orjson.dumps(document), status, media_type="application/json")


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
