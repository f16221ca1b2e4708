"""What the commands share: `--json`, finding a task, and printing results."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from evenhand_evals.errors import UsageError
from evenhand_evals.latency import Times, milliseconds
from evenhand_evals.manifest import Manifest
from evenhand_evals.overviews import Overview
from evenhand_evals.results import Result, RunData
from evenhand_evals.settings import nearest_names
from evenhand_evals.thinking import thinking_text
from evenhand_evals.types import Estimate, Task

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json`: one document on standard output and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def find_task(name: str) -> Task:
    """Give the task of that name, or the one that a YAML file of that name describes.

    Raises:
        UsageError: there is none; the message names the nearest.

    """
    from evenhand_evals.own.task import is_own_task, read_own_task
    from evenhand_evals.tasks import TASKS

    if is_own_task(name):
        return read_own_task(Path(name))
    if name not in TASKS:
        raise UsageError(f"TASK: there is no task {name!r}; {nearest_names(name, sorted(TASKS))}")
    return TASKS[name]


def print_json(document: Any) -> None:
    """Print one JSON document on standard output, Chinese text as it is."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output, as wide as the terminal or 120 columns in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def note(text: str) -> None:
    """Say something on standard error."""
    click.echo(text, err=True)


def note_none_scored(run: RunData) -> None:
    """Say on standard error that a run has no score, and the first reason."""
    reasons = [record.reason for record in run.records if record.reason]
    why = f"the first failed with {reasons[0]}" if reasons else "the run holds none"
    note(f"evenhand: no sample could be scored; {why}")


def _metric_row(name: str, estimate: Estimate) -> tuple[str, ...]:
    return name, estimate.text(), estimate.interval, str(estimate.n), estimate.method


def print_result(manifest: Manifest, result: Result) -> None:
    """Print a result: the headline, every metric, the outcomes, tokens, time and warnings."""
    from evenhand_evals.progress import format_score

    click.echo(f"{manifest.task.title}: {manifest.sent_model}")
    score = format_score(result.score) if result.score else "no sample could be scored"
    click.echo(f"{result.headline}: {score}\n")
    print_table(
        ("metric", "points", "95 % interval", "items", "method"),
        [_metric_row(name, each) for name, each in _headline_first(result)],
    )
    for name, each in _headline_first(result):
        if each.detail:
            click.echo(f"{name}: {each.detail}")
    click.echo("")
    if result.overview:
        _print_overview(result.overview)
    print_table(list(result.outcomes), [[str(number) for number in result.outcomes.values()]])
    if result.unparsed_answers:
        shown = (f"{text!r} x{count}" for text, count in result.unparsed_answers.items())
        click.echo(f"\nwhat else came out: {'; '.join(shown)}")
    if result.bounds:
        click.echo(
            f"\nif every failed sample had been wrong: {100 * result.bounds.worst:.1f}; "
            f"if right: {100 * result.bounds.best:.1f}"
        )
    tokens = result.tokens
    click.echo(
        f"\n{result.samples} of {result.planned} samples, {result.items} items; "
        f"{result.duration:.1f} s; tokens in {tokens.prompt}, out {tokens.completion} "
        f"(reported for {tokens.reported} samples)"
    )
    if result.thinking:
        click.echo(f"thinking, not scored: {thinking_text(result.thinking)}")
    if result.latency:
        times = result.latency
        per_token = f"; per output token {_times(times.per_token)}" if times.per_token else ""
        click.echo(
            f"first token {_times(times.first_token)}{per_token}; "
            f"{times.first_token.n} streams of {result.samples} samples, {times.chunks} chunks"
        )
    for warning in result.warnings:
        note(f"note: {warning}")


def _print_overview(overview: Overview) -> None:
    from evenhand_evals.progress import format_score

    rows = [
        (name, *(each if isinstance(each, str) else format_score(each) for each in cells))
        for name, cells in overview.rows
    ]
    print_table((overview.corner, *overview.columns), rows)
    click.echo(f"{overview.hint}\n")


def _times(times: Times) -> str:
    return f"{milliseconds(times.median)} median, {milliseconds(times.p95)} p95"


def _headline_first(result: Result) -> list[tuple[str, Estimate]]:
    return sorted(result.metrics.items(), key=lambda pair: pair[0] != result.headline)
