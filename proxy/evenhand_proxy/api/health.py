"""`/healthz`, `/readyz` and `/metrics`."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from evenhand_proxy.api.catalog import Served
from evenhand_proxy.api.services import Services
from evenhand_proxy.telemetry.emitter import PROMETHEUS_CONTENT_TYPE

_NOT_ASKED = "not asked"
"""The state of a model behind litellm: a call would cost money, and nobody knows without one."""


def _state(served: Served, problems: Mapping[str, str]) -> str:
    if served.model.via == "litellm":
        return _NOT_ASKED
    return "unreachable" if served.name in problems else "ready"


def router(services: Services) -> APIRouter:
    """Make the routes; they ask for no key, and say nothing that one would protect."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="The engines answer and the journal can be written")
    async def readyz() -> JSONResponse:
        problems = services.monitor.problems()
        models = {
            name: _state(served, problems) for name, served in services.catalog.models.items()
        }
        journal = services.journal.problem
        asked = [state for state in models.values() if state != _NOT_ASKED]
        ready = journal is None and ("ready" in asked or not asked)
        body: dict[str, Any] = {
            "status": "ready" if ready else "not ready",
            "models": models,
            "problems": problems,
            "journal": "ready" if journal is None else journal,
        }
        return JSONResponse(body, 200 if ready else 503)

    @routes.get("/metrics", summary="Metrics in Prometheus' text format")
    async def metrics() -> Response:
        text = await asyncio.to_thread(services.telemetry.prometheus_text)
        return Response(text, media_type=PROMETHEUS_CONTENT_TYPE)

    return routes
