"""`evenhand policy`: check a file of rules, say whom it would hit, show what is in force."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import httpx

from evenhand_proxy.audit.journal import JOURNAL_FILE
from evenhand_proxy.audit.query import list_requests
from evenhand_proxy.cli.moment import Moment
from evenhand_proxy.cli.output import (
    data_dir_option,
    json_option,
    print_json,
    print_table,
    resolve_data_dir,
)
from evenhand_proxy.config import Config
from evenhand_proxy.config_file import load
from evenhand_proxy.decoding import Policy
from evenhand_proxy.decoding.policy_doubts import doubts_about
from evenhand_proxy.decoding.policy_ways import shown
from evenhand_proxy.errors import ConfigError, EngineError
from evenhand_proxy.exchange import Opening
from evenhand_proxy.policy_file import load_policy
from evenhand_proxy.policy_impact import Impact, TagsOf, impact_of

_MOST_GROUPS = 3
_file = click.argument("file", type=click.Path(path_type=Path))


@click.group("policy")
def policy_group() -> None:
    """Check a policy, say whom it would hit, and show the one in force."""


@policy_group.command("check")
@_file
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check FILE; the exit code is 0 if it can be used and 2 if not."""
    policy = load_policy(file)
    rules = [rule.document() for rule in policy.rules]
    warnings = doubts_about(policy.rules)
    if as_json:
        print_json(
            {
                "file": str(file),
                "valid": True,
                "digest": policy.digest,
                "rules": rules,
                "warnings": warnings,
            }
        )
        return
    click.echo(f"{file}: valid; {_counted(policy)}")
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if rules:
        click.echo()
        print_table(("rule", "mode", "does", "to"), [_cells(rule) for rule in rules])


@policy_group.command("impact")
@_file
@click.option("--since", type=Moment(), help="Only newer requests: 15m, 1h, 2d, or ISO 8601.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Look at this many requests at most, the newest.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The proxy's config, which says what has which tag.",
)
@data_dir_option
@json_option
def impact(
    file: Path,
    since: float | None,
    limit: int,
    config_file: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Say how many requests of the journal, and whose, each rule of FILE would have hit."""
    policy = load_policy(file)
    tags = _tags_of(load(config_file)) if config_file is not None else None
    rows = list_requests(resolve_data_dir(data_dir) / JOURNAL_FILE, limit=limit, since=since)
    found = impact_of(policy, rows, tags)
    if as_json:
        rules = [each.document() for each in found]
        print_json({"digest": policy.digest, "requests": len(rows), "rules": rules})
        return
    click.echo(f"{len(rows)} request(s) put to {file}: {_counted(policy)}")
    if found:
        click.echo()
        print_table(
            ("rule", "mode", "does", "would hit", "refuse", "whom"),
            [_impact_cells(each) for each in found],
        )
    if not all(each.known for each in found):
        click.echo("\n?: the journal holds no tags; give --config")


@policy_group.command("show")
@click.option(
    "--url",
    envvar="EVENHAND_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The running proxy.",
)
@click.option(
    "--api-key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    help="The environment variable with the proxy's key.",
)
@json_option
def show(url: str, api_key_env: str, as_json: bool) -> None:
    """Show the policy that a running proxy has in force, and whom it hit so far."""
    document = asyncio.run(_ask(url, os.environ.get(api_key_env)))
    if as_json:
        print_json(document)
        return
    if document["digest"] is None:
        click.echo("no policy is in force")
    else:
        click.echo(f"policy {document['digest']}, in force since {document['loaded_at']}")
    if document["problem"] is not None:
        click.echo(f"its file cannot be used, so it stays: {document['problem']}")
    if document["rules"]:
        click.echo()
        print_table(
            ("rule", "mode", "does", "to", "hit", "keys"),
            [(*_cells(rule), str(rule["requests"]), _keys(rule)) for rule in document["rules"]],
        )


def _counted(policy: Policy) -> str:
    if policy.digest is None:
        return "it has no rules"
    return f"{len(policy.rules)} rule(s), digest {policy.digest}"


def _tags_of(config: Config) -> TagsOf:
    models = {name: model.tags for name, model in config.models.items()}
    keys = {name: key.tags for name, key in config.keys.items()}

    def tags(opening: Opening) -> tuple[str, ...]:
        return (*models.get(opening.model, ()), *keys.get(opening.key_name or "", ()))

    return tags


async def _ask(url: str, key: str | None) -> dict[str, Any]:
    where = f"{url.rstrip('/').removesuffix('/v1')}/v1/policy"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            answer = await client.get(where, headers=headers)
            document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise EngineError(f"--url: no proxy shows a policy at {url}; start one") from error
    if answer.status_code != httpx.codes.OK:
        said = document.get("error", {}).get("message", answer.text)
        raise ConfigError(f"the proxy at {url}: {said}")
    return document


def _cells(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return rule["name"], rule["mode"], _does(rule), _to(rule)


def _does(rule: Mapping[str, Any]) -> str:
    value = f" {shown(rule['value'])}" if "value" in rule else ""
    return f"{rule['action']} {rule['parameter']}{value}"


def _to(rule: Mapping[str, Any]) -> str:
    kinds = [kind for kind in ("models", "keys", "tags", "routes") if kind in rule]
    return "; ".join(f"{kind} {', '.join(rule[kind])}" for kind in kinds) or "all"


def _keys(rule: Mapping[str, Any]) -> str:
    named = [(item["key"] or "no key", item["requests"]) for item in rule["by_key"]]
    return _few([f"{name}: {count}" for name, count in named])


def _impact_cells(each: Impact) -> tuple[str, ...]:
    rule = each.rule.document()
    if not each.known:
        return rule["name"], rule["mode"], _does(rule), "?", "?", ""
    groups = [
        f"{model} {key or 'no key'} {route}: {count}"
        for (model, key, route), count in each.whom.most_common()
    ]
    hit, refused = str(each.whom.total()), str(each.refused)
    return rule["name"], rule["mode"], _does(rule), hit, refused, _few(groups)


def _few(items: Sequence[str]) -> str:
    more = len(items) - _MOST_GROUPS
    return "\n".join([*items[:_MOST_GROUPS], *([f"and {more} more"] if more > 0 else [])])
