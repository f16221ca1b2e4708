"""Printing a decoding record as people read it: a table, then the reasons."""

import json
from collections.abc import Mapping
from typing import Any

import click

from evenhand_proxy.cli.output import print_table

VALUES = ("requested", "sent", "effective")
WORDS = ("source", "action", "evidence")

MANY = 8
"""So many parameters that nobody set, and of which the same one thing is known, share one line."""


def print_record(document: Mapping[str, Any]) -> None:
    """Print a decoding record: one row for each parameter, then why values differ.

    Values are JSON: an empty cell is absent, `null` is null, `0` is zero. Parameters that nobody
    set, and of which nothing is known, share one line.
    """
    parameters: Mapping[str, Mapping[str, Any]] = document.get("parameters", {})
    reasons: dict[str, list[str]] = {}
    for name, record in parameters.items():
        if "reason" in record:
            reasons.setdefault(record["reason"], []).append(name)
    folded = {
        name
        for names in reasons.values()
        for name in names
        if len(names) > MANY and all(_empty(parameters[each]) for each in names)
    }
    print_table(
        ("parameter", *VALUES, *WORDS),
        [
            (
                name,
                *(_json(record[key]) if key in record else "" for key in VALUES),
                *(record.get(key, "") for key in WORDS),
            )
            for name, record in parameters.items()
            if name not in folded
        ],
    )
    if reasons:
        click.echo()
    for reason, names in reasons.items():
        if names[0] in folded:
            click.echo(f"{len(names)} parameters that nobody set: {reason}")
        else:
            click.echo(f"{', '.join(names)}: {reason}")
    _print_policy(document.get("policy"))


def is_refused(document: Mapping[str, Any]) -> bool:
    """Whether the request of a record is not made."""
    parameters: Mapping[str, Mapping[str, Any]] = document.get("parameters", {})
    return any(record.get("action") == "refused" for record in parameters.values())


def print_head(document: Mapping[str, Any]) -> None:
    """Say what the record is of, as far as it says so itself."""
    named = [f"{key} {document[key]}" for key in ("model", "engine", "mode") if key in document]
    if "fingerprint" in document:
        named.append(f"fingerprint {document['fingerprint'][:12]}")
    if named:
        click.echo(f"{', '.join(named)}\n")


def _empty(record: Mapping[str, Any]) -> bool:
    return not any(key in record for key in VALUES)


def _print_policy(policy: Mapping[str, Any] | None) -> None:
    if policy is None:
        return
    digest = policy["digest"]
    click.echo("\nno policy" if digest is None else f"\npolicy {digest[:12]}")
    for hit in policy["hits"]:
        click.echo(f"{'enforced' if hit['enforced'] else 'shadowed'}: {hit['reason']}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
