"""`evenhand explain`: which settings a request would be made with, and why."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import click
import httpx

from evenhand_proxy.api.catalog import Catalog
from evenhand_proxy.api.decoder import Asking, Decoder
from evenhand_proxy.api.guard import Caller
from evenhand_proxy.api.policies import Policies
from evenhand_proxy.api.translated import explained
from evenhand_proxy.cli.output import json_option, print_json
from evenhand_proxy.cli.record_table import is_refused, print_head, print_record
from evenhand_proxy.config import Config
from evenhand_proxy.config_file import load
from evenhand_proxy.decoding import (
    DIALECTS,
    DecodingError,
    Dialect,
    EngineFacts,
    Mode,
    Route,
    nearest,
    parse_setting,
    resolve,
    split_model,
)
from evenhand_proxy.decoding.defaults import is_version, rules_of
from evenhand_proxy.decoding.dialects import variant_of
from evenhand_proxy.decoding.edits import at, edited
from evenhand_proxy.decoding.profiles import PROFILES
from evenhand_proxy.engines.monitor import NOT_YET, EngineMonitor
from evenhand_proxy.errors import ConfigError, EngineError, ModelNotFound, RequestError
from evenhand_proxy.upstream.litellm_client import LitellmClient
from evenhand_proxy.wire import parse

ROUTES: Mapping[str, Route] = {
    "chat": "chat",
    "completions": "completions",
    "responses": "responses",
    "messages": "chat",
}
"""What a client calls, and what the engine is asked on."""


FAILED = 1
"""The exit code where the request would be refused."""


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="A proxy's config file.")
@click.option(
    "--url",
    envvar="EVENHAND_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="A running proxy, asked where neither --config nor --dialect is given.",
)
@click.option(
    "--api-key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    help="The environment variable with the running proxy's key.",
)
@click.option("--dialect", help="Explain one dialect, without any server or config.")
@click.option("--engine-version", help="The engine's version, with --dialect.")
@click.option("--model", required=True, help="A model, or model@profile.")
@click.option("--key", help="Explain it for a key of the config, by name; with --config.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter the client sends."
)
@click.option(
    "--route", type=click.Choice(list(ROUTES)), help="What the client calls.  [default: chat]"
)
@click.option(
    "--mode",
    type=click.Choice(["report", "strict", "pin"]),
    help="What the request asks for in evenhand-mode.",
)
@json_option
def explain(
    file: Path | None,
    url: str,
    api_key_env: str,
    dialect: str | None,
    engine_version: str | None,
    model: str,
    key: str | None,
    settings: tuple[str, ...],
    route: str | None,
    mode: str | None,
    as_json: bool,
) -> None:
    """Say which decoding parameters a request would be made with.

    With --config the engine is asked for its defaults, with --dialect nobody is; otherwise a
    running proxy explains. No request is made to the model.
    """
    body = _body(settings)
    chosen = cast("Mode | None", mode)
    _fit(dialect, file, engine_version, key, route)
    if dialect is not None:
        document = _explain_dialect(dialect, engine_version, model, body, chosen)
    elif file is not None:
        document = asyncio.run(_explain_config(file, model, key, body, route or "chat", chosen))
    else:
        secret = os.environ.get(api_key_env)
        document = asyncio.run(_ask_proxy(url, secret, model, body, route or "chat", chosen))
    if as_json:
        print_json(document)
    else:
        print_head(document)
        print_record(document)
    if is_refused(document):
        sys.exit(FAILED)


def _fit(
    dialect: str | None,
    file: Path | None,
    engine_version: str | None,
    key: str | None,
    route: str | None,
) -> None:
    """Refuse options that mean nothing beside the others."""
    if dialect is None and engine_version is not None:
        raise ConfigError("--engine-version: needs --dialect; a running engine tells its own")
    if dialect is not None and file is not None:
        raise ConfigError("--dialect: asks no config; leave it or --config out")
    if dialect is not None and route is not None:
        raise ConfigError("--route: a dialect is of one route; leave it or --dialect out")
    if key is not None and file is None:
        raise ConfigError("--key: needs --config, where the keys stand")


def _body(settings: tuple[str, ...]) -> dict[str, Any]:
    try:
        pairs = [parse_setting(text) for text in settings]
    except DecodingError as error:
        raise ConfigError(f"--set {error}") from error
    body: dict[str, Any] = {}
    for number, (path, value) in enumerate(pairs):
        for other, before in pairs[:number]:
            _check_pair((path, value), (other, before))
        there = at(body, path)
        whole = {**there, **value} if isinstance(there, dict) else value
        body = edited(body, (), {path: whole})
    try:
        return parse(json.dumps(body).encode())  # what the proxy would refuse is refused here too
    except RequestError as error:
        raise ConfigError(f"--set {error.message}") from error


def _check_pair(one: tuple[str, Any], two: tuple[str, Any]) -> None:
    """Refuse a path twice, and one that leads into what another setting makes no object."""
    (outer, value), (inner, _) = sorted((one, two), key=lambda pair: len(pair[0]))
    if outer == inner:
        raise ConfigError(f"--set: {outer} stands there twice; keep one of them")
    if not inner.startswith(f"{outer}."):
        return
    child = inner.removeprefix(f"{outer}.").partition(".")[0]
    if not isinstance(value, dict) or child in value:
        raise ConfigError(
            f"--set: {outer} and {inner} say different things of one place; keep one of them"
        )


def _explain_dialect(
    name: str, version: str | None, model: str, body: dict[str, Any], mode: Mode | None
) -> dict[str, Any]:
    dialect = DIALECTS.get(name)
    if dialect is None:
        raise ConfigError(f"--dialect: there is no {name!r}; {nearest(name, list(DIALECTS))}")
    plain, chosen = split_model(model)
    if plain.startswith("@") or plain.endswith("@"):
        raise ConfigError(f"--model: {model!r} has half a profile; write model@profile, or model")
    if chosen is not None and chosen not in PROFILES:
        raise ConfigError(f"--model: no profile {chosen!r}; {nearest(chosen, list(PROFILES))}")
    profiles = (PROFILES[chosen],) if chosen is not None else ()
    if version is not None and not is_version(version):
        raise ConfigError(f"--engine-version: {version!r} is no version; write it as in 0.5.4")
    _note(dialect, version, plain)
    facts = EngineFacts(dialect.engine, version=version)
    found = resolve(
        body, dialect, model=plain, facts=facts, profiles=profiles, mode=mode or "report"
    )
    return found.record.document()


def _note(dialect: Dialect, version: str | None, model: str) -> None:
    """Say what the table alone cannot tell."""
    spoken = variant_of(dialect, model)
    if spoken is not dialect:
        click.echo(f"the proxy would speak {spoken.name} to {model}", err=True)
    rules = rules_of(dialect, version)
    settings = [name for name, rule in rules.items() if rule.from_server]
    if settings:
        click.echo(
            f"the defaults are the table's; a server's own settings may replace them for "
            f"{', '.join(settings)}",
            err=True,
        )


async def _explain_config(
    file: Path, name: str, key: str | None, body: dict[str, Any], route: str, mode: Mode | None
) -> dict[str, Any]:
    config = load(file)
    caller = _caller(config, key)
    try:
        served, profiles = Catalog(config).find(name, None, caller.profile)
    except ModelNotFound as error:
        raise ConfigError(f"--{error.message}") from error
    asking = Asking(served, ROUTES[route], route, caller, profiles, mode)
    async with AsyncExitStack() as stack:
        hosted = None
        if served.model.via == "litellm":
            hosted = await stack.enter_async_context(LitellmClient())
        models = {served.name: served.model}
        monitor = await stack.enter_async_context(EngineMonitor(models, _unnoted))
        if monitor.problems().get(served.name) == NOT_YET:  # the monitor tells all others itself
            where = f"{served.name} at {served.model.base_url}"
            click.echo(f"the defaults of {where} are not known: it takes too long", err=True)
        decoder = Decoder(monitor, Policies(config.policy, _unnoted))
        try:
            decoded = await explained(hosted, decoder, asking, {"model": name, **body})
        except RequestError as error:
            raise ConfigError(f"--route {error.message}") from error
    document: dict[str, Any] = json.loads(decoded.document)
    return document


def _unnoted(event: object) -> None:
    """Keep no journal: explaining leaves nothing behind."""


def _caller(config: Config, name: str | None) -> Caller:
    if name is None:
        return Caller()
    if name not in config.keys:
        raise ConfigError(f"--key: there is no key {name!r}; {nearest(name, list(config.keys))}")
    key = config.keys[name]
    return Caller(name, key.profile, key.mode, key.tags)


async def _ask_proxy(
    url: str, secret: str | None, model: str, body: dict[str, Any], route: str, mode: Mode | None
) -> dict[str, Any]:
    where = f"{url.rstrip('/').removesuffix('/v1')}/v1/decoding/explain"
    headers: dict[str, str] = {"evenhand-mode": mode} if mode else {}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    try:
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            answer = await client.post(
                where, params={"route": route}, headers=headers, json={"model": model, **body}
            )
            document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise EngineError(
            f"--url: no proxy explains at {url}; start one, or give --config or --dialect"
        ) from error
    if answer.status_code != httpx.codes.OK:
        said = document.get("error", {}).get("message", answer.text)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            said += (
                " Here that is the variable that --api-key-env names, OPENAI_API_KEY by default."
            )
        raise ConfigError(f"the proxy at {url}: {said}")
    return document
