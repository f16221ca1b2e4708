"""Hosted providers that do not speak OpenAI's protocol, translated by litellm and by it alone.

litellm turns a request into the provider's protocol and the answer back. It is kept from all else
that it can do: it drops nothing, tries nothing twice, falls back to nothing, caches and reports
nothing, and reaches no network but through our gate. Needs the extra `hosted`.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import Any, Self

import httpx

from evenhand_proxy.errors import (
    ConfigError,
    EvenhandError,
    RequestError,
    UpstreamError,
    UpstreamTimeout,
)
from evenhand_proxy.upstream.hosted import (
    ClientKind,
    HostedRequest,
    Provider,
    Route,
    arguments,
    provider_of,
    remote_media,
    strangers,
)
from evenhand_proxy.upstream.litellm_answers import (
    Begun,
    HostedAnswer,
    events,
    once,
    parameters_in,
    plain,
    sentence,
    unread,
)
from evenhand_proxy.upstream.litellm_wire import PLACEHOLDER, Gate, WireRequest
from evenhand_proxy.upstream.transport import UpstreamAnswer

_FUNCTIONS: Mapping[Route, str] = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
}

_ALONE: Mapping[Route, Mapping[str, Any]] = {
    # Else litellm serves some through /v1/responses or tool servers of its own, past our gate.
    "chat": {"_skip_responses_api_bridge": True, "_skip_mcp_handler": True},
    "completions": {},
    "embeddings": {},
}

_NEUTRAL: Mapping[str, Any] = {
    "drop_params": False,
    "modify_params": False,
    "route_all_chat_openai_to_responses": False,
    "enable_preview_features": False,
    "enable_anthropic_prompt_caching": False,
    "cache": None,
    "num_retries": None,
    "model_fallbacks": None,
    "default_fallbacks": None,
    "headers": None,
    "api_base": None,
    "callbacks": [],
    "input_callback": [],
    "success_callback": [],
    "failure_callback": [],
    "service_callback": [],
}
"""litellm's settings for a whole process, as they must be: any other value changes requests."""

_SWITCHES = ("EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER", "LITELLM_ANTHROPIC_DISABLE_URL_SUFFIX")
"""Environment variables that litellm looks at in each request."""


class LitellmClient:
    """litellm, loaded once and kept to translation. Use it in `async with`."""

    def __init__(self) -> None:
        self._litellm: Any = None
        self._forward: httpx.AsyncHTTPTransport | None = None
        self._closing: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        """Load litellm, which takes seconds.

        Raises:
            ConfigError: it is not installed, or is set to change requests.

        """
        self._litellm = await asyncio.to_thread(_load)
        self._forward = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=4.0),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*self._closing, return_exceptions=True)
        if self._forward is not None:
            await self._forward.aclose()

    async def begin(self, request: HostedRequest) -> "HostedCall":
        """Let litellm build the request and stop it there, just before it goes out.

        Raises:
            RequestError: 400, litellm does not take a parameter for this provider, or the
                provider has no such route.
            UpstreamError: litellm could not build the request for another reason.

        """
        if self._forward is None:
            raise RuntimeError("litellm is used outside its `async with`")
        name, provider, model = provider_of(request.model)
        base_url = _checked(request, name, provider)
        gate = Gate(self._forward, request, provider.end_mark)
        call = getattr(self._litellm, _FUNCTIONS[request.route])
        task: asyncio.Task[Any] = asyncio.ensure_future(
            _started(
                call,
                **arguments(request.document, request.route, provider),
                **_ALONE[request.route],
                model=model,
                custom_llm_provider=name,
                api_key=PLACEHOLDER,
                api_base=base_url,
                client=_client(provider.routes[request.route], gate, base_url),
                timeout=request.timeouts.total,
                drop_params=False,
                num_retries=0,
                max_retries=0,
            )
        )
        hosted = HostedCall(request, gate, task, self._closing)
        try:
            await asyncio.wait({task, gate.arrived}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            hosted.close()
            raise
        if not gate.arrived.done():
            raise _refused(task.exception(), request, name, model)
        return hosted


async def _started(call: Any, **given: Any) -> Any:
    """Call litellm; of a stream also take the first chunk, before which some send nothing."""
    result = await call(**given)
    return await Begun.of(result) if given.get("stream") is True else result


class HostedCall:
    """A call that litellm has built and that waits to be sent."""

    def __init__(
        self,
        request: HostedRequest,
        gate: Gate,
        task: asyncio.Task[Any],
        closing: set[asyncio.Future[None]],
    ) -> None:
        self._request = request
        self._gate = gate
        self._task = task
        self._closing = closing
        task.add_done_callback(_retrieve)

    @property
    def wire(self) -> WireRequest:
        """What will go out."""
        return self._gate.arrived.result()

    @property
    def retold(self) -> bool:
        """Whether the messages on the wire are others than those given, in OpenAI's own shape."""
        path = self.wire.url.partition("?")[0]
        if not path.endswith("/chat/completions") or not isinstance(self.wire.document, dict):
            return False
        given = self._request.document.get("messages")
        return bool(self.wire.document.get("messages") != given)

    async def send(self) -> UpstreamAnswer:
        """Let the request go, once, and wait for the answer in OpenAI's shape.

        An answer with an error status is the provider's own, as it came.

        Raises:
            UpstreamError: unreachable, timed out, broken, or an answer that litellm cannot read.

        """
        deadline = asyncio.get_running_loop().time() + self._request.timeouts.total
        self._gate.open()
        try:
            async with asyncio.timeout_at(deadline):
                result = await self._result()
        except TimeoutError as error:
            self.close()
            raise UpstreamTimeout("The provider did not answer in time.") from error
        except BaseException:
            self.close()
            raise
        if rejection := self._gate.rejection:
            return HostedAnswer(
                self.close, rejection.status, rejection.headers, once(rejection.body)
            )
        if self._request.document.get("stream") is True:
            body = events(result, self._gate, self._wants_usage(), deadline)
            return HostedAnswer(self.close, 200, self._headers("text/event-stream"), body)
        whole = plain(result, self._gate)
        return HostedAnswer(self.close, 200, self._headers("application/json"), once(whole))

    def close(self) -> None:
        """Give the call up: before `send` nothing goes out, after it the connection is dropped."""
        self._task.cancel()
        closing = asyncio.ensure_future(self._gate.aclose_body())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        closing.add_done_callback(_retrieve)

    async def _result(self) -> Any:
        try:
            result = await self._task
        except Exception as error:
            if self._gate.rejection:
                return None
            raise self._gate.failure or unread(error) from error
        if self._gate.failure:
            raise self._gate.failure
        return result

    def _wants_usage(self) -> bool:
        options = self._request.document.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def _headers(self, content_type: str) -> dict[str, str]:
        kept = {k: v for k, v in self._gate.headers.items() if not k.startswith(_OF_THE_BODY)}
        return {**kept, "content-type": content_type}


_OF_THE_BODY = ("content-", "transfer-encoding", "connection", "keep-alive", "set-cookie")


def _checked(request: HostedRequest, name: str, provider: Provider) -> str:
    """Refuse what must not reach litellm, and give the address to use."""
    if request.route not in provider.routes:
        raise RequestError(
            f"{name} has no route for {request.route}. "
            f"It is served for: {', '.join(provider.routes)}.",
            code="route_not_served",
        )
    if provider.needs_key and request.api_key is None:
        raise UpstreamError(
            f"{name} cannot be called without a key. Set models.*.api_key in the proxy's config.",
            code="upstream_key_missing",
        )
    base_url = request.base_url or provider.base_url
    if base_url is None:
        raise UpstreamError(
            f"{name} has no address of its own. Set models.*.base_url in the proxy's config."
        )
    if refused := strangers(request.document, request.route, provider):
        raise RequestError(
            f"{_values(refused, request.document)} cannot be sent to {name}: "
            "it has no such parameter. Leave it out.",
            param=refused[0],
            code="decoding_not_honoured",
        )
    # litellm would download these itself, past our gate and from any address.
    if found := remote_media(request.document.get("messages"), provider):
        raise RequestError(
            f"{found} is an address, and the proxy fetches nothing for {name}. "
            "Send the content itself as a data: URL.",
            param=found,
        )
    return base_url.rstrip("/").removesuffix(provider.appended)


def _client(kind: ClientKind, gate: Gate, base_url: str) -> Any:
    """Give litellm a client of the kind that it takes for a provider, with our gate in it."""
    if kind == "http":
        handler = import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
        return handler(transport=gate, follow_redirects=False)
    return import_module("openai").AsyncOpenAI(
        api_key=PLACEHOLDER,
        base_url=base_url,
        max_retries=0,
        http_client=httpx.AsyncClient(transport=gate, trust_env=False, follow_redirects=False),
    )


def _load() -> Any:
    """Import litellm, offline and without reading `.env`.

    Raises:
        ConfigError: it is not there, or something in this process has set it to change requests.

    """
    # litellm looks at this before each of its downloads, not only when it is imported.
    os.environ["LITELLM_OFFLINE_MODE"] = "true"
    mode = os.environ.get("LITELLM_MODE")
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # any other mode reads a .env file
    try:
        litellm: Any = import_module("litellm")
    except ImportError as error:
        raise ConfigError(
            "litellm is not installed, and a hosted provider needs it. "
            "Install the extra: pip install 'evenhand[hosted]'."
        ) from error
    finally:
        if mode is None:
            del os.environ["LITELLM_MODE"]
        else:
            os.environ["LITELLM_MODE"] = mode
    check_settings(litellm)
    litellm.suppress_debug_info = True  # it prints advice to stdout otherwise
    # `cache_control` makes it call Gemini for a cache of its own before the request proper.
    litellm.disable_anthropic_gemini_context_caching_transform = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)  # a line for each request otherwise
        logger.handlers.clear()  # ours has them already, and in our form
    return litellm


def check_settings(litellm: Any) -> None:
    """Refuse a litellm that something in this process has set to change requests.

    Raises:
        ConfigError: names the setting and its value.

    """
    for name, neutral in _NEUTRAL.items():
        value = getattr(litellm, name, neutral)
        if isinstance(value, list):
            # Its code for Gemini puts this name there, and without a `cache` it does nothing.
            value = [callback for callback in value if callback != "cache"]
        if value != neutral:
            raise ConfigError(
                f"litellm.{name} is {value!r}: litellm would change requests behind the record. "
                f"Leave it at {neutral!r}; look for LITELLM_* in the environment."
            )
    for name in _SWITCHES:
        if os.environ.get(name, "").lower() not in ("", "0", "false"):
            raise ConfigError(f"{name} is set: litellm would go past the record. Unset it.")


def _refused(
    error: BaseException | None, request: HostedRequest, name: str, model: str
) -> EvenhandError:
    """Give our error for what litellm raised before anything was sent."""
    if error is None:
        return UpstreamError(f"litellm answered for {name} without a request to it.")
    if isinstance(error, EvenhandError):
        return error
    said = sentence(error)
    status = getattr(error, "status_code", None)
    if type(error).__name__ != "UnsupportedParamsError" and status not in (400, 422):
        return UpstreamError(f"litellm could not build the request for {name}: {said}")
    named = parameters_in(said, request.document)
    values = _values(named, request.document) or "This request"
    return RequestError(
        f"{values} cannot be sent to {name} for {model}: {said} "
        "Leave it out, or choose a model that takes it.",
        param=named[0] if named else None,
        code="decoding_not_honoured" if named else None,
    )


def _values(names: list[str], document: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={document[name]!r}" for name in names)


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Look at a task's error, so that asyncio does not report it as forgotten."""
    if not task.cancelled():
        task.exception()
