"""What an endpoint is, asked before the run: which models it has, and what it does to parameters.

Two requests that cost nothing: `GET /models` finds a mistyped model before the first sample, and
`POST /decoding/explain`, which only an Evenhand proxy answers, gives the full decoding record of
the very request that the run will send, hidden defaults of the engine included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evenhand_evals.client import Answer, Client, describe, error_text
from evenhand_evals.errors import EndpointError, UsageError
from evenhand_evals.manifest import ServerFacts
from evenhand_evals.settings import Decoding, nearest_names
from evenhand_evals.types import Message
from evenhand_evals.wire import chat_body
from evenhand_proxy.decoding import PROFILES


@dataclass(frozen=True, slots=True)
class Preflight:
    """The endpoint's facts: what it is, the model name to send, and its decoding record."""

    server: ServerFacts
    sent_model: str
    record: Mapping[str, Any] | None


async def preflight(
    client: Client, model: str, decoding: Decoding, messages: tuple[Message, ...]
) -> Preflight:
    """Ask the endpoint about itself before the first sample.

    Raises:
        EndpointError: it cannot be reached, refuses the key, or does not have the model.
        UsageError: the profile is known neither here nor there, or the proxy refuses the request.

    """
    entry = _find_model(await client.request("GET", "/models"), client.base_url, model)
    profile = decoding.proxy_profile
    sent_model = f"{model}@{profile}" if profile else model
    body = chat_body(sent_model, messages, decoding.for_repeat(0))
    answer = await client.request("POST", "/decoding/explain", body)
    record = _record(answer)
    if record is None and profile:
        raise UsageError(_profile_message(profile, answer))
    if record is None:
        return Preflight(ServerFacts("openai-style", entry), sent_model, None)
    return Preflight(ServerFacts("evenhand", entry, record.get("engine")), sent_model, record)


def _find_model(answer: Answer, base_url: str, model: str) -> Mapping[str, Any] | None:
    if answer.status is None:
        raise EndpointError(
            f"{base_url} cannot be reached ({describe(answer)}); "
            "start the server, or correct --base-url"
        )
    if answer.status in (401, 403):
        raise EndpointError(
            f"{base_url} refuses the key ({describe(answer)}); "
            "export the right one and name its variable with --api-key-env"
        )
    entries = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    if answer.status != 200 or not isinstance(entries, list):
        return None  # some gateways list no models; the first sample will tell
    listed = {
        str(each["id"]): each for each in entries if isinstance(each, Mapping) and "id" in each
    }
    if listed and model not in listed:
        raise EndpointError(
            f"--model: {base_url} has no model {model!r}; {nearest_names(model, list(listed))}"
        )
    return listed.get(model)


def _record(answer: Answer) -> Mapping[str, Any] | None:
    body = answer.body
    explained = isinstance(body, Mapping) and isinstance(body.get("parameters"), Mapping)
    if answer.status == 200 and explained and "fingerprint" in body:
        return dict(body)
    if answer.request_id and answer.status in (400, 422):
        raise UsageError(f"the proxy refuses this request: {error_text(body)}")
    return None


def _profile_message(profile: str, answer: Answer) -> str:
    if answer.request_id:
        return f"--profile: the proxy does not take {profile!r}: {error_text(answer.body)}"
    return (
        f"--profile: {profile!r} is unknown, and the endpoint is no Evenhand proxy that could "
        f"know it; {nearest_names(profile, sorted(PROFILES))}, or use --set NAME=VALUE"
    )
