"""`evenhand eval check`: check a task's file and show its first prompt, asking nobody."""

from pathlib import Path

import click

from evenhand_evals.cli.output import json_option, print_json
from evenhand_evals.cli.prompt import shown_message
from evenhand_evals.cli.ranges import SEED
from evenhand_evals.own.task import read_own_task
from evenhand_evals.run import order
from evenhand_evals.settings import data_source
from evenhand_evals.types import Chat, Likelihood, Sample, Text


@click.command()
@click.argument("task", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="Other data than the file names.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of order and drawing.")
@json_option
def check(task: Path, data: Path | None, seed: int, as_json: bool) -> None:
    """Check the task in the YAML file TASK and its data, and show the prompt asked first."""
    own = read_own_task(task)
    dataset = own.load(data_source(data, seed))
    first = order(dataset.samples, seed)[0]
    if as_json:
        print_json(
            {
                "name": own.name,
                "version": own.version,
                "interface": own.interface,
                "metric": own.headline,
                "items": len(dataset.samples),
                "data": dataset.source,
                "sha256": dataset.sha256,
                "first": {"id": first.id, "ask": first.first, "target": first.target},
            }
        )
        return
    click.echo(f"{own.name}: {own.title} (version {own.version})")
    click.echo(f"{len(dataset.samples)} items of {dataset.source}; asked by {own.interface}")
    click.echo(f"score: {own.headline}\n")
    click.echo(_shown(first))


def _shown(sample: Sample) -> str:
    ask = sample.first
    lines = [f"--- {sample.id}"]
    if isinstance(ask, Chat):
        lines += [shown_message(each) for each in ask.messages]
    elif isinstance(ask, Text):
        lines.append(ask.prompt)
    elif isinstance(ask, Likelihood):
        lines += [ask.context, *(f"[continuation] {each!r}" for each in ask.continuations)]
    return "\n".join([*lines, f"--- target: {sample.target}"])
