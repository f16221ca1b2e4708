"""The guard as a dependency of the routes that FastAPI serves."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from evenhand_proxy.api.guard import Caller
from evenhand_proxy.api.services import Services


def admitted(services: Services) -> Callable[[Request], Awaitable[Caller]]:
    """Give a dependency that checks the head and the key."""

    async def check(request: Request) -> Caller:
        caller, _ = services.guard.admit(request.scope["headers"])
        return caller

    return check
