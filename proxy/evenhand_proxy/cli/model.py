"""`evenhand model`: the local models that are known by name, and the fetching of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from evenhand_proxy.cli.output import (
    data_dir_option,
    json_option,
    print_json,
    print_table,
    resolve_data_dir,
)
from evenhand_proxy.engines import fetch
from evenhand_proxy.engines.catalog import MODELS, LocalModel, is_present, known_model, place


@click.group("model")
def model_group() -> None:
    """Fetch and list local models."""


@model_group.command("list")
@json_option
@data_dir_option
def list_models(as_json: bool, data_dir: Path | None) -> None:
    """List the local models and where their files are."""
    folder = models_folder(resolve_data_dir(data_dir))
    if as_json:
        print_json({"models": [_describe(model, folder) for model in MODELS.values()]})
        return
    print_table(
        ["name", "model", "size", "languages", "licence", "where", "sha256"],
        [_row(model, folder) for model in MODELS.values()],
    )


@model_group.command("get")
@click.argument("name")
@json_option
@data_dir_option
def get_model(name: str, as_json: bool, data_dir: Path | None) -> None:
    """Fetch the model NAME unless it is there, check it, and print its path."""
    model = known_model(name)
    _, path = asyncio.run(ensure_local(name, resolve_data_dir(data_dir)))
    if as_json:
        print_json({"name": model.name, "path": str(path), "sha256": model.sha256})
    else:
        click.echo(str(path))


async def ensure_local(text: str, data_dir: Path) -> tuple[str, Path]:
    """Give name and checked file of what the user wrote after `--local`.

    A catalogue model that is missing is fetched, with a progress bar on standard error.
    """
    with _progress_bar(text) as progress:
        found = await fetch.provide(text, models_folder(data_dir), progress)
    return found.name, found.path


def models_folder(data_dir: Path) -> Path:
    """Say in which folder the fetched models lie."""
    return data_dir / "models"


@contextmanager
def _progress_bar(title: str) -> Iterator[fetch.Progress]:
    """Show a bar as soon as the first bytes are reported; in a pipe, one line at the beginning."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(f"fetching {title}", total=None, visible=False)
        seen = False

        def advance(done: int, total: int) -> None:
            nonlocal seen
            if not seen and not console.is_terminal:
                click.echo(f"fetching {title} ({_megabytes(total)})", err=True)
            seen = True
            bar.update(task, completed=done, total=total, visible=True)

        yield advance


def _describe(model: LocalModel, folder: Path) -> dict[str, Any]:
    """Give one model as JSON; `path` is left out where the file is not there."""
    where = {"path": str(place(model, folder))} if is_present(model, folder) else {}
    return {
        "name": model.name,
        "title": model.title,
        "size_bytes": model.size_bytes,
        "context": model.context,
        "languages": list(model.languages),
        "licence": model.licence,
        "sha256": model.sha256,
        "fetched": bool(where),
        **where,
    }


def _row(model: LocalModel, folder: Path) -> list[str]:
    return [
        model.name,
        model.title,
        _megabytes(model.size_bytes),
        ", ".join(model.languages),
        model.licence,
        str(place(model, folder)) if is_present(model, folder) else "not fetched",
        model.sha256,
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
