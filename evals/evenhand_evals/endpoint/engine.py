"""The engine behind an endpoint that is no Evenhand proxy: what it is, and how it is spoken to.

The resolver is the proxy's own: pinning a direct endpoint's parameters here gives what the proxy
would have given there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evenhand_evals.errors import UsageError
from evenhand_evals.http.client import Client
from evenhand_evals.settings import nearest_names
from evenhand_proxy.decoding import EngineFacts, Mode, Resolution, Resolver, dialect_for
from evenhand_proxy.decoding.errors import IntrospectionError
from evenhand_proxy.decoding.introspection import (
    DETECTION,
    QUESTIONS,
    Question,
    facts_from,
    recognise,
)

AUTO = "auto"
UNKNOWN = "openai"
"""What `recognise` gives for an endpoint that shows no engine; too little to pin anything."""


def root_of(base_url: str) -> str:
    """Give a server's root: the base URL without a trailing `/v1` or slash."""
    return base_url.rstrip("/").removesuffix("/v1").rstrip("/")


async def engine_facts(root: Client, engine: str, model: str) -> EngineFacts:
    """Ask what answers at a server's root; `engine` is a name, or `auto`.

    Raises:
        UsageError: there is no engine of that name.

    """
    if engine != AUTO and engine not in QUESTIONS:
        raise UsageError(f"--engine: {engine!r} is unknown; {nearest_names(engine, [*QUESTIONS])}")
    name = recognise(await answers_to(root, DETECTION, model)) if engine == AUTO else engine
    answers = await answers_to(root, QUESTIONS[name], model)
    try:
        return facts_from(name, answers, model=model)
    except IntrospectionError:
        return EngineFacts(name, told=False)


async def answers_to(root: Client, questions: Mapping[str, Question], model: str) -> dict[str, Any]:
    """Give what was answered with 200 and JSON; what was not is left out."""
    found: dict[str, Any] = {}
    for name, question in questions.items():
        for path in question.paths:
            answer = await root.request(question.method, path, question.body_for(model))
            if answer.status == 200 and isinstance(answer.body, dict | list):
                found[name] = answer.body
                break
    return found


@dataclass(frozen=True, slots=True)
class Direct:
    """An engine that is spoken to without a proxy: its resolver for each route."""

    resolvers: Mapping[str, Resolver]

    def resolve(self, parameters: Mapping[str, Any], route: str = "chat") -> Resolution:
        """Resolve the parameters of one request."""
        return self.resolvers[route].resolve(parameters)


def direct(facts: EngineFacts, model: str, mode: Mode, *, named: bool) -> Direct | None:
    """Give how to speak to an engine, None where too little is known of it.

    An endpoint that only looks like OpenAI's is spoken to so only where the user `named` it.
    """
    if facts.engine == UNKNOWN and not named:
        return None
    dialects = {route: dialect_for(facts.engine, route, model) for route in ("chat", "completions")}
    resolvers = {
        route: Resolver(dialect, model=model, facts=facts, route=route, mode=mode)
        for route, dialect in dialects.items()
        if dialect is not None
    }
    return Direct(resolvers) if resolvers else None
