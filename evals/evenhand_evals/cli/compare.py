"""`evenhand eval compare`: whether two runs really differ, and which settings do."""

import json
from pathlib import Path

import click

from evenhand_evals.cli.output import json_option, note, print_json, print_table
from evenhand_evals.cli.ranges import SEED, FiniteRange
from evenhand_evals.compare import Comparison, Setting, Side, compare_runs
from evenhand_evals.results import load_run
from evenhand_evals.stats.verdict import format_p

FAILED = 1

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("a", type=_FOLDER)
@click.argument("b", type=_FOLDER)
@click.option(
    "--fail-over",
    type=FiniteRange(min=0),
    metavar="POINTS",
    help="Exit with 1 if the difference is significant and larger than this, in points, or in the "
    "metric's own unit (perplexities).",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the resampling.")
@click.option("--force", is_flag=True, help="Compare runs of different data, with a warning.")
@json_option
@click.pass_context
def compare(
    ctx: click.Context,
    a: Path,
    b: Path,
    fail_over: float | None,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """Compare run A with run B, paired on their items; differences are A minus B."""
    result = compare_runs(load_run(a), load_run(b), seed=seed, force=force)
    for warning in result.warnings:
        note(f"warning: {warning}")
    if as_json:
        print_json(result.document())
    else:
        print_comparison(result)
    if fail_over is not None and result.significant and abs(result.difference) > fail_over:
        over = f"{fail_over:g}{' points' if result.unit == 'points' else ''}"
        note(f"evenhand: the difference is significant and larger than {over}")
        ctx.exit(FAILED)


def print_comparison(result: Comparison) -> None:
    """Print a comparison: the settings that differ, the two scores, the test, the verdict."""
    _print_settings(result)
    click.echo("")
    print_table(
        ("run", "model", result.metric, "95 % interval", "items"),
        [_side_row(result.a), _side_row(result.b)],
    )
    p = format_p(result.p) + (f" (mid-p {result.mid_p:.2g})" if result.mid_p is not None else "")
    drawn = f", {result.draws} draws" if result.draws else ""
    click.echo(
        f"\ndifference: {result.text(result.difference)}{_unit(result)}, {_interval(result)}\n"
        f"test: {result.test}{drawn}, {p}; {result.discordant} of {result.items} items differ"
        + (f"; {result.left_out} items left out" if result.left_out else "")
    )
    for each in result.notes:
        click.echo(f"note: {each}")
    click.echo(f"\nverdict: {result.verdict}")


def _interval(result: Comparison) -> str:
    if result.interval == "none":
        return "no interval"
    low, high = result.text(result.low), result.text(result.high)
    return f"95 % interval {low} to {high} ({result.interval})"


def _unit(result: Comparison) -> str:
    """Write what stands after a difference."""
    better = " (lower is better)" if result.lower_is_better else ""
    return f"{' points' if result.unit == 'points' else ''}{better}"


def _side_row(side: Side) -> tuple[str, ...]:
    score = side.score
    return side.label, side.model, score.text(), score.interval, str(score.n)


def _value(setting: Setting, key: str) -> str:
    if key in setting.values:
        return json.dumps(setting.values[key], ensure_ascii=False)
    return "not set" if key == "requested" else "unknown"


def _cells(setting: Setting) -> tuple[str, str]:
    effective = _value(setting, "effective")
    origin = ", ".join(each for each in (setting.source, setting.evidence) if each)
    if "effective" in setting.values and origin:
        effective = f"{effective} ({origin})"
    return _value(setting, "requested"), effective


def _print_settings(result: Comparison) -> None:
    if not result.parameters:
        click.echo("no decoding parameter differs")
        return
    a, b = result.a.label, result.b.label
    print_table(
        ("parameter", f"{a}: asked", f"{a}: used", f"{b}: asked", f"{b}: used"),
        [(each.name, *_cells(each.a), *_cells(each.b)) for each in result.parameters],
    )
