"""`evenhand eval run`: evaluate a model behind an endpoint."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from evenhand_evals.cli.output import (
    find_task,
    json_option,
    note,
    note_none_scored,
    print_json,
    print_result,
)
from evenhand_evals.cli.root import INTERRUPTED, NONE_SCORED
from evenhand_evals.manifest import MANIFEST_NAME
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import run_task
from evenhand_evals.settings import (
    CONCURRENCY,
    DEFAULT_KEY_VARIABLE,
    TIMEOUT,
    RunSettings,
    normalise_url,
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
@click.option("--base-url", required=True, help="The endpoint, with or without /v1.")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Run folder."
)
@click.option("--profile", help="A named set of decoding parameters, such as greedy.")
@click.option("--set", "texts", multiple=True, metavar="NAME=VALUE", help="Set one parameter.")
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Ask only this many items, drawn by seed."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of order and drawing.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=CONCURRENCY,
    show_default=True,
    help="Requests under way at once.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Longest wait for one answer, in seconds.",
)
@click.option(
    "--mode",
    type=click.Choice(["pin", "report", "strict"]),
    default="pin",
    show_default=True,
    help="pin sends every default that is known; strict refuses what cannot be honoured.",
)
@click.option(
    "--engine",
    default="auto",
    show_default=True,
    help="The engine behind an endpoint that is no Evenhand proxy.",
)
@click.option("--data", type=click.Path(path_type=Path), help="A file, a folder or a data set.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out if there is one.")
@click.option(
    "--api-key-env",
    "key_variable",
    default=DEFAULT_KEY_VARIABLE,
    show_default=True,
    metavar="NAME",
    help="The environment variable that holds the endpoint's key.",
)
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    task: str,
    base_url: str,
    texts: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Evaluate a model behind an OpenAI-style endpoint on TASK.

    What --profile and --set name is sent, the task's token budget, and with --mode pin every
    default that is known of the engine, so that none acts unseen. Ctrl-C keeps what is done (exit
    code 130); --resume goes on. Exit code 3 if the endpoint failed.
    """
    settings = RunSettings(
        base_url=normalise_url(base_url),
        parameters=parse_settings(texts, options["repeats"]),
        **options,
    )
    finished = _run(find_task(task), settings)
    shown = finished or load_run(settings.out)
    _show(shown, as_json=as_json)
    if finished is None:
        note("evenhand: interrupted; the same command with --resume goes on")
        ctx.exit(INTERRUPTED)
    if shown.result.score is None:
        note_none_scored(shown)
        ctx.exit(NONE_SCORED)
