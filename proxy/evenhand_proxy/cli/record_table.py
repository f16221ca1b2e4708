"""Printing a decoding record as people read it: a table, then the reasons."""

import json
from collections.abc import Mapping
from typing import Any

import click

from evenhand_proxy.cli.output import print_table

VALUES = ("requested", "sent", "effective")
WORDS = ("source", "action", "evidence")


def print_record(document: Mapping[str, Any]) -> None:
    """Print a decoding record: one row for each parameter, then why values differ.

    Values are JSON: an empty cell is absent, `null` is null, `0` is zero.
    """
    parameters: Mapping[str, Mapping[str, Any]] = document.get("parameters", {})
    print_table(
        ("parameter", *VALUES, *WORDS),
        [
            (
                name,
                *(_json(record[key]) if key in record else "" for key in VALUES),
                *(record.get(key, "") for key in WORDS),
            )
            for name, record in parameters.items()
        ],
    )
    reasons: dict[str, list[str]] = {}
    for name, record in parameters.items():
        if "reason" in record:
            reasons.setdefault(record["reason"], []).append(name)
    if reasons:
        click.echo()
    for reason, names in reasons.items():
        click.echo(f"{', '.join(names)}: {reason}")
    _print_policy(document.get("policy"))


def _print_policy(policy: Mapping[str, Any] | None) -> None:
    if policy is None:
        return
    click.echo(f"\npolicy {policy['digest'][:12]}")
    for hit in policy["hits"]:
        click.echo(f"{'enforced' if hit['enforced'] else 'shadowed'}: {hit['reason']}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
