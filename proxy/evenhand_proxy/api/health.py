"""`/healthz`, `/readyz` and `/metrics`."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from evenhand_proxy.api.services import Services
from evenhand_proxy.telemetry.emitter import PROMETHEUS_CONTENT_TYPE


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
            name: "unreachable" if name in problems else "ready" for name in services.catalog.models
        }
        journal = services.journal.problem
        ready = "ready" in models.values() and journal is None
        body: dict[str, Any] = {
            "status": "ready" if ready else "not ready",
            "models": models,
            "journal": "ready" if journal is None else journal,
        }
        return JSONResponse(body, 200 if ready else 503)

    @routes.get("/metrics", summary="Metrics in Prometheus' text format")
    async def metrics() -> Response:
        text = await asyncio.to_thread(services.telemetry.prometheus_text)
        return Response(text, media_type=PROMETHEUS_CONTENT_TYPE)

    return routes
