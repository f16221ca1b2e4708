"""`POST /v1/messages/count_tokens`: how long a Messages request is, estimated with tiktoken."""

import asyncio

from fastapi import APIRouter, Depends, Request

from evenhand_proxy import wire
from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.guard import read_body
from evenhand_proxy.api.services import Services
from evenhand_proxy.messages import countable_text


def router(services: Services) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["inference"], dependencies=[Depends(admitted(services))])

    @routes.post(
        "/v1/messages/count_tokens",
        summary="Estimate the tokens of a Messages request",
        openapi_extra={
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}
        },
    )
    async def count_tokens(request: Request) -> dict[str, int]:
        limit = services.config.limits.body_bytes
        text = countable_text(wire.parse(await read_body(request.receive, limit)))
        services.tokens.start()
        count, _ = await asyncio.to_thread(services.tokens.count, text)
        return {"input_tokens": count}

    return routes
