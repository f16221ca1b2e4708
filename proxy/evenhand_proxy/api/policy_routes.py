"""`GET /v1/policy`: the policy in force, and whom its rules hit so far."""

from typing import Any

from fastapi import APIRouter, Depends

from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.services import Services


def router(services: Services) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["decoding"], dependencies=[Depends(admitted(services))])

    @routes.get("/v1/policy", summary="Show the policy in force, and how often each rule hit")
    async def show_policy() -> dict[str, Any]:
        return services.policies.document()

    return routes
