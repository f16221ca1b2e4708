"""The hosted providers that litellm translates for, as data; litellm itself is not needed here.

A provider stands here only if a test has shown that litellm sends its requests through our gate.
Cohere does not: litellm 1.109 takes a connection of its own for it.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evenhand_proxy.config import Engine, Timeouts
from evenhand_proxy.errors import ConfigError

Route = Literal["chat", "completions", "embeddings"]

ClientKind = Literal["sdk", "http"]
"""How litellm reaches a provider: through OpenAI's SDK, or through an HTTP client of its own."""

_OPENAI_END = rb'\[DONE\]|"finish_reason"\s*:\s*"'


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    base_url: its address where the config names none; None if it has no public one.
    routes: the routes that really exist there, each with the client that litellm needs for it.
    end_mark: what a complete answer holds at its end, as a regular expression over its bytes.
    native: parameters outside OpenAI's API that litellm places by itself; all others that it does
        not know stand at the top of the body, as they were.
    fetches: where in a message litellm downloads what an address leads to: in parts that are a
        `file`, or anywhere but in text.
    extras: whether litellm can place fields that it does not know at all.
    needs_key: refuse to call it without one.
    engines: what a model behind it is called in the config, which decides its dialect.
    appended: what litellm puts behind the address by itself; an address may end in it too.
    """

    base_url: str | None
    routes: Mapping[Route, ClientKind]
    end_mark: re.Pattern[bytes] = re.compile(_OPENAI_END)
    native: frozenset[str] = frozenset()
    fetches: Literal["files", "media"] = "files"
    extras: bool = True
    needs_key: bool = True
    engines: tuple[Engine, ...] = ("generic",)
    appended: str = ""

    @property
    def verbatim(self) -> bool:
        """Whether fields that litellm does not know reach the provider as they are."""
        return self.extras and not self.native

    def words(self, route: Route) -> frozenset[str]:
        """Give the fields that litellm places by itself on a route."""
        return OPENAI_FIELDS[route] | self.native


@dataclass(frozen=True, slots=True)
class HostedRequest:
    """One call to a hosted provider, in OpenAI's shape.

    model: litellm's name, for example `anthropic/claude-sonnet-4-5`.
    document: the OpenAI-shaped body, `stream` included; its `model` is not looked at.
    base_url: takes the place of the provider's address.
    """

    model: str
    route: Route
    document: Mapping[str, Any]
    base_url: str | None
    api_key: str | None
    timeouts: Timeouts
    request_id: str


_PROSE = frozenset(
    {"content", "text", "arguments", "reasoning_content", "reasoning", "thinking", "refusal"}
)
"""Fields of messages whose text is words, which may speak of addresses."""

_OLLAMA_OPTIONS = frozenset(
    [
        "num_keep",
        "num_ctx",
        "num_predict",
        "num_batch",
        "num_gpu",
        "num_thread",
        "top_k",
        "min_p",
        "typical_p",
        "tfs_z",
        "repeat_last_n",
        "repeat_penalty",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
        "penalize_newline",
        "draft_num_predict",
        "think",
        "keep_alive",
        "format",
    ]
)

PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1",
        {"chat": "sdk", "completions": "sdk", "embeddings": "sdk"},
        engines=("openai", "generic"),
    ),
    "zai": Provider("https://api.z.ai/api/paas/v4", {"chat": "sdk"}, engines=("zhipu",)),
    "bigmodel": Provider(
        "https://open.bigmodel.cn/api/paas/v4", {"chat": "sdk"}, engines=("zhipu",)
    ),
    "moonshot": Provider("https://api.moonshot.ai/v1", {"chat": "sdk"}, engines=("moonshot",)),
    "dashscope": Provider(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        {"chat": "sdk"},
        engines=("dashscope",),
    ),
    "deepseek": Provider("https://api.deepseek.com", {"chat": "http"}, engines=("deepseek",)),
    "mistral": Provider(
        "https://api.mistral.ai/v1", {"chat": "http", "embeddings": "sdk"}, engines=("mistral",)
    ),
    "hosted_vllm": Provider(
        None,
        {"chat": "http", "completions": "sdk", "embeddings": "http"},
        needs_key=False,
        engines=("vllm", "sglang", "generic"),
    ),
    "ollama_chat": Provider(
        "http://127.0.0.1:11434",
        {"chat": "http"},
        re.compile(rb'"done"\s*:\s*true'),
        _OLLAMA_OPTIONS,
        "media",
        needs_key=False,
        engines=("ollama",),
    ),
    "anthropic": Provider(
        "https://api.anthropic.com",
        {"chat": "http"},
        re.compile(rb'"type"\s*:\s*"message_stop"'),
        frozenset({"top_k"}),
        "media",
        extras=False,
        engines=("anthropic",),
        appended="/v1",
    ),
    "gemini": Provider(
        "https://generativelanguage.googleapis.com/v1beta",
        {"chat": "http"},
        re.compile(rb'"finishReason"\s*:\s*"'),
        frozenset({"top_k"}),
        "media",
        engines=("gemini",),
    ),
}

OPENAI_FIELDS: Mapping[Route, frozenset[str]] = {
    "chat": frozenset(
        [
            "messages",
            "temperature",
            "top_p",
            "n",
            "stream",
            "stream_options",
            "stop",
            "max_tokens",
            "max_completion_tokens",
            "presence_penalty",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "seed",
            "response_format",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "functions",
            "function_call",
            "reasoning_effort",
            "thinking",
            "verbosity",
            "modalities",
            "audio",
            "prediction",
            "user",
            "safety_identifier",
            "service_tier",
            "store",
            "prompt_cache_key",
            "prompt_cache_retention",
            "web_search_options",
        ]
    ),
    "completions": frozenset(
        [
            "prompt",
            "temperature",
            "top_p",
            "n",
            "best_of",
            "stream",
            "stream_options",
            "stop",
            "max_tokens",
            "suffix",
            "echo",
            "presence_penalty",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "seed",
            "user",
        ]
    ),
    "embeddings": frozenset({"input", "dimensions", "encoding_format", "user"}),
}
"""What litellm is given by name; it checks these against what it knows of the provider."""


def provider_of(model: str) -> tuple[str, Provider, str]:
    """Split litellm's name for a model: `zai/glm-4.6` is provider `zai`, model `glm-4.6`.

    Raises:
        ConfigError: there is no such provider here.

    """
    name, slash, rest = model.partition("/")
    provider = PROVIDERS.get(name)
    if provider is None or not slash or not rest:
        raise ConfigError(
            f"upstream_model: {model!r} names no provider that is served through litellm. "
            f"Write PROVIDER/MODEL with one of: {', '.join(sorted(PROVIDERS))}."
        )
    return name, provider, rest


def arguments(document: Mapping[str, Any], route: Route, provider: Provider) -> dict[str, Any]:
    """Give litellm's arguments for an OpenAI-shaped body.

    litellm's own settings (`api_base`, `drop_params`, `mock_response`, `metadata`, ...) share a
    namespace with the body's fields. Only fields that are known by name become arguments; all
    others go into `extra_body`, where litellm leaves them as they are.
    """
    named = provider.words(route)
    given = {name: value for name, value in document.items() if name in named}
    extra = {
        name: value for name, value in document.items() if name not in named and name != "model"
    }
    # A copy, because litellm writes into what it is given.
    return copy.deepcopy({**given, "extra_body": extra} if extra and provider.extras else given)


def strangers(document: Mapping[str, Any], route: Route, provider: Provider) -> list[str]:
    """Name the fields that have a value and that litellm could not place for this provider."""
    if provider.extras:
        return []
    known = provider.words(route) | {"model"}
    return [name for name, value in document.items() if name not in known and value is not None]


def remote_media(messages: Any, provider: Provider) -> str | None:
    """Find a picture or file that litellm would fetch by itself, from an address of the client's.

    Gives the path of the field, like `messages[0].content[1].image_url.url`.
    """
    for row, message in enumerate(messages if isinstance(messages, list) else ()):
        place = f"messages[{row}]"
        if provider.fetches == "media":
            found = _address(message, place)
        else:
            found = next(filter(None, _addresses_of_files(message, place)), None)
        if found is not None:
            return found
    return None


def _addresses_of_files(message: Any, place: str) -> Iterator[str | None]:
    parts = message.get("content") if isinstance(message, dict) else None
    for column, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict):
            yield _address(part.get("file"), f"{place}.content[{column}].file")


def _address(value: Any, path: str) -> str | None:
    """Give where an address stands in a value, in anything but words."""
    if isinstance(value, str):
        return path if _is_remote(value) else None
    inner: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inner = (
            (f"{path}.{name}", item)
            for name, item in value.items()
            if not (name in _PROSE and isinstance(item, str))
        )
    elif isinstance(value, list):
        inner = ((f"{path}[{place}]", item) for place, item in enumerate(value))
    return next((found for at, item in inner if (found := _address(item, at))), None)


def _is_remote(text: str) -> bool:
    """Whether a text is an address; urllib reads one past spaces, tabs and line ends in it."""
    return not text.startswith("data:") and "://" in text.translate(_BLANKS)


_BLANKS = dict.fromkeys(range(0x21))
