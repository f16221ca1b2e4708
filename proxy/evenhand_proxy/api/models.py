"""`GET /v1/models`: every model, and `model@profile` for the profiles that suit it."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from evenhand_proxy.api.access import admitted
from evenhand_proxy.api.catalog import Catalog, Served
from evenhand_proxy.api.services import Services
from evenhand_proxy.decoding import PROFILES
from evenhand_proxy.decoding.profiles_models import MODELS
from evenhand_proxy.errors import ModelNotFound, RequestError

_FOR_ALL = "greedy"
"""The shipped profile that is of no family."""

_FAMILIES = {name: re.match("[a-z]*", name) for name, _, _ in MODELS if name != _FOR_ALL}
"""Each profile of a model's makers to the beginning of its name: `glm`, `qwen`."""


def suiting(catalog: Catalog, served: Served) -> list[str]:
    """Give the profiles worth listing with a model: the config's own, greedy, its family's."""
    names = f"{served.name} {served.upstream_model}".lower()
    shipped = {name for name, family in _FAMILIES.items() if family and family[0] in names}
    shipped |= {_FOR_ALL, *([served.model.profile] if served.model.profile else [])}
    own = catalog.profiles.keys() - PROFILES.keys()
    return [name for name in catalog.profiles if name in shipped or name in own]


def router(services: Services) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["models"], dependencies=[Depends(admitted(services))])

    @routes.get("/v1/models", summary="List the models, and each with the profiles that suit it")
    async def list_models(
        profiles: Annotated[
            str | None, Query(description="all lists each model with every profile")
        ] = None,
    ) -> dict[str, Any]:
        if profiles not in (None, "all"):
            raise RequestError(
                f"profiles: {profiles[:40]!r} is not all. Send all, or leave it out.",
                param="profiles",
            )
        catalog = services.catalog
        names = []
        for name, served in catalog.models.items():
            suited = list(catalog.profiles) if profiles == "all" else suiting(catalog, served)
            names += [name, *(f"{name}@{profile}" for profile in suited)]
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
    context = services.monitor.facts(served.name).max_model_len
    if context is not None:
        described["max_model_len"] = context
    if profiles:
        described["profile"] = profiles[0].name
        described["parameters"] = {
            name: value
            for profile in reversed(profiles)
            for name, value in profile.parameters.items()
        }
    return described
