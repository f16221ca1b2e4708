"""From a parsed body to everything that follows from its decoding parameters.

The resolver is pure, and clients repeat themselves: what it gives is kept for each distinct set of
parameters. A hit costs about 3 microseconds where resolving costs about 20, and writing the record
as JSON about 60.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from evenhand_proxy import wire
from evenhand_proxy.api.catalog import Served
from evenhand_proxy.api.guard import Caller
from evenhand_proxy.api.policies import Policies
from evenhand_proxy.decoding import (
    ABSENT,
    CLIENT,
    DIALECTS,
    ENGINES,
    Dialect,
    Mode,
    PolicyRule,
    Profile,
    Resolution,
    Resolver,
    Route,
    dialect_for,
    lookalike,
)
from evenhand_proxy.decoding.asked import joined
from evenhand_proxy.decoding.forwarded import Readback, Written, refused
from evenhand_proxy.decoding.handed import handed
from evenhand_proxy.decoding.lookalikes import unheard_of
from evenhand_proxy.decoding.speech import speech_of
from evenhand_proxy.engines.monitor import EngineMonitor
from evenhand_proxy.errors import RequestError
from evenhand_proxy.upstream.hosted import provider_of

KEPT = 2048
"""How many distinct sets of parameters are kept."""

KEPT_BYTES = 16 * 1024
"""The longest set of parameters that is kept: a schema may be as long as a body."""

LONGEST_FIELD = 64
"""Longer field names are no parameter, and not worth remembering."""

_FIELDS = frozenset(CLIENT).union(*(speech_of(dialect) for dialect in DIALECTS.values()))
"""Fields that carry decoding in the words of clients or of any engine."""

_CURIOUS = frozenset(
    engine
    for engine, routes in ENGINES.items()
    if any(dialect.unknown_fields == "unknown" for dialect in routes.values())
)
"""Engines that may read fields of which we know nothing."""

_STRICTEST: Mapping[Mode, int] = {"report": 0, "pin": 1, "strict": 2}


@dataclass(frozen=True, slots=True)
class Asking:
    """One request as the decoder sees it.

    route: what the engine is asked on; inbound: what the client called, which policies match.
    words: what the client wrote for parameters that reach the decoder translated, by their names.
    """

    served: Served
    route: Route
    inbound: str
    caller: Caller
    profiles: Sequence[Profile] = ()
    mode: Mode | None = None
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A resolution with its record as JSON and its response headers."""

    resolution: Resolution
    document: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    sent: Mapping[str, Any]

    @property
    def changes_body(self) -> bool:
        """Whether the body that is sent differs from the one that came."""
        return bool(self.resolution.remove or self.resolution.set)


class Decoder:
    """Resolves requests, remembering what it resolved."""

    def __init__(self, monitor: EngineMonitor, policies: Policies) -> None:
        self._monitor = monitor
        self._policies = policies
        self._resolvers: dict[tuple[Any, ...], Resolver] = {}
        self._readbacks: dict[tuple[Any, ...], Readback] = {}
        self._kept: dict[tuple[Any, ...], Decoded] = {}

    def decode(self, body: Mapping[str, Any], asking: Asking) -> Decoded:
        """Resolve the decoding parameters of one request."""
        curious = asking.served.model.engine in _CURIOUS
        asked = {
            field: value
            for field, value in body.items()
            if _bears(field) or (curious and unheard_of(field, value))
        }
        key = (
            asking.served.name,
            asking.inbound,
            asking.caller.key_name,
            asking.mode,
            self._monitor.revision,
            self._policies.revision,
            tuple(profile.name for profile in asking.profiles),
            wire.serialise(asking.words) if asking.words else b"",
            wire.serialise(asked),
        )
        found = self._kept.get(key)
        if found is None:
            found = self._resolve(asked, asking)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            if len(key[-1]) <= KEPT_BYTES:
                self._kept[key] = found
        return found

    def forwarded(self, decoded: Decoded, written: Written, asking: Asking) -> Decoded:
        """Give the record of a request that litellm wrote, from what it really wrote."""
        served = asking.served
        key = (served.name, asking.route, self._monitor.revision)
        found = self._readbacks.get(key)
        if found is None:
            if len(self._readbacks) >= KEPT:
                self._readbacks.clear()
            found = self._readbacks[key] = Readback(
                _dialect(asking),
                model=served.upstream_model,
                facts=self._monitor.facts(served.name),
                route=asking.route,
                by="litellm",
            )
        return _decoded(found.read(decoded.resolution, written, self._rules(asking)))

    def refused(self, decoded: Decoded, field: str, reason: str) -> Decoded:
        """Give the record of a request of which litellm refuses a field."""
        return _decoded(refused(decoded.resolution, field, reason))

    def _resolve(self, asked: Mapping[str, Any], asking: Asking) -> Decoded:
        resolution = self._resolver(asking).resolve(
            asked,
            profiles=asking.profiles,
            rules=self._rules(asking),
            policy_digest=self._policies.current.digest,
        )
        return _decoded(_in_words(resolution, asking.words) if asking.words else resolution)

    def _rules(self, asking: Asking) -> tuple[PolicyRule, ...]:
        if asking.route == "embeddings":
            return ()  # there is nothing for them to act on
        return self._policies.current.matching(
            asking.served.name,
            asking.caller.key_name,
            (*asking.served.model.tags, *asking.caller.tags),
            asking.inbound,
        )

    def _resolver(self, asking: Asking) -> Resolver:
        served, mode = asking.served, mode_of(asking)
        key = (served.name, asking.route, mode, self._monitor.revision)
        found = self._resolvers.get(key)
        if found is None:
            if len(self._resolvers) >= KEPT:
                self._resolvers.clear()
            found = self._resolvers[key] = Resolver(
                _spoken(asking),
                model=served.upstream_model,
                facts=self._monitor.facts(served.name),
                route=asking.route,
                mode=mode,
                inbound=joined(CLIENT, speech_of(_dialect(asking))),
            )
        return found


def _bears(field: str) -> bool:
    """Whether a field of a body may bear on decoding, under a policy or in the record."""
    return len(field) <= LONGEST_FIELD and _looks_like_one(field)


@lru_cache(maxsize=4096)
def _looks_like_one(field: str) -> bool:
    return field in _FIELDS or lookalike(field) is not None or field.casefold() in _FIELDS


def _in_words(resolution: Resolution, words: Mapping[str, Any]) -> Resolution:
    """Put what the client itself wrote into the record, for what was translated on the way in."""
    parameters = tuple(
        replace(
            each,
            requested=words[each.name],
            action="converted" if each.action == "passed" else each.action,
            reason=each.reason or "the Messages API says it in words of its own",
        )
        if each.name in words and each.requested is not ABSENT
        else each
        for each in resolution.record.parameters
    )
    return replace(resolution, record=replace(resolution.record, parameters=parameters))


def _dialect(asking: Asking) -> Dialect:
    served, engine = asking.served, asking.served.model.engine
    translated = served.model.via == "litellm"
    found = dialect_for(engine, asking.route, served.upstream_model, translated=translated)
    if found is None:
        raise RequestError(
            f"{asking.route}: the engine of {served.name} ({engine}) has no such route. "
            f"It has {', '.join(ENGINES[engine])}.",
            code="route_not_supported",
        )
    return found


def _spoken(asking: Asking) -> Dialect:
    """Give the dialect that is spoken from here: the engine's, or that of litellm for it."""
    dialect, served = _dialect(asking), asking.served
    if served.model.via == "http" or asking.route == "responses":
        return dialect
    _, provider, _ = provider_of(served.upstream_model)
    return handed(dialect, provider.words(asking.route), verbatim=provider.verbatim, by="litellm")


def mode_of(asking: Asking) -> Mode:
    """Give the mode of a request: the key's or the model's, or a stricter one that it asks for."""
    configured = asking.caller.mode or asking.served.model.mode
    return max(configured, asking.mode or configured, key=_STRICTEST.__getitem__)


def _decoded(resolution: Resolution) -> Decoded:
    record = resolution.record
    return Decoded(
        resolution,
        wire.serialise(record.document()),
        (
            (b"evenhand-decoding", record.fingerprint.encode()),
            (b"evenhand-changes", record.changes_header().encode()),
        ),
        {
            parameter.name: parameter.sent
            for parameter in record.parameters
            if parameter.sent is not ABSENT and parameter.sent is not None
        },
    )
