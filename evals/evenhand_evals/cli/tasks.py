"""`evenhand eval list`: the tasks, and whether their data is at hand."""

from pathlib import Path

import click

from evenhand_evals.cli.output import json_option, print_json, print_table
from evenhand_evals.errors import DataError
from evenhand_evals.settings import data_source
from evenhand_evals.types import Task


def _items(task: Task, path: Path | None) -> int | None:
    try:
        return len(task.load(data_source(path)).samples)
    except DataError:
        return None


@click.command(name="list")
@json_option
def list_tasks(as_json: bool) -> None:
    """List the tasks.

    With --json: {"tasks": [{"name", "title", "headline", "version", "max_tokens", "items",
    "data"}]}, where items is null if the data is not at hand.
    """
    from evenhand_evals.tasks import TASKS

    counted = [(task, _items(task, None)) for task in TASKS.values()]
    if as_json:
        facts = ("name", "title", "headline", "version", "max_tokens", "data")
        print_json(
            {
                "tasks": [
                    {**{fact: getattr(task, fact) for fact in facts}, "items": items}
                    for task, items in counted
                ]
            }
        )
        return
    print_table(
        ("task", "title", "headline", "items", "data"),
        [
            (
                task.name,
                task.title,
                task.headline,
                "not at hand" if items is None else str(items),
                task.data,
            )
            for task, items in counted
        ],
    )
