"""The application: FastAPI for everything that is not hot, wrapped in the handler that is."""

import asyncio
import os
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from evenhand_proxy.api import (
    count_tokens,
    docs,
    explain,
    health,
    models,
    policy_routes,
    token_routes,
)
from evenhand_proxy.api.catalog import Catalog
from evenhand_proxy.api.decoder import Decoder
from evenhand_proxy.api.guard import Guard, Receive, Scope, Send
from evenhand_proxy.api.inference import ROUTES, TOO_DEEP, InferenceRoutes
from evenhand_proxy.api.policies import Policies
from evenhand_proxy.api.request_ids import REQUEST_ID, RequestIds, id_headers
from evenhand_proxy.api.services import Services
from evenhand_proxy.audit.journal import JOURNAL_FILE, Journal
from evenhand_proxy.config import Config
from evenhand_proxy.engines.monitor import EngineMonitor
from evenhand_proxy.errors import HTTPError, MethodNotAllowed, RequestError, RouteNotFound
from evenhand_proxy.messages import error_body
from evenhand_proxy.telemetry.emitter import Telemetry
from evenhand_proxy.telemetry.settings import settings_from
from evenhand_proxy.telemetry.tokens import TokenCounter
from evenhand_proxy.upstream.aiohttp_client import AiohttpTransport
from evenhand_proxy.upstream.litellm_client import LitellmClient


class Gateway:
    """The ASGI application. Hot paths never reach FastAPI, which costs 100 microseconds each."""

    def __init__(self, services: Services, rest: FastAPI) -> None:
        self._ids = RequestIds()
        self._inference = InferenceRoutes(services, self._ids)
        self._rest = rest
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the lifespan."""
        if scope["type"] == "http" and scope["path"] in ROUTES:
            await self._inference(scope, receive, send)
        elif scope["type"] == "http":
            request_id = scope[REQUEST_ID] = self._ids.new()
            await self._rest(scope, receive, _named(send, request_id))
        else:
            await self._rest(scope, receive, send)


def _named(send: Send, request_id: str) -> Send:
    """Let every answer carry an id, by which a client also knows that this is Evenhand."""

    async def named(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *id_headers(request_id)]
        await send(message)

    return named


def build_app(config: Config, data_dir: Path) -> Gateway:
    """Build the application; nothing runs until its lifespan starts."""
    transport = AiohttpTransport()
    journal = Journal(data_dir / JOURNAL_FILE, config.audit.durability)
    monitor = EngineMonitor(config.models, journal.note)
    policies = Policies(config.policy, journal.note)
    telemetry = Telemetry(settings_from(os.environ))
    telemetry.watch_journal(journal)
    services = Services(
        config=config,
        guard=Guard(config),
        catalog=Catalog(config),
        decoder=Decoder(monitor, policies),
        policies=policies,
        monitor=monitor,
        transport=transport,
        journal=journal,
        telemetry=telemetry,
        tokens=TokenCounter(config.tokens.encoding),
        hosted=LitellmClient() if _needs_litellm(config) else None,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            telemetry.start()
            stack.push_async_callback(telemetry.stop)
            await journal.start()
            stack.push_async_callback(journal.stop)
            await stack.enter_async_context(transport)
            await stack.enter_async_context(monitor)
            await stack.enter_async_context(policies)
            if services.hosted is not None:
                await stack.enter_async_context(services.hosted)
            yield
            if services.background:
                await asyncio.wait(services.background)

    rest = FastAPI(
        title="Evenhand",
        summary="One OpenAI-compatible API; every decoding parameter accounted for.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    rest.add_exception_handler(HTTPError, _answer_error)
    rest.add_exception_handler(StarletteHTTPException, _answer_foreign_error)
    rest.add_exception_handler(RecursionError, _answer_nesting)
    rest.add_exception_handler(Exception, _answer_fault)
    for routes in (models, explain, policy_routes, count_tokens, token_routes, health, docs):
        rest.include_router(routes.router(services))
    docs.describe_hot_routes(rest)
    return Gateway(services, rest)


def _needs_litellm(config: Config) -> bool:
    return any(model.via == "litellm" for model in config.models.values())


def _answer(request: Request, error: HTTPError, status: int | None = None) -> JSONResponse:
    """Give an error in the shape of the protocol whose path was called."""
    body = error.body()
    if request.url.path.startswith("/v1/messages"):
        body = error_body(error, request.scope.get(REQUEST_ID))
    return JSONResponse(body, status or error.status)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPError):
        raise error
    return _answer(request, error)


async def _answer_nesting(request: Request, _: Exception) -> JSONResponse:
    return _answer(request, TOO_DEEP)


async def _answer_foreign_error(request: Request, error: Exception) -> JSONResponse:
    """Give an unknown path or a wrong method OpenAI's shape too."""
    if not isinstance(error, StarletteHTTPException):
        raise error
    path = request.url.path
    hint = "See GET /docs for the routes."
    if f"/v1{path}" in ROUTES:
        hint = f"Did you mean /v1{path}? Give the client a base URL that ends in /v1."
    message = f"{request.method} {path}: {error.detail}. {hint}"
    kind = {404: RouteNotFound, 405: MethodNotAllowed}.get(error.status_code, RequestError)
    answer = _answer(request, kind(message), error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _answer_fault(request: Request, _: Exception) -> JSONResponse:
    """Give a fault of ours its shape too; the server logs its traceback."""
    return _answer(request, HTTPError("The proxy failed; its log has the reason."))
