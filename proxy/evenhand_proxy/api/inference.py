"""The hot routes: chat, completions and embeddings, as one pure ASGI handler.

guard -> wire.parse -> catalog -> decode -> exchange (audit.open, upstream, relay, audit.close)
"""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from evenhand_proxy import wire
from evenhand_proxy.api.catalog import Served
from evenhand_proxy.api.decoder import Decoded
from evenhand_proxy.api.exchange import Exchange, Prepared
from evenhand_proxy.api.guard import Caller, ClientGone, Receive, Scope, Send, read_body
from evenhand_proxy.api.request_ids import RequestIds, id_headers
from evenhand_proxy.api.respond import send_error
from evenhand_proxy.api.services import Services
from evenhand_proxy.decoding import Profile, Route
from evenhand_proxy.errors import HTTPError, MethodNotAllowed, RequestError
from evenhand_proxy.exchange import Opening
from evenhand_proxy.upstream.transport import UpstreamRequest

log = logging.getLogger("evenhand.inference")

ROUTES: Mapping[str, Route] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
}

_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class InferenceRoutes:
    """Serves `ROUTES`."""

    def __init__(self, services: Services, ids: RequestIds) -> None:
        self._services = services
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing escapes but a cancellation."""
        request_id = self._ids.new()
        headers = id_headers(request_id)
        try:
            _check_method(scope["method"])
            caller, named = self._services.guard.admit(scope["headers"])
            body = await read_body(receive, self._services.config.limits.body_bytes)
            prepared = self._prepare(request_id, ROUTES[scope["path"]], caller, named, body)
        except ClientGone:
            return
        except HTTPError as error:
            await send_error(send, error, headers)
            return
        except Exception:
            log.exception("request %s could not be prepared", request_id)
            await send_error(send, HTTPError("The proxy failed; its log has the reason."), headers)
            return
        await Exchange(self._services, prepared, receive, send).run()

    def _prepare(
        self,
        request_id: str,
        route: Route,
        caller: Caller,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Prepared:
        document = wire.parse(body)
        name = wire.model_of(document)
        header_profile = headers.get(b"evenhand-profile", b"").decode("latin-1") or None
        served, profile = self._services.catalog.find(name, header_profile, caller.profile)
        if route == "embeddings":
            profile = None  # there is nothing for it to fill in
        decoded = self._services.decoder.decode(document, route, served, profile)
        stream = document.get("stream") is True
        return Prepared(
            opening=self._opening(
                request_id, route, served, profile, caller, headers, decoded, stream, body
            ),
            request=UpstreamRequest(
                served.root + _PATHS[route],
                {**served.headers, "evenhand-request-id": request_id},
                _upstream_body(body, document, served, decoded),
                served.model.timeouts,
            ),
            headers=[*id_headers(request_id), *decoded.headers],
            document=document,
            refusal=_refusal(served, decoded),
        )

    def _opening(
        self,
        request_id: str,
        route: Route,
        served: Served,
        profile: Profile | None,
        caller: Caller,
        headers: Mapping[bytes, bytes],
        decoded: Decoded,
        stream: bool,
        body: bytes,
    ) -> Opening:
        client_id = headers.get(b"x-request-id", b"")
        traceparent = headers.get(b"traceparent")
        trusted = self._services.config.telemetry.trust_traceparent
        return Opening(
            request_id=request_id,
            opened_at=time.time(),
            route=_PATHS[route],
            model=served.name,
            engine=served.model.engine,
            upstream_model=served.upstream_model,
            server_address=served.host,
            server_port=served.port,
            stream=stream,
            fingerprint=decoded.resolution.record.fingerprint,
            decoding=decoded.document,
            sent_parameters=decoded.sent,
            profile=profile.name if profile else None,
            key_name=caller.key_name,
            client_request_id=client_id.decode() if _CLIENT_ID.fullmatch(client_id) else None,
            traceparent=traceparent.decode("latin-1") if traceparent and trusted else None,
            content=body if self._services.config.audit.content else None,
        )


def _check_method(method: str) -> None:
    if method != "POST":
        raise MethodNotAllowed(f"{method} is not served here. Send a POST.")


_PATHS = {route: path for path, route in ROUTES.items()}


def _upstream_body(
    body: bytes, document: dict[str, Any], served: Served, decoded: Decoded
) -> bytes:
    """Give the body to send: the client's own bytes where nothing in it has to change."""
    if not decoded.changes_body and document["model"] == served.upstream_model:
        return body
    edited = decoded.resolution.apply(document) if decoded.changes_body else dict(document)
    edited["model"] = served.upstream_model
    return wire.serialise(edited)


def _refusal(served: Served, decoded: Decoded) -> RequestError | None:
    violations = decoded.resolution.violations
    if served.model.mode != "strict" or not violations:
        return None
    return RequestError(
        " ".join(str(violation) for violation in violations),
        param=violations[0].parameter,
        code="decoding_not_honoured",
    )
