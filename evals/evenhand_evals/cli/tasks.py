"""`evenhand eval list`: the tasks, and where their data is."""

from fnmatch import fnmatchcase
from typing import Any

import click

from evenhand_evals.cli.output import json_option, print_json, print_table
from evenhand_evals.errors import EvalError, UsageError
from evenhand_evals.settings import data_source, nearest_names
from evenhand_evals.types import Task

FACTS = ("name", "title", "headline", "version", "interface", "judged", "max_tokens", "data")


def _items(task: Task) -> int | None:
    try:
        return len(task.load(data_source(None)).samples)
    except EvalError:
        return None


def _chosen(patterns: tuple[str, ...]) -> list[Task]:
    from evenhand_evals.tasks import TASKS

    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in TASKS):
            raise UsageError(
                f"PATTERN: no task is called {pattern!r}; {nearest_names(pattern, sorted(TASKS))}"
            )
    fits = (lambda name: any(fnmatchcase(name, each) for each in patterns)) if patterns else bool
    return [task for name, task in TASKS.items() if fits(name)]


@click.command(name="list")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--count", is_flag=True, help="Load the data and count the items.")
@json_option
def list_tasks(patterns: tuple[str, ...], count: bool, as_json: bool) -> None:
    """List the tasks, or those whose names fit a PATTERN such as 'mmlu*'.

    With --json: {"tasks": [{"name", "title", "headline", "version", "interface", "judged",
    "max_tokens", "data"}]}; with --count also "items", null if the data is not at hand.
    """
    tasks = _chosen(patterns)
    if as_json:
        print_json({"tasks": [_document(task, count=count) for task in tasks]})
        return
    counted = ("items",) if count else ()
    print_table(
        ("task", "title", "headline", "asks by", *counted, "data"),
        [_row(task, count=count) for task in tasks],
    )


def _document(task: Task, *, count: bool) -> dict[str, Any]:
    items = {"items": _items(task)} if count else {}
    return {**{fact: getattr(task, fact) for fact in FACTS}, **items}


def _row(task: Task, *, count: bool) -> tuple[str, ...]:
    items = _items(task) if count else None
    counted = ("not at hand" if items is None else str(items),) if count else ()
    asks = f"{task.interface}, judged" if task.judged else task.interface
    return task.name, task.title, task.headline, asks, *counted, task.data
