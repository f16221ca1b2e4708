"""What an endpoint is, asked before the run: which models it has, and what it does to parameters.

Two requests that cost nothing: `GET /models` finds a mistyped model before the first sample, and
`POST /decoding/explain`, which only an Evenhand proxy answers, gives the full decoding record of
the very request that the run will send, hidden defaults of the engine included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evenhand_evals.client import Answer, Client, describe, error_text
from evenhand_evals.engine import AUTO, Direct, direct, engine_facts
from evenhand_evals.errors import EndpointError, UsageError
from evenhand_evals.manifest import ServerFacts
from evenhand_evals.settings import Decoding, RunSettings, nearest_names
from evenhand_evals.types import Message
from evenhand_evals.wire import chat_body
from evenhand_proxy.decoding import PROFILES


@dataclass(frozen=True, slots=True)
class Preflight:
    """The endpoint's facts: what it is, the model name to send, and its decoding record.

    direct: how an engine without a proxy is spoken to, None where a proxy does that or nothing is
    known of the engine.
    """

    server: ServerFacts
    sent_model: str
    record: Mapping[str, Any] | None
    direct: Direct | None = None

    def parameters(self, decoding: Decoding, repeat: int) -> dict[str, Any]:
        """Give the parameters that a request of one repeat carries on the wire."""
        asked = decoding.for_repeat(repeat)
        return asked if self.direct is None else self.direct.resolve(asked).apply(asked)


async def preflight(
    client: Client,
    root: Client,
    settings: RunSettings,
    decoding: Decoding,
    messages: tuple[Message, ...],
) -> Preflight:
    """Ask the endpoint about itself before the first sample; `root` asks at the server's root.

    Raises:
        EndpointError: it cannot be reached, refuses the key, or does not have the model.
        UsageError: the profile is known neither here nor there, or the request is refused by the
            proxy, or here in strict mode.

    """
    model = settings.model
    entry = _find_model(await client.request("GET", "/models"), client.base_url, model)
    profile = decoding.proxy_profile
    sent_model = f"{model}@{profile}" if profile else model
    body = chat_body(sent_model, messages, decoding.for_repeat(0))
    answer = await client.request("POST", "/decoding/explain", body)
    record = _record(answer)
    if record is None and profile:
        raise UsageError(_profile_message(profile, answer))
    if record is None:
        return await _without_proxy(root, settings, decoding, entry)
    return Preflight(ServerFacts("evenhand", entry, record.get("engine")), sent_model, record)


async def _without_proxy(
    root: Client, settings: RunSettings, decoding: Decoding, entry: Mapping[str, Any] | None
) -> Preflight:
    """Resolve here what no proxy resolves there."""
    facts = await engine_facts(root, settings.engine, settings.model)
    named = settings.engine != AUTO
    spoken = direct(facts, settings.model, settings.mode, named=named)
    if spoken is None:
        return Preflight(ServerFacts("openai-style", entry), settings.model, None)
    found = spoken.resolve(decoding.for_repeat(0))
    if settings.mode == "strict" and found.violations:
        raise UsageError(" ".join(str(violation) for violation in found.violations))
    server = ServerFacts("openai-style", entry, facts.engine)
    return Preflight(server, settings.model, found.record.document(), spoken)


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
