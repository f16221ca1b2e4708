"""`evenhand config`: check a config file, and show what it amounts to."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

from evenhand_proxy.cli.output import json_option, print_json, print_table
from evenhand_proxy.config_check import check_files
from evenhand_proxy.config_file import load


@click.group("config")
def config_group() -> None:
    """Check and show a config file."""


@config_group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check FILE and the files that it names; the exit code is 0 if all can be used, 2 if not."""
    config = load(file)
    check_files(config, str(file))
    if as_json:
        print_json({"file": str(file), "valid": True, "models": list(config.models)})
    else:
        click.echo(f"{file}: valid; {len(config.models)} model(s): {', '.join(config.models)}")


@config_group.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def show(file: Path, as_json: bool) -> None:
    """Show FILE with every default filled in, environment read, and secrets masked."""
    document = plain(load(file))
    if as_json:
        print_json(document)
        return
    print_table(("key", "value"), [(key, value) for key, value in flat(document)])


def plain(value: Any) -> Any:
    """Give a config tree as plain values; secrets become their mask."""
    if is_dataclass(value) and not isinstance(value, type) and hasattr(value, "text"):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def flat(document: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Give a nested document as rows of dotted key and value."""
    if isinstance(document, dict) and document:
        return [
            row
            for key, value in document.items()
            for row in flat(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    return [(prefix, "" if document in (None, {}) else str(document))]
