"""What an endpoint is, asked before the run: which models it has, and what it does to parameters.

Two requests that cost nothing: `GET /models` finds a mistyped model before the first sample, and
`POST /decoding/explain`, which only an Evenhand proxy answers, gives the full decoding record of
the very request that the run will send, hidden defaults of the engine included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evenhand_evals.endpoint.asking import Route
from evenhand_evals.endpoint.engine import AUTO, Direct, direct, engine_facts
from evenhand_evals.endpoint.templates import template_of
from evenhand_evals.errors import EndpointError, Unaskable, UsageError
from evenhand_evals.http.client import Answer, Client, describe, error_text
from evenhand_evals.manifest import ServerFacts
from evenhand_evals.settings import Decoding, Named, Target, canonical, nearest_names
from evenhand_evals.types import Ask, Chat, Likelihood, Message, Text
from evenhand_evals.wire import chat_body, image_url, text_body
from evenhand_proxy.decoding import PROFILES

NO_ROUTE = frozenset((404, 405))
"""What an endpoint says to a path that it does not have."""

_REQUESTS = ("/completions", "/chat")
_NOT_SERVED = frozenset(("route_not_supported", "route_not_served"))
"""What a proxy says where the engine behind it has no such route (its `error.code`)."""


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

    def parameters(
        self,
        decoding: Decoding,
        repeat: int,
        route: Route = "chat",
        fields: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Give the parameters that a request of one repeat carries on the wire.

        `fields` are what the item asks for itself; what the user set wins over them.
        """
        asked = decoding.beside(fields or {}, repeat)
        return asked if self.direct is None else self.direct.resolve(asked, route).apply(asked)


async def preflight(
    client: Client,
    root: Client,
    target: Target,
    decoding: Decoding,
    first: Ask,
) -> Preflight:
    """Ask the endpoint about itself before the first sample; `root` asks at the server's root.

    Raises:
        EndpointError: it cannot be reached, refuses the key, or does not have the model.
        Unaskable: the model takes no images, and is to be shown some; or there is no such route.
        UsageError: the profile is known neither here nor there; the request is refused by the
            proxy, or here in strict mode.

    """
    model = target.model
    entry = _find_model(await client.request("GET", "/models"), target)
    _check_sight(entry, first, target)
    profile = decoding.proxy_profile
    sent_model = f"{model}@{profile}" if profile else model
    route, body = _sketch(first, sent_model, decoding, target)
    answer = await client.request("POST", f"/decoding/explain?route={route}", body)
    record = _record(answer)
    if record is None and profile:
        raise UsageError(_profile_message(profile, answer, target.named))
    if record is None:
        _check_known(answer, target)
        fields = getattr(first, "fields", {})
        return await _without_proxy(root, target, decoding, entry, route, fields)
    if not isinstance(first, Likelihood):  # which sends no parameters
        _check_refused(record, target, getattr(first, "fields", {}))
    return Preflight(ServerFacts("evenhand", entry, record.get("engine")), sent_model, record)


async def _without_proxy(
    root: Client,
    target: Target,
    decoding: Decoding,
    entry: Mapping[str, Any] | None,
    route: Route,
    fields: Mapping[str, Any],
) -> Preflight:
    """Resolve here what no proxy resolves there."""
    facts = await engine_facts(root, target.engine, target.model)
    named = target.engine != AUTO
    spoken = direct(facts, target.model, target.mode, named=named)
    if spoken is None:
        return Preflight(ServerFacts("openai-style", entry), target.model, None)
    found = spoken.resolve(decoding.beside(fields, 0), route)
    if target.mode == "strict":
        _check_refused(found.record.document(), target, fields, "strict mode")
    server = ServerFacts("openai-style", entry, facts.engine)
    return Preflight(server, target.model, found.record.document(), spoken)


def _sketch(
    first: Ask, model: str, decoding: Decoding, target: Target
) -> tuple[Route, dict[str, Any]]:
    """Give the route that the run's first request will take, and its body.

    A template's prompt is not written here: no parameter depends on it.
    """
    route, parameters = route_of(first, target), decoding.beside(getattr(first, "fields", {}), 0)
    if isinstance(first, Chat):
        if route == "completions":
            return route, text_body(model, first.messages[-1].text, parameters)
        return route, chat_body(model, first.messages, parameters)
    if isinstance(first, Text) and route == "chat":
        return route, chat_body(model, (Message("user", first.prompt),), parameters)
    prompt = first.prompt if isinstance(first, Text) else first.context
    return route, text_body(model, prompt, parameters)


def route_of(ask: Ask, target: Target) -> Route:
    """Give the route that an ask takes."""
    if isinstance(ask, Chat):
        return "chat" if template_of(target.template, target.interface) is None else "completions"
    return "chat" if isinstance(ask, Text) and target.interface == "chat" else "completions"


def _find_model(answer: Answer, target: Target) -> Mapping[str, Any] | None:
    base_url, model, named = target.base_url, target.model, target.named
    if answer.status in NO_ROUTE and base_url.endswith(_REQUESTS):
        api = base_url.removesuffix("/completions").removesuffix("/chat")
        raise UsageError(
            f"{named.base_url}: {base_url} is the path of a request, not the API's "
            f"({base_url}/models: {describe(answer)}); end it before that: {api}"
        )
    if answer.status is None:
        raise EndpointError(
            f"{base_url} cannot be reached ({describe(answer)}); "
            f"start the server, or correct {named.base_url}"
        )
    if answer.status in (401, 403):
        raise EndpointError(
            f"{base_url} refuses the key ({describe(answer)}); "
            f"export the right one and name its variable with {named.key}"
        )
    entries = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    if answer.status != 200 or not isinstance(entries, list):
        return None  # some gateways list no models; the first sample will tell
    listed = {
        str(each["id"]): each for each in entries if isinstance(each, Mapping) and "id" in each
    }
    plain = model.rpartition("@")[0] or model  # a profile need not be listed
    if listed and model not in listed and plain not in listed:
        hint = nearest_names(model, list(listed))
        raise EndpointError(f"{named.model}: {base_url} has no model {model!r}; {hint}")
    return listed.get(model, listed.get(plain))


def _check_sight(entry: Mapping[str, Any] | None, first: Ask, target: Target) -> None:
    """Check that a model that is to be shown images takes some, where its entry says what it takes.

    `architecture.input_modalities` is llama.cpp's (and OpenRouter's) list.
    """
    architecture = (entry or {}).get("architecture")
    takes = architecture.get("input_modalities") if isinstance(architecture, Mapping) else None
    if not isinstance(takes, list) or "image" in takes or not _shows_images(first):
        return
    taken = " and ".join(map(str, takes)) or "nothing"
    raise Unaskable(
        f"{target.named.model}: {target.model} takes {taken}, and no images; "
        "choose a model that sees, or a task without images"
    )


def _shows_images(ask: Ask) -> bool:
    contents = [each.content for each in ask.messages] if isinstance(ask, Chat) else []
    parts = [part for each in contents if not isinstance(each, str) for part in each]
    return any(image_url(part) is not None for part in parts)


def _record(answer: Answer) -> Mapping[str, Any] | None:
    body = answer.body
    explained = isinstance(body, Mapping) and isinstance(body.get("parameters"), Mapping)
    if answer.status == 200 and explained and "fingerprint" in body:
        return dict(body)
    if answer.request_id and answer.status in (400, 422):
        error = Unaskable if _code(body) in _NOT_SERVED else UsageError
        raise error(f"the proxy refuses this request: {error_text(body)}")
    return None


def _code(body: Any) -> Any:
    error = body.get("error") if isinstance(body, Mapping) else None
    return error.get("code") if isinstance(error, Mapping) else None


def _check_known(answer: Answer, target: Target) -> None:
    """Check that a proxy, if it is one, has the model, and the profile in the model's name.

    Raises:
        UsageError: it has not.

    """
    if answer.request_id and _code(answer.body) in ("model_not_found", "profile_not_found"):
        raise UsageError(
            f"{target.named.model}: the proxy does not take {target.model!r}: "
            f"{error_text(answer.body)}"
        )


def _check_refused(
    record: Mapping[str, Any], target: Target, own: Mapping[str, Any], by: str = "the proxy"
) -> None:
    """Check that the run's first request is not refused for one of its parameters.

    Raises:
        Unaskable: it is, for nothing but what the task's items ask with, the fields `own`.
        UsageError: it is; the message has each parameter, its value, the reason and the fix.

    """
    refused = {
        name: f"{name}: {_value(entry)}{entry.get('reason', 'it is refused')}"
        for name, entry in record["parameters"].items()
        if isinstance(entry, Mapping) and entry.get("action") == "refused"
    }
    if not refused:
        return
    lax = " Or ask in the mode report." if target.mode == "strict" else ""
    said = f"{target.model}: {' '.join(refused.values())}{lax}"
    if refused.keys() <= {canonical(name) for name in own}:
        raise Unaskable(f"{target.named.model}: {by} refuses what this task asks with, of {said}")
    raise UsageError(f"{target.named.model}: {by} refuses this request to {said}")


def _value(entry: Mapping[str, Any]) -> str:
    value = entry.get("requested", entry.get("resolved"))
    return "" if value is None else f"{value!r} cannot be honoured: "


def _profile_message(profile: str, answer: Answer, named: Named) -> str:
    if answer.request_id:
        return f"{named.profile}: the proxy does not take {profile!r}: {error_text(answer.body)}"
    return (
        f"{named.profile}: {profile!r} is unknown, and the endpoint is no Evenhand proxy that "
        f"could know it; {nearest_names(profile, sorted(PROFILES))}, or say with {named.set} what "
        "is meant"
    )
