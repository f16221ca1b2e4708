"""`evenhand explain`: which settings a request would be made with, and why."""

import asyncio
from pathlib import Path
from typing import Any

import click
import httpx

from evenhand_proxy.api.catalog import Catalog
from evenhand_proxy.cli.output import json_option, print_json
from evenhand_proxy.cli.record_table import print_record
from evenhand_proxy.config_file import load
from evenhand_proxy.decoding import DIALECTS, DecodingError, parse_setting, resolve
from evenhand_proxy.engines.introspect import introspect
from evenhand_proxy.errors import ConfigError, ModelNotFound


@click.command()
@click.option(
    "--config", "file", required=True, type=click.Path(path_type=Path), help="The config file."
)
@click.option("--model", required=True, help="A model, or model@profile.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter the client sends."
)
@click.option(
    "--route", type=click.Choice(["chat", "completions"]), default="chat", show_default=True
)
@json_option
def explain(file: Path, model: str, settings: tuple[str, ...], route: str, as_json: bool) -> None:
    """Say which decoding parameters a request would be made with.

    The engine is asked for its defaults, but no request is made.
    """
    try:
        pairs = [parse_setting(text) for text in settings]
    except DecodingError as error:
        raise ConfigError(f"--set {error}") from error
    body = dict(pairs)
    if len(body) < len(pairs):
        raise ConfigError("--set: the same name stands there twice; keep one of them")
    document = asyncio.run(_explain(file, model, body, route))
    if as_json:
        print_json(document)
    else:
        print_record(document)


async def _explain(file: Path, name: str, body: dict[str, Any], route: str) -> dict[str, Any]:
    config = load(file)
    try:
        served, profile = Catalog(config).find(name, None, None)
    except ModelNotFound as error:
        raise ConfigError(f"--{error.message}") from error
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        found = await introspect(served.model, client)
    if found.problem:
        click.echo(f"the engine's own defaults are not known: {found.problem}", err=True)
    resolution = resolve(
        body,
        DIALECTS[served.model.engine][route],
        model=served.upstream_model,
        facts=found.facts,
        profile=profile,
        mode=served.model.mode,
    )
    return resolution.record.document()
