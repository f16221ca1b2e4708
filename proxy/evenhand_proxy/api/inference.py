"""The hot routes as one pure ASGI handler.

guard -> wire.parse -> catalog -> decode -> exchange (audit.open, upstream, relay, audit.close)
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evenhand_proxy import wire
from evenhand_proxy.api.catalog import Served
from evenhand_proxy.api.decoder import Asking, Decoded
from evenhand_proxy.api.exchange import Exchange, Prepared
from evenhand_proxy.api.guard import Caller, ClientGone, Receive, Scope, Send, read_body
from evenhand_proxy.api.request_ids import RequestIds, id_headers
from evenhand_proxy.api.respond import JSON, send_whole
from evenhand_proxy.api.services import Services
from evenhand_proxy.api.tongues import Anthropic, OpenAI, Responses, Tongue, own_words
from evenhand_proxy.api.translated import refusal_of, translate
from evenhand_proxy.decoding import Mode, Route
from evenhand_proxy.errors import HTTPError, MethodNotAllowed, RequestError
from evenhand_proxy.exchange import Opening
from evenhand_proxy.messages import to_chat
from evenhand_proxy.upstream.transport import UpstreamAnswer, UpstreamRequest

log = logging.getLogger("evenhand.inference")


@dataclass(frozen=True, slots=True)
class Way:
    """One route of ours: the engine's route that it leads to, and the path of that."""

    route: Route
    path: str
    name: str


ROUTES: Mapping[str, Way] = {
    "/v1/chat/completions": Way("chat", "/chat/completions", "chat"),
    "/v1/completions": Way("completions", "/completions", "completions"),
    "/v1/embeddings": Way("embeddings", "/embeddings", "embeddings"),
    "/v1/responses": Way("responses", "/responses", "responses"),
    "/v1/messages": Way("chat", "/chat/completions", "messages"),
}

MODES: Mapping[bytes, Mode] = {b"report": "report", b"strict": "strict", b"pin": "pin"}

_TONGUES: Mapping[str, Tongue] = {
    "chat": OpenAI(),
    "completions": OpenAI(),
    "embeddings": OpenAI(),
    "responses": Responses(),
}
"""What each route speaks, but for `messages`, where it depends on the request."""

_NO_WORDS: Mapping[str, Any] = {}

TOO_DEEP = RequestError(
    "The body is nested too deeply to be read. Send a flatter one.", code="invalid_json"
)
_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it came: its route, its parsed body and its bytes, its head, who asks.

    words: what the client wrote where `document` is a translation, by parameter.
    """

    request_id: str
    path: str
    way: Way
    document: dict[str, Any]
    body: bytes
    headers: Mapping[bytes, bytes]
    caller: Caller
    words: Mapping[str, Any]


class InferenceRoutes:
    """Serves `ROUTES`."""

    def __init__(self, services: Services, ids: RequestIds) -> None:
        self._services = services
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing escapes but a cancellation."""
        request_id = self._ids.new()
        way = ROUTES[scope["path"]]
        tongue = _TONGUES.get(way.name) or Anthropic({}, request_id)
        try:
            _check_method(scope["method"])
            caller, named = self._services.guard.admit(scope["headers"])
            body = await read_body(receive, self._services.config.limits.body_bytes)
            document, words = wire.parse(body), _NO_WORDS
            if way.name == "messages":
                tongue, words = Anthropic(document, request_id), own_words(document)
                document = to_chat(document)
            path = scope["path"]
            incoming = Incoming(request_id, path, way, document, body, named, caller, words)
            prepared = await self._prepare(incoming, tongue)
        except ClientGone:
            return
        except HTTPError as error:
            await _refuse(send, tongue, error, request_id)
            return
        except RecursionError:
            await _refuse(send, tongue, TOO_DEEP, request_id)
            return
        except Exception:
            log.exception("request %s could not be prepared", request_id)
            fault = HTTPError("The proxy failed; its log has the reason.")
            await _refuse(send, tongue, fault, request_id)
            return
        await Exchange(self._services, prepared, receive, send).run()

    async def _prepare(self, incoming: Incoming, tongue: Tongue) -> Prepared:
        asking = asking_of(self._services, incoming)
        decoded = self._services.decoder.decode(incoming.document, asking)
        if decoded.resolution.record.policy_hits:
            self._services.policies.count(decoded.resolution.record, incoming.caller.key_name)
        if asking.served.model.via == "litellm":
            way = await translate(
                self._services.hosted,
                self._services.decoder,
                asking,
                decoded,
                incoming.document,
                incoming.request_id,
            )
            decoded, refusal, send, close = way.decoded, way.refusal, way.send, way.close
        else:
            refusal, close = refusal_of(asking, decoded), _nothing
            send = self._direct(incoming, asking.served, decoded)
        return Prepared(
            opening=self._opening(incoming, asking, decoded),
            send=send,
            headers=[*id_headers(incoming.request_id), *decoded.headers],
            document=incoming.document,
            tongue=tongue,
            refusal=refusal,
            close=close,
        )

    def _direct(
        self, incoming: Incoming, served: Served, decoded: Decoded
    ) -> Callable[[], Awaitable[UpstreamAnswer]]:
        """Give the call of an engine that speaks OpenAI's protocol."""
        request = UpstreamRequest(
            served.url(incoming.way.path),
            {**served.headers, "evenhand-request-id": incoming.request_id},
            _upstream_body(incoming, served, decoded),
            served.model.timeouts,
            streams=incoming.document.get("stream") is True,
        )
        transport = self._services.transport
        return lambda: transport.send(request)

    def _opening(self, incoming: Incoming, asking: Asking, decoded: Decoded) -> Opening:
        client_id = incoming.headers.get(b"x-request-id", b"")
        traceparent = incoming.headers.get(b"traceparent")
        trusted = self._services.config.telemetry.trust_traceparent
        served = asking.served
        return Opening(
            request_id=incoming.request_id,
            opened_at=time.time(),
            route=incoming.path,
            model=served.name,
            engine=served.model.engine,
            upstream_model=served.upstream_model,
            server_address=served.host,
            server_port=served.port,
            stream=incoming.document.get("stream") is True,
            fingerprint=decoded.resolution.record.fingerprint,
            decoding=decoded.document,
            sent_parameters=decoded.sent,
            profile="+".join(profile.name for profile in asking.profiles) or None,
            key_name=incoming.caller.key_name,
            client_request_id=client_id.decode() if _CLIENT_ID.fullmatch(client_id) else None,
            traceparent=traceparent.decode("latin-1") if traceparent and trusted else None,
            content=incoming.body if self._services.config.audit.content else None,
        )


def _nothing() -> None:
    """Give up a call of which nothing exists before it is made."""


def asking_of(services: Services, incoming: Incoming) -> Asking:
    """Find the model, the profiles and the mode that a request names.

    Raises:
        RequestError: there is no such model, profile or mode.

    """
    name = wire.model_of(incoming.document)
    profile = incoming.headers.get(b"evenhand-profile", b"").decode("latin-1") or None
    served, profiles = services.catalog.find(name, profile, incoming.caller.profile)
    if incoming.way.route == "embeddings":
        profiles = ()  # there is nothing for them to fill in
    return Asking(
        served,
        incoming.way.route,
        incoming.way.name,
        incoming.caller,
        profiles,
        _mode(incoming.headers),
        incoming.words,
    )


def _mode(headers: Mapping[bytes, bytes]) -> Mode | None:
    asked = headers.get(b"evenhand-mode")
    if asked is None:
        return None
    mode = MODES.get(asked)
    if mode is None:
        raise RequestError(
            f"evenhand-mode: {asked.decode('latin-1')[:40]!r} is no mode. Send report, strict or "
            "pin, or leave the header out.",
            code="unknown_mode",
        )
    return mode


async def _refuse(send: Send, tongue: Tongue, error: HTTPError, request_id: str) -> None:
    headers = [*id_headers(request_id), JSON]
    await send_whole(send, error.status, headers, tongue.error(error))


def _check_method(method: str) -> None:
    if method != "POST":
        raise MethodNotAllowed(f"{method} is not served here. Send a POST.")


def _upstream_body(incoming: Incoming, served: Served, decoded: Decoded) -> bytes:
    """Give the body to send: the client's own bytes where nothing in it has to change."""
    document = incoming.document
    own = incoming.way.name != "messages"
    if own and not decoded.changes_body and document["model"] == served.upstream_model:
        return incoming.body
    edited = decoded.resolution.apply(document) if decoded.changes_body else dict(document)
    edited["model"] = served.upstream_model
    return wire.serialise(edited)
