"""`POST /v1/decoding/explain`: the decoding record that a request would get, engine not called."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request

from evenhand_proxy import wire
from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.guard import Caller, read_body
from evenhand_proxy.api.services import Services
from evenhand_proxy.decoding import Route


def router(services: Services) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["decoding"])

    @routes.post(
        "/v1/decoding/explain",
        summary="Say which decoding parameters a request would be made with",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _BODY}}}},
    )
    async def explain(
        request: Request,
        caller: Annotated[Caller, Depends(admitted(services))],
        evenhand_profile: Annotated[str | None, Header()] = None,
    ) -> dict[str, Any]:
        limit = services.config.limits.body_bytes
        document = wire.parse(await read_body(request.receive, limit))
        name = wire.model_of(document)
        served, profile = services.catalog.find(name, evenhand_profile, caller.profile)
        decoded = services.decoder.decode(document, _route(document), served, profile)
        record: dict[str, Any] = json.loads(decoded.document)
        return record

    return routes


def _route(document: dict[str, Any]) -> Route:
    if "messages" in document:
        return "chat"
    return "completions" if "prompt" in document else "chat"


_BODY = {
    "type": "object",
    "required": ["model"],
    "description": "A chat request, or a completions request (with `prompt`).",
    "properties": {
        "model": {"type": "string", "examples": ["glm-4@greedy"]},
        "messages": {"type": "array", "items": {"type": "object"}},
        "prompt": {"type": "string"},
        "temperature": {"type": "number"},
    },
}
