"""One endpoint during a run: its connections, what is known of it, and how it is spoken to."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from evenhand_evals.cache import Cache, Kept, key_of
from evenhand_evals.endpoint.asking import Outgoing, Parameters, Route, Voice
from evenhand_evals.endpoint.engine import root_of
from evenhand_evals.endpoint.facts import Preflight, preflight
from evenhand_evals.endpoint.likelihood import method_for
from evenhand_evals.endpoint.templates import template_of
from evenhand_evals.errors import UsageError
from evenhand_evals.http.client import REJECTED, Answer, Backoff, Client, Exchange, error_text
from evenhand_evals.http.pace import Pace
from evenhand_evals.manifest import DecodingFacts, ServerFacts
from evenhand_evals.settings import Decoding, Target, api_key, decide
from evenhand_evals.types import Ask, Interface

REMEMBERED: Final = 256
"""Sets of fields whose resolved parameters are kept: items with tools each have their own."""


class Settled:
    """The decoding parameters of one repeat, resolved once for each route and each set of fields.

    Most items bring no fields of their own, or all the same; resolving costs more than asking.
    """

    def __init__(self, found: Preflight, decoding: Decoding, repeat: int) -> None:
        self._found, self._decoding, self._repeat = found, decoding, repeat
        self._known: dict[tuple[Route, bytes], Mapping[str, Any]] = {}

    def __call__(self, route: Route, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give what a request on a route carries beside an item's own fields; not to be changed."""
        key = route, orjson.dumps(fields)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._found.parameters(self._decoding, self._repeat, route, fields)
            self._known[key] = known
        return known


def voice_of(
    model: str,
    parameters: Parameters,
    server: ServerFacts,
    template: str,
    interface: Interface | None,
) -> Voice:
    """Give how a model is spoken to at a server, as the user wants it."""
    engine = server.engine if isinstance(server.engine, str) else "generic"
    return Voice(
        model,
        parameters,
        template=template_of(template, interface),
        likelihood=method_for(engine, proxied=server.kind == "evenhand"),
        as_chat=interface == "chat",
    )


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model at an endpoint.

    `client` asks below the base URL, `root` at the server's root; `found` is what the endpoint
    said before the run, `decoding` what each request asks for; `cache` holds answers of earlier
    runs, None where they are not to be used.
    """

    target: Target
    client: Client
    root: Client
    decoding: Decoding
    found: Preflight
    cache: Cache | None = None
    _voices: dict[int, Voice] = field(default_factory=dict, repr=False, compare=False)

    @property
    def decoding_facts(self) -> DecodingFacts:
        """What the manifest says of the decoding."""
        return DecodingFacts(
            self.decoding.parameters,
            self.decoding.by_task,
            self.target.profile,
            self.found.record,
        )

    def voice(self, repeat: int) -> Voice:
        """Give how the model is spoken to in one repeat."""
        if repeat not in self._voices:
            self._voices[repeat] = self._voice(repeat)
        return self._voices[repeat]

    def _voice(self, repeat: int) -> Voice:
        settled, target = Settled(self.found, self.decoding, repeat), self.target
        model, server = self.found.sent_model, self.found.server
        voice = voice_of(model, settled, server, target.template, target.interface)
        return replace(voice, stream=target.stream)

    async def ask(self, outgoing: Outgoing, repeat: int, turn: int = 0) -> Exchange:
        """Make one request, unless its answer is kept from an earlier run.

        `turn` counts the requests of a sample, so that one which asks the same twice gets two
        answers.

        Raises:
            UsageError: the endpoint takes no request for a stream.

        """
        client = self.root if outgoing.root else self.client
        if self.cache is None:
            return await _exchange(client, outgoing)
        key = key_of(client.base_url, self.identity, outgoing.path, outgoing.body, (repeat, turn))
        kept = self.cache.get(key)
        if kept is not None:
            return _from_cache(outgoing, kept, time.monotonic() - client.origin)
        exchange = await _exchange(client, outgoing)
        if exchange.failure is None:
            answer = exchange.answer
            found = Kept(answer.body, answer.request_id, answer.fingerprint)
            self.cache.put(key, self.target.base_url, self.found.sent_model, found)
        return exchange

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the endpoint said of itself, by which its answers are told from another's."""
        record, server = self.found.record or {}, self.found.server
        return {
            "engine": record.get("engine_identity"),
            "decoding": record.get("fingerprint"),
            "model": server.model,
        }


async def _exchange(client: Client, outgoing: Outgoing) -> Exchange:
    exchange = await client.ask(
        outgoing.path, outgoing.body, kind=outgoing.kind, stream=outgoing.stream
    )
    if outgoing.stream and exchange.answer.status in REJECTED:
        why = error_text(exchange.answer.body)
        if "stream_options" in why and not client.streamed:
            raise UsageError(
                f"--stream: the endpoint does not take stream_options ({why}); ask without --stream"
            )
    return exchange


def _from_cache(outgoing: Outgoing, kept: Kept, now: float) -> Exchange:
    answer = Answer(200, kept.body, None, kept.request_id, kept.fingerprint)
    return Exchange(outgoing.body, answer, (), now, 0.0, None, cached=True)


@asynccontextmanager
async def speaker(
    target: Target,
    first: Ask,
    budget: int,
    *,
    backoff: Backoff | None = None,
    pace: Pace | None = None,
    cache: Cache | None = None,
) -> AsyncIterator[Speaker]:
    """Open an endpoint and ask it about itself; `first` is the run's first ask.

    Raises:
        EndpointError: it cannot be reached, refuses the key, or does not have the model.
        UsageError: the profile is unknown, or the request is refused in strict mode.

    """
    decoding = decide(target.profile, target.parameters, budget)
    key = api_key(target.key_variable, target.named.key)
    async with (
        Client(
            target.base_url,
            key=key,
            timeout=target.timeout,
            backoff=backoff,
            headers={"evenhand-mode": target.mode},
            pace=pace,
        ) as client,
        Client(
            root_of(target.base_url), key=key, timeout=target.timeout, backoff=backoff, pace=pace
        ) as root,
    ):
        found = await preflight(client, root, target, decoding, first)
        yield Speaker(target, client, root, decoding, found, cache)
