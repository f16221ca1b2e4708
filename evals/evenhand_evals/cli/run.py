"""`evenhand eval run`: evaluate a model behind an endpoint."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from evenhand_evals.cache import default_folder
from evenhand_evals.cli.endpoints import Concurrency, judge_of, judge_options, model_options
from evenhand_evals.cli.output import (
    find_task,
    json_option,
    note,
    note_none_scored,
    print_json,
    print_result,
)
from evenhand_evals.cli.prompt import print_prompt
from evenhand_evals.cli.ranges import SEED
from evenhand_evals.cli.root import INTERRUPTED, NONE_SCORED
from evenhand_evals.endpoint.idle import check_acting
from evenhand_evals.errors import UsageError
from evenhand_evals.first_prompt import first_prompt
from evenhand_evals.manifest import MANIFEST_NAME
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import run_task
from evenhand_evals.settings import (
    CONCURRENCY,
    RunSettings,
    normalise_url,
    parse_options,
    parse_settings,
)
from evenhand_evals.types import Task

T = TypeVar("T")


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fast event loop where there is one."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _show(run: RunData, *, as_json: bool) -> None:
    if as_json:
        print_json({"out": str(run.path), "manifest": run.manifest, "result": run.result})
        return
    print_result(run.manifest, run.result)
    click.echo(f"run: {run.path}")
    if run.result.outcomes["failed"]:
        note("note: the same command with --resume asks the failed samples again")


def _run(task: Task, settings: RunSettings) -> RunData | None:
    try:
        return run_async(run_task(task, settings))
    except KeyboardInterrupt:
        if not (settings.out / MANIFEST_NAME).exists():
            raise
        return None


@click.command()
@click.argument("task")
@model_options
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder; must be named."
)
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Ask only this many items, drawn by seed."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of order and drawing.")
@click.option(
    "--concurrency",
    type=Concurrency(),
    default=CONCURRENCY,
    show_default=True,
    help="Requests under way at once; auto finds out what the endpoint takes.",
)
@click.option("--data", type=click.Path(path_type=Path), help="A file, a folder or a data set.")
@click.option(
    "--task-set",
    "task_texts",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set one option of the task, such as lengths=8192,32768.",
)
@click.option(
    "--cache/--no-cache",
    "caching",
    default=True,
    show_default=True,
    help="Use and keep answers to the very same requests.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out if there is one.")
@click.option(
    "--show-prompt", is_flag=True, help="Print the exact prompt that comes first, and end."
)
@judge_options
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    task: str,
    base_url: str,
    texts: tuple[str, ...],
    task_texts: tuple[str, ...],
    as_json: bool,
    show_prompt: bool,
    **options: Any,
) -> None:
    """Evaluate a model behind an OpenAI-style endpoint on TASK: a name, or a YAML file of yours.

    What --profile and --set name is sent, the task's token budget, and with --mode pin every
    default that is known of the engine, so that none acts unseen. Ctrl-C keeps what is done (exit
    code 130); --resume goes on. Exit code 3 if the endpoint failed.
    """
    if options["out"] is None and not show_prompt:
        raise UsageError("--out: name a folder for the run")
    options["out"] = options["out"] or Path()
    judge = judge_of(options)
    cache = default_folder() if options.pop("caching") else None
    settings = RunSettings(
        base_url=normalise_url(base_url),
        judge=judge,
        cache=cache,
        parameters=parse_settings(texts, options["repeats"]),
        options=parse_options(task_texts),
        **options,
    )
    found = find_task(task)
    check_acting(found, settings)
    if show_prompt:
        print_prompt(first_prompt(found, settings), as_json=as_json)
        return
    finished = _run(found, settings)
    shown = finished or load_run(settings.out)
    _show(shown, as_json=as_json)
    if finished is None:
        note("evenhand: interrupted; the same command with --resume goes on")
        ctx.exit(INTERRUPTED)
    if shown.result.score is None:
        note_none_scored(shown)
        ctx.exit(NONE_SCORED)
