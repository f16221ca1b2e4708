"""What every command that prints a table shares: `--json`, `--data-dir`, and the printing."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json`: one document on standard output and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def data_dir_option(command: F) -> F:
    """Add `--data-dir`, which says where journal, cache and models live."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Where journal, cache and models live.  [env: EVENHAND_HOME]",
    )(command)


def resolve_data_dir(chosen: Path | None) -> Path:
    """Give the data directory: the option, `EVENHAND_HOME`, or the platform's user data folder."""
    if chosen is not None:
        return chosen
    from_environment = os.environ.get("EVENHAND_HOME")
    if from_environment:
        return Path(from_environment)
    return Path(platformdirs.user_data_dir("evenhand", appauthor=False))


def print_json(document: Any) -> None:
    """Print one JSON document on standard output, Chinese text as it is."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print a table on standard output, as wide as the terminal or 120 columns in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
