"""What an engine told about itself, as far as it bears on decoding."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from evenhand_proxy.decoding.fingerprint import canonical

RESTARTS = frozenset(("random_seed",))
"""Flags that differ after each start of the same deployment: facts, but no part of the identity."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The served engine's identity and the defaults that it brings along.

    told: whether the engine answered; if not, its flags may have replaced any default of a rule
        that says so (`Rule.from_server`).
    engine: `sglang`, `vllm`, `llamacpp`, `ollama`, `tgi`, `transformers`, `mistral`, `openai`.
    version, weights: as the engine reports them; None where it does not.
    flags: server settings that a rule may need (`Need.flag`); a missing flag is unknown.
    model_defaults: canonical parameters from the model's generation_config.json; None while that
        file is not known, an empty mapping if it is known to set nothing.
    limits: canonical parameters to the most that this server takes; more is an error.
    reported_defaults: canonical parameters that the engine itself says it uses when omitted.
    template: first 16 hexadecimal digits of the SHA-256 of the chat template's text.
    transformers: version (or only its major number) of the library that the engine reads
        generation_config.json with.
    route_defaults: what stands for `model_defaults` on routes where the engine reads other ones.
    preferred: canonical parameters that the server was told to prefer, but that act on its native
        route only (SGLang `--preferred-sampling-params`; Ollama's Modelfile for temperature).
    caps: canonical parameters to the value that a larger one is cut to without a word.
    uncertain_defaults: canonical parameters whose model default cannot be known, because it
        depends on a version or a flag that nobody told; they are not in `model_defaults`.
    default_notes: canonical parameters to why their model default is not what the file says.
    attested: canonical parameters to the verdict of an attestation of this very engine.
    attestation_id, attested_route: which attestation that is, and the route that it tested.
    max_model_len: the most tokens that a prompt and its answer have together, where it is told.
    """

    engine: str
    version: str | None = None
    weights: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    model_defaults: Mapping[str, Any] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    reported_defaults: Mapping[str, Any] = field(default_factory=dict)
    template: str | None = None
    transformers: str | None = None
    route_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    preferred: Mapping[str, Any] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)
    uncertain_defaults: frozenset[str] = frozenset()
    default_notes: Mapping[str, str] = field(default_factory=dict)
    attested: Mapping[str, str] = field(default_factory=dict)
    attestation_id: str | None = None
    attested_route: str | None = None
    max_model_len: int | None = None
    told: bool = True
    _identity: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every resolution needs it, and a slotted class has no cached properties.
        object.__setattr__(self, "_identity", MappingProxyType(_identity_of(self)))

    def defaults_on(self, route: str) -> Mapping[str, Any] | None:
        """Give the model's defaults as they act on a route; None while they are not known."""
        return self.route_defaults.get(route, self.model_defaults)

    def identity(self) -> Mapping[str, Any]:
        """Give what tells this engine from another, small enough to stand in every record.

        The defaults stand there as the first 16 hexadecimal digits of their SHA-256, under
        `defaults`; what is not known is left out.
        """
        return self._identity

    def document(self) -> dict[str, Any]:
        """Give every fact as JSON, mappings and sets as objects and sorted lists."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self) if item.init}


def _identity_of(facts: EngineFacts) -> dict[str, Any]:
    flags = {name: value for name, value in facts.flags.items() if name not in RESTARTS}
    known = {
        "name": facts.engine,
        "version": facts.version,
        "weights": facts.weights,
        "template": facts.template,
        "transformers": facts.transformers,
        "flags": flags or None,
        "defaults": _defaults_digest(facts),
    }
    return {key: value for key, value in known.items() if value is not None}


def _defaults_digest(facts: EngineFacts) -> str | None:
    defaults = (
        facts.model_defaults,
        facts.reported_defaults,
        facts.route_defaults,
        facts.preferred,
        facts.caps,
    )
    if not any(defaults):
        return None
    return digest(json.dumps(canonical(defaults), sort_keys=True))


def difference(old: EngineFacts, new: EngineFacts) -> dict[str, dict[str, Any]]:
    """Give what changed between two looks at an engine: `{"flags.deterministic": {"old", "new"}}`.

    Mappings are compared key by key; a key that one of the two lacks has null on that side.
    """
    changes: dict[str, dict[str, Any]] = {}
    before, after = old.document(), new.document()
    for name in before:
        was, now = before[name], after[name]
        if isinstance(was, dict) and isinstance(now, dict):
            for key in sorted(was.keys() | now.keys()):
                if was.get(key) != now.get(key):
                    changes[f"{name}.{key}"] = {"old": was.get(key), "new": now.get(key)}
        elif was != now:
            changes[name] = {"old": was, "new": now}
    return changes


def digest(text: str) -> str:
    """Give the first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
