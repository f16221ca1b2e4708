"""`evenhand eval rescore`: score a run again from its log."""

from pathlib import Path

import click

from evenhand_evals.cli.output import (
    find_task,
    json_option,
    note,
    print_json,
    print_result,
    print_table,
)
from evenhand_evals.errors import UsageError
from evenhand_evals.rescore import rescore, write_rescored
from evenhand_evals.results import load_run
from evenhand_evals.settings import data_source

SHOWN = 20


@click.command(name="rescore")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="The data of the run.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write the run as scored now."
)
@click.option("--task", help="The file of the run's task, where it is one of your own.")
@json_option
def rescore_run(
    run: Path, data: Path | None, out: Path | None, task: str | None, as_json: bool
) -> None:
    """Score RUN again with the scorers of this version; no request is made, RUN stays as it is."""
    earlier = load_run(run)
    scored_by = find_task(task or _shipped(earlier.manifest.task.name))
    facts = earlier.manifest.dataset
    source = data_source(data, earlier.manifest.seed, facts.options)
    found = rescore(earlier, scored_by, scored_by.load(source))
    scored = write_rescored(found, out) if out is not None else found.run
    if as_json:
        print_json({"manifest": scored.manifest, "result": scored.result, "changed": found.changed})
        return
    print_result(scored.manifest, scored.result)
    click.echo(f"{len(found.changed)} of {len(scored.records)} verdicts changed")
    if found.changed:
        rows = [
            (each.item, str(each.repeat), each.before[0], each.after[0])
            for each in found.changed[:SHOWN]
        ]
        print_table(("item", "repeat", "was", "is"), rows)
    if out is not None:
        click.echo(f"run: {out}")
    else:
        note("note: nothing was written; --out FOLDER keeps the run as it is scored now")


def _shipped(name: str) -> str:
    """Check that a task of that name comes with the package; one of the user's is in a file."""
    from evenhand_evals.tasks import TASKS

    if name not in TASKS:
        raise UsageError(f"--task: RUN is of a task of your own, {name!r}; name its YAML file")
    return name
