"""Asking an engine what it is and what it does when a parameter is left out.

httpx serves here: this runs at start and on an interval, never on the hot path. Which requests to
make and what the answers mean is `decoding.introspection`'s business.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx

from evenhand_proxy.config import Model
from evenhand_proxy.decoding import EngineFacts
from evenhand_proxy.decoding.errors import IntrospectionError
from evenhand_proxy.decoding.introspection import QUESTIONS, Question, checkpoint_of, facts_from
from evenhand_proxy.engines.attestation import attested
from evenhand_proxy.engines.checkpoint import read_checkpoint

BUSY: Final = frozenset((429, 502, 503, 504))
"""Statuses of an engine that cannot answer now; any other says that the route is not there."""


@dataclass(frozen=True, slots=True)
class Introspection:
    """What was found: the facts, and why the engine could not be asked if it could not.

    `problem` names what was asked but not the address, so that anybody may read it.
    `warnings` say what was left out of the facts, and why.
    """

    facts: EngineFacts
    problem: str | None = None
    warnings: tuple[str, ...] = ()


def root_of(base_url: str) -> str:
    """Give a server's root: the base URL without a trailing `/v1` or slash."""
    return base_url.rstrip("/").removesuffix("/v1").rstrip("/")


async def introspect(
    model: Model, client: httpx.AsyncClient, name: str | None = None
) -> Introspection:
    """Ask the engine behind a model; an engine that does not answer is a problem, not an error.

    `name` is the model's in the config, which the engine knows it by unless `upstream_model` is
    set.
    """
    if model.via == "litellm":  # a hosted provider tells nothing about itself
        return await _with_attestation(model, EngineFacts(model.engine, told=False), [])
    served = model.upstream_model or name
    try:
        answers = await ask(model, client, served or "")
        where = checkpoint_of(model.engine, answers, model=served, flags=model.flags)
        files = await asyncio.to_thread(
            read_checkpoint, model.engine, where, model.generation_config
        )
        facts = facts_from(
            model.engine,
            answers,
            model=served,
            generation_config=files.generation_config,
            transformers=model.transformers,
            template=files.template,
            flags=model.flags,
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        return Introspection(
            EngineFacts(model.engine, told=False), _problem(error, model, name or served)
        )
    return await _with_attestation(model, facts, [files.warning])


def _problem(error: Exception, model: Model, served: str | None) -> str:
    """Say in words what was asked, what came of it, and what to look at."""
    place = f"models.{served or 'NAME'}"
    if isinstance(error, httpx.HTTPStatusError):
        return f"{_asked(error)} answered {error.response.status_code}; is it still starting?"
    if isinstance(error, httpx.TimeoutException):
        return f"{_asked(error)} was not answered in time"
    if isinstance(error, httpx.ConnectError):
        return f"{_asked(error)}: no connection; is it running, and is {place}.base_url right?"
    if isinstance(error, httpx.RequestError):
        said = f"{_asked(error)} got no answer in HTTP"
    elif isinstance(error, httpx.InvalidURL | RecursionError):
        said = "its address or its answer cannot be read"
    else:
        said = str(error)
    return f"{said}; is {place}.engine ({model.engine}) right?"


def _asked(error: httpx.HTTPStatusError | httpx.RequestError) -> str:
    return f"{error.request.method} {error.request.url.path}"


async def _with_attestation(
    model: Model, facts: EngineFacts, warnings: list[str | None]
) -> Introspection:
    refusal = None
    if model.attestation is not None:
        facts, refusal = await asyncio.to_thread(attested, facts, model.attestation)
    return Introspection(facts, None, tuple(text for text in (*warnings, refusal) if text))


async def ask(model: Model, client: httpx.AsyncClient, served: str) -> dict[str, Any]:
    """Ask an engine its questions; give the parsed answers, without those that it has none to.

    Raises:
        httpx.HTTPError: it cannot be reached, or is too busy to answer.
        IntrospectionError: it does not know a question that it must, or answers without JSON.

    """
    answers: dict[str, Any] = {}
    for name, question in QUESTIONS[model.engine].items():
        response = await _ask(question, model, client, served)
        if response is not None:
            answers[name] = response
    return answers


async def _ask(question: Question, model: Model, client: httpx.AsyncClient, served: str) -> Any:
    headers = {"authorization": f"Bearer {model.api_key.text}"} if model.api_key else {}
    statuses: list[str] = []
    for path in question.paths:
        answer = await client.request(
            question.method,
            root_of(model.base_url) + path,
            headers=headers,
            json=question.body_for(served),
        )
        if answer.status_code == httpx.codes.OK:
            return _parsed(answer, question, model, path)
        if answer.status_code in BUSY:
            answer.raise_for_status()
        statuses.append(f"{path} answered {answer.status_code}")
    if question.optional:
        return None
    raise IntrospectionError(model.engine, question.paths[0], "; ".join(statuses))


def _parsed(answer: httpx.Response, question: Question, model: Model, path: str) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        if question.optional:
            return None
        raise IntrospectionError(model.engine, path, f"the answer is no JSON: {error}") from error
