"""`evenhand eval cache`: what is kept of earlier answers, and how to be rid of it."""

import time

import click

from evenhand_evals.cache import FILE, Cache, default_folder
from evenhand_evals.cli.output import json_option, print_json, print_table
from evenhand_evals.cli.ranges import FiniteRange
from evenhand_evals.errors import UsageError
from evenhand_evals.settings import Named, normalise_url

DAY = 86_400.0
ENDPOINT = Named(base_url="--endpoint")


@click.command(name="cache")
@click.option("--clean", is_flag=True, help="Delete answers: all, or those that the options fit.")
@click.option("--endpoint", help="Only those of this base URL, with or without /v1.")
@click.option("--model", help="Only those of this model.")
@click.option("--older-than", "days", type=FiniteRange(min=0), help="Only older, in days.")
@json_option
def cache(
    clean: bool, endpoint: str | None, model: str | None, days: float | None, as_json: bool
) -> None:
    """Show the answers that are kept between runs, or delete them with --clean.

    The folder is that of EVENHAND_CACHE, else `evenhand` in the user's cache folder.
    """
    if not clean and (endpoint or model or days is not None):
        raise UsageError("--endpoint, --model and --older-than: say which to delete; add --clean")
    folder = default_folder()
    if not (folder / FILE).exists():
        _show(str(folder / FILE), [], 0 if clean else None, as_json)
        return
    with Cache(folder) as kept:
        deleted = None
        if clean:
            before = None if days is None else time.time() - days * DAY
            url = normalise_url(endpoint, ENDPOINT) if endpoint else None
            deleted = kept.clean(endpoint=url, model=model, before=before)
        rows = [(each.endpoint, each.model, each.answers, each.size) for each in kept.contents()]
    _show(str(folder / FILE), rows, deleted, as_json)


def _show(
    path: str, rows: list[tuple[str, str, int, int]], deleted: int | None, as_json: bool
) -> None:
    names = ("endpoint", "model", "answers", "bytes")
    if as_json:
        kept = [dict(zip(names, row, strict=True)) for row in rows]
        print_json({"path": path, "deleted": deleted, "kept": kept})
        return
    if deleted is not None:
        click.echo(f"{deleted} answers deleted")
    if rows:
        print_table(names, [tuple(map(str, row)) for row in rows])
    else:
        click.echo(f"{path}: no answers are kept")
