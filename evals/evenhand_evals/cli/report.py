"""`evenhand eval report`: one HTML file about some runs."""

from pathlib import Path

import click

from evenhand_evals.cli.output import note
from evenhand_evals.extras import require
from evenhand_evals.results import load_run


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file to write.",
)
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Write one self-contained HTML file about RUNS, with plots and the differing answers."""
    require("a report", "jinja2")
    from evenhand_evals.report import render

    loaded = [load_run(folder) for folder in runs]
    out.parent.mkdir(parents=True, exist_ok=True)
    render(loaded, out)
    note(f"report: {out}")
