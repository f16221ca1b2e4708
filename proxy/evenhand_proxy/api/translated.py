"""The way of a request through litellm: written, read back into the record, held until it is sent.

A request whose parameters cannot be honoured never gets that far: strict mode refuses it here, and
what litellm itself refuses is refused in its words.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evenhand_proxy.api.decoder import Asking, Decoded, Decoder, mode_of
from evenhand_proxy.decoding import Resolution
from evenhand_proxy.decoding.edits import edited
from evenhand_proxy.decoding.forwarded import Written
from evenhand_proxy.decoding.parameters import SPELLINGS
from evenhand_proxy.errors import PolicyRefusal, RequestError, UpstreamError
from evenhand_proxy.upstream.hosted import HostedRequest
from evenhand_proxy.upstream.litellm_client import HostedCall, LitellmClient
from evenhand_proxy.upstream.transport import UpstreamAnswer

Send = Callable[[], Awaitable[UpstreamAnswer]]


_SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hello"}]},
    "completions": {"prompt": "Hello"},
    "embeddings": {"input": "Hello"},
}
"""What litellm is asked to write where only parameters are given."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A request that litellm wrote: its record, why it may not go out, how it does, and how not."""

    decoded: Decoded
    refusal: RequestError | None
    send: Send
    close: Callable[[], None]


async def translate(
    hosted: LitellmClient | None,
    decoder: Decoder,
    asking: Asking,
    decoded: Decoded,
    document: Mapping[str, Any],
    request_id: str,
) -> Translated:
    """Let litellm write a request, and take what it wrote into the record. Nothing is sent.

    Raises:
        RequestError: it cannot be served for a reason that is not one of its parameters.

    """
    refusal = refusal_of(asking, decoded)
    if refusal is not None:
        return _unsent(decoded, refusal)
    route = asking.route
    if route == "responses":
        raise RequestError(
            "responses: providers behind litellm are served on /v1/chat/completions and "
            "/v1/messages. Use one of these.",
            code="route_not_supported",
        )
    if hosted is None:
        raise RuntimeError("a model goes through litellm, and litellm was not loaded")
    served = asking.served
    key = served.model.api_key
    request = HostedRequest(
        model=served.upstream_model,
        route=route,
        document=decoded.resolution.apply(document),
        base_url=served.model.base_url,
        api_key=key.text if key is not None else None,
        timeouts=served.model.timeouts,
        request_id=request_id,
    )
    try:
        call = await _begun(hosted, request, _pinned(decoded.resolution))
    except RequestError as error:
        if error.param is None or error.error_code != "decoding_not_honoured":
            raise
        reason = error.message.removeprefix(f"{error.param}=")
        return _unsent(decoder.refused(decoded, error.param, reason), error)
    except UpstreamError as error:
        return _unsent(decoded, None, error)
    try:
        written = Written(document, call.wire.document, call.retold)
        decoded = decoder.forwarded(decoded, written, asking)
        refusal = refusal_of(asking, decoded)
    except BaseException:
        call.close()
        raise
    if refusal is not None:
        call.close()
    return Translated(decoded, refusal, call.send, call.close)


async def explained(
    hosted: LitellmClient | None, decoder: Decoder, asking: Asking, document: Mapping[str, Any]
) -> Decoded:
    """Give the record that a request would get. Nothing is sent.

    `document` may hold parameters only; litellm is given a sample of all else.

    Raises:
        RequestError: it cannot be served for a reason that is not one of its parameters.

    """
    decoded = decoder.decode(document, asking)
    if asking.served.model.via == "http":
        return decoded
    whole = {**_SAMPLES.get(asking.route, {}), **document}
    written = await translate(hosted, decoder, asking, decoded, whole, "explain")
    written.close()
    return written.decoded


async def _begun(hosted: LitellmClient, request: HostedRequest, pinned: list[str]) -> HostedCall:
    """Begin the call; a default that only we pinned is given up where litellm does not take it."""
    while True:
        try:
            return await hosted.begin(request)
        except RequestError as error:
            given_up = [path for path in pinned if path.partition(".")[0] == error.param]
            if not given_up:
                raise
            pinned = [path for path in pinned if path not in given_up]
            request = replace(request, document=edited(request.document, given_up, {}))


def _pinned(resolution: Resolution) -> list[str]:
    """Give the paths of the defaults that pin mode set: nobody asked for them."""
    free = {
        each.name
        for each in resolution.record.parameters
        if each.action == "injected" and each.source in ("model", "engine")
    }
    return [path for path in resolution.set if SPELLINGS.get(path) in free]


def _unsent(
    decoded: Decoded, refusal: RequestError | None, failure: UpstreamError | None = None
) -> Translated:
    async def send() -> UpstreamAnswer:
        raise failure or RuntimeError("a request that was refused is not sent")

    return Translated(decoded, refusal, send, lambda: None)


def refusal_of(asking: Asking, decoded: Decoded) -> RequestError | None:
    """Give the error for what the policy does not allow, or strict mode cannot honour."""
    resolution = decoded.resolution
    if resolution.refusals:
        return PolicyRefusal(
            " ".join(
                f"{each.parameter}: {each.reason}. {each.fix}" for each in resolution.refusals
            ),
            param=resolution.refusals[0].parameter,
        )
    if mode_of(asking) != "strict" or not resolution.violations:
        return None
    return RequestError(
        " ".join(str(violation) for violation in resolution.violations),
        param=resolution.violations[0].parameter,
        code="decoding_not_honoured",
    )
