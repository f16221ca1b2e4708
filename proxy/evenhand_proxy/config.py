"""The configuration: one frozen tree, loaded once, passed in and never imported.

Every field stands in docs/reference/config.md; a test checks that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evenhand_proxy.decoding import Mode

Engine = Literal[
    "sglang",
    "vllm",
    "llamacpp",
    "ollama",
    "tgi",
    "transformers",
    "generic",
    "openai",
    "zhipu",
    "deepseek",
    "dashscope",
    "moonshot",
    "mistral",
    "anthropic",
    "gemini",
]


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that is never shown: `str` and `repr` give a mask."""

    text: str

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the proxy listens. `port: 0` takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte` covers queueing and prefill, `between_bytes` a stalled stream."""

    connect: float = 5.0
    first_byte: float = 300.0
    between_bytes: float = 60.0
    total: float = 3600.0


@dataclass(frozen=True, slots=True)
class Model:
    """One model that clients may ask for.

    engine: the dialect that the server behind `base_url` speaks.
    base_url: the server's root; a trailing `/v1` is understood.
    upstream_model: the name that the server knows; ours if left out.
    api_key: sent upstream as a bearer token, usually `${NAME}` from the environment.
    profile: the decoding profile of requests that pick none.
    mode: `report` serves and tells, `strict` refuses what cannot be honoured, `pin` also sends
        every default that is known.
    generation_config: a copy of the checkpoint's generation_config.json, for engines that do
        not show it.
    flags: server settings that the engine does not report, such as vLLM's
        `override_generation_config`; underscores for hyphens.
    transformers: version of the transformers library beside the engine, where its release
        leaves the choice.
    attestation: the document of an earlier `evenhand attest` of this engine.
    via: `http` calls the engine itself; `litellm` lets litellm translate, for providers that do
        not speak OpenAI's protocol; `upstream_model` then is litellm's name, `anthropic/...`.
    tags: words that policies can match, such as `production`.
    """

    engine: Engine
    base_url: str
    upstream_model: str | None = None
    api_key: Secret | None = None
    profile: str | None = None
    mode: Mode = "report"
    generation_config: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    transformers: str | None = None
    attestation: Path | None = None
    via: Literal["http", "litellm"] = "http"
    tags: tuple[str, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that clients present as a bearer token; its name stands in the audit, never itself.

    profile: fills what the client and the profile that it names leave open.
    mode: the mode of this key's requests, whatever the model's is.
    tags: words that policies can match.
    """

    secret: Secret
    profile: str | None = None
    mode: Mode | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """The journal.

    durability: `full` survives a power cut, `normal` a killed process, `async` waits for nothing.
    content: store prompts and answers too.
    required: refuse requests with 503 while the journal cannot be written.
    """

    durability: Literal["full", "normal", "async"] = "normal"
    content: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What OpenTelemetry's own environment variables do not say.

    trust_traceparent: continue the client's trace; a stranger's trace context is not trusted.
    """

    trust_traceparent: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """tiktoken's encoding for counts where an engine reports none."""

    encoding: str = "o200k_base"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may send."""

    body_bytes: int = 32 * 1024 * 1024
    header_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Config:
    """The whole tree. `models` may be empty only for `evenhand serve --local`.

    policy: a YAML file of rules on decoding parameters, read again whenever it changes.
    """

    models: Mapping[str, Model] = field(default_factory=dict)
    listen: Listen = field(default_factory=Listen)
    keys: Mapping[str, Key] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Path | None = None
    audit: Audit = field(default_factory=Audit)
    telemetry: Telemetry = field(default_factory=Telemetry)
    tokens: Tokens = field(default_factory=Tokens)
    limits: Limits = field(default_factory=Limits)
