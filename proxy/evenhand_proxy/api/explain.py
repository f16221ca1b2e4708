"""`POST /v1/decoding/explain`: the decoding record that a request would get, engine not called."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from evenhand_proxy import wire
from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.guard import Caller, read_body
from evenhand_proxy.api.inference import ROUTES, Incoming, Way, asking_of
from evenhand_proxy.api.services import Services
from evenhand_proxy.api.tongues import own_words
from evenhand_proxy.api.translated import explained
from evenhand_proxy.errors import RequestError
from evenhand_proxy.messages import to_chat

WAYS = {way.name: (path, way) for path, way in ROUTES.items()}


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
        evenhand_mode: Annotated[str | None, Header()] = None,
        route: Annotated[str | None, Query(description="chat, completions, ...")] = None,
    ) -> Response:
        limit = services.config.limits.body_bytes
        document = wire.parse(await read_body(request.receive, limit))
        path, way = _way(document, route)
        words: Mapping[str, Any] = {}
        if way.name == "messages" and "messages" in document:
            document, words = to_chat(document), own_words(document)
        named = dict(request.scope["headers"])
        incoming = Incoming("", path, way, document, b"", named, caller, words)
        asking = asking_of(services, incoming)
        decoded = await explained(services.hosted, services.decoder, asking, document)
        return Response(decoded.document, media_type="application/json")

    return routes


def _way(document: dict[str, Any], route: str | None) -> tuple[str, Way]:
    if route is None:
        completions = "messages" not in document and "prompt" in document
        return WAYS["completions" if completions else "chat"]
    if route not in WAYS:
        raise RequestError(
            f"route: {route[:40]!r} is none of {', '.join(WAYS)}. Send one of these.",
            param="route",
        )
    return WAYS[route]


_BODY = {
    "type": "object",
    "required": ["model"],
    "description": "A request as it would be sent to the route; a chat request if not told.",
    "properties": {
        "model": {"type": "string", "examples": ["glm-4@greedy"]},
        "messages": {"type": "array", "items": {"type": "object"}},
        "prompt": {"type": "string"},
        "temperature": {"type": "number"},
    },
}
