"""`GET /v1/models`: every model, and every `model@profile`."""

from typing import Any

from fastapi import APIRouter, Depends

from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.services import Services
from evenhand_proxy.errors import ModelNotFound


def router(services: Services) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["models"], dependencies=[Depends(admitted(services))])

    @routes.get("/v1/models", summary="List the models, and each with each profile")
    async def list_models() -> dict[str, Any]:
        names = [
            name
            for model in services.catalog.models
            for name in (model, *(f"{model}@{profile}" for profile in services.catalog.profiles))
        ]
        return {"object": "list", "data": [_model(services, name) for name in names]}

    @routes.get("/v1/models/{name:path}", summary="Describe one model")
    async def describe_model(name: str) -> dict[str, Any]:
        return _model(services, name)

    return routes


def _model(services: Services, name: str) -> dict[str, Any]:
    served, profiles = services.catalog.find(name, None, None)
    if not name:
        raise ModelNotFound("model: no name was given.", param="model")
    described: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "evenhand",
        "engine": served.model.engine,
    }
    if profiles:
        described["profile"] = profiles[0].name
        described["parameters"] = {
            name: value
            for profile in reversed(profiles)
            for name, value in profile.parameters.items()
        }
    return described
