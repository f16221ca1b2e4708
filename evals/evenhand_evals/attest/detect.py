"""Which engine answers at an endpoint, asked with a few requests that cost nothing."""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.endpoint.engine import AUTO, engine_facts
from evenhand_evals.errors import EndpointError
from evenhand_evals.http.client import Answer, Client, describe


async def identify(client: Client, root: Client, engine: str, model: str) -> dict[str, Any]:
    """Say what stands behind an endpoint: its engine's name, and version and weights if it tells.

    `client` asks at the API's base URL, `root` at the server's root; `engine` is a name, or `auto`.
    An Evenhand proxy is asked for the engine behind it.

    Raises:
        EndpointError: it cannot be reached, or refuses the key.
        UsageError: there is no engine of that name.

    """
    _check(await client.request("GET", "/models"), client.base_url)
    behind = await _behind_proxy(client, model)
    if behind is not None and engine in (AUTO, behind["name"]):
        return behind
    return dict((await engine_facts(root, engine, model)).identity())


def _check(answer: Answer, base_url: str) -> None:
    if answer.status is None:
        raise EndpointError(
            f"{base_url} cannot be reached ({describe(answer)}); "
            "start the server, or correct --base-url"
        )
    if answer.status == 401:
        raise EndpointError(
            f"{base_url} refuses the key ({describe(answer)}); "
            "export the right one and name its variable with --api-key-env"
        )


async def _behind_proxy(client: Client, model: str) -> dict[str, Any] | None:
    """Give the identity that a proxy's explanation names, None where no proxy answers."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    answer = await client.request("POST", "/decoding/explain", body)
    if answer.status != 200 or answer.request_id is None or not isinstance(answer.body, Mapping):
        return None
    identity = answer.body.get("engine_identity")
    return dict(identity) if isinstance(identity, Mapping) and "name" in identity else None
