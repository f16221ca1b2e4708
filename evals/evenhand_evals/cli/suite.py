"""`evenhand eval suite`: many tasks on one or several models, in one go and one report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from evenhand_evals.cache import default_folder
from evenhand_evals.cli.endpoints import chosen_model_options, judge_of, judge_options
from evenhand_evals.cli.output import json_option, note, print_json, print_table
from evenhand_evals.cli.ranges import SEED
from evenhand_evals.cli.root import INTERRUPTED, NONE_SCORED
from evenhand_evals.cli.run import run_async
from evenhand_evals.cli.suite_table import COLUMNS, cells, showing
from evenhand_evals.errors import UsageError
from evenhand_evals.extras import require
from evenhand_evals.run import check_out
from evenhand_evals.settings import Target, parse_settings
from evenhand_evals.suite.check import check_suite
from evenhand_evals.suite.file import (
    JudgeEntry,
    ModelEntry,
    Suite,
    folder_fault,
    read_suite,
    suite_text,
)
from evenhand_evals.suite.folder import check_folder, document_of, runs_before
from evenhand_evals.suite.plan import LeftOut, Narrowing, PlannedRun, plan_suite
from evenhand_evals.suite.run import Spending, finished, run_suite
from evenhand_evals.suite.standing import Finished, Standing
from evenhand_evals.yaml_tree import Document

REPORT_NAME = "report.html"
REFUSED = 2


@click.command()
@click.argument("suite")
@chosen_model_options
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the suite's runs."
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Ask at most this many items of each task."
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only tasks of these names.")
@click.option("--skip", multiple=True, metavar="PATTERN", help="No tasks of these names.")
@click.option("--seed", type=SEED, help="Seed of order and drawing, in place of the suite's.")
@click.option(
    "--strict-data", is_flag=True, help="End, before anything is asked, if a task has no data."
)
@click.option(
    "--cache/--no-cache",
    "caching",
    default=True,
    show_default=True,
    help="Use and keep answers to the very same requests.",
)
@judge_options
@click.option("--show", is_flag=True, help="Print the suite's YAML, to be copied, and end.")
@json_option
@click.pass_context
def suite(
    ctx: click.Context, /, suite: str, as_json: bool, strict_data: bool, show: bool, **options: Any
) -> None:
    """Run the tasks of SUITE, a YAML file or the name of a shipped suite such as glm-4.

    --base-url and --model ask that model in place of those in the file. Every run has its folder
    OUT/MODEL/TASK, and the same command goes on where a killed or stopped suite was. A task whose
    data is not at hand, or that the endpoint cannot be asked, is left out and listed. All that the
    file says is checked before anything is asked. To change a shipped suite, copy it: evenhand eval
    suite glm-4 --show > mine.yaml. Exit code 2 if the suite has to be corrected, 3 if an endpoint
    cannot be used or failed, or nothing could be scored.
    """
    if show:
        click.echo(suite_text(suite), nl=False)
        return
    require("a suite's report", "jinja2")
    document = _with_options(read_suite(suite), options)
    out = options["out"] or document.value.out
    if out is None:
        raise UsageError("--out: name a folder for the runs, or give the suite the key out")
    cache = default_folder() if options["caching"] else None
    narrowing = Narrowing(options["limit"], options["only"], options["skip"])
    runs, left = plan_suite(document, out, cache, narrowing)
    check_out(out, resume=True)
    check_folder(out, runs)
    run_async(check_suite(runs, strict=strict_data))
    before = runs_before(document, out, runs)
    ended, interrupted = _run(runs, left, before, out, document.value)
    _report(document.value, ended, out, as_json=as_json)
    if interrupted:
        note("evenhand: interrupted; the same command goes on")
    ctx.exit(INTERRUPTED if interrupted else _exit_code(ended))


def _with_options(document: Document[Suite], options: dict[str, Any]) -> Document[Suite]:
    """Put the model, the judge and the seed of the command line in the place of the file's.

    What they replace has no line in the file any more, so that errors name the options.
    """
    suite = document.value
    url, model = options["base_url"], options["model"]
    texts = options["texts"]
    if (url is None) != (model is None):
        raise UsageError("--base-url and --model: a model needs both")
    if url is None and (options["profile"] or texts):
        raise UsageError("--profile and --set: belong to the model of --base-url and --model")
    judge = judge_of(options)
    if url is not None:
        entry = ModelEntry(
            url,
            model,
            profile=options["profile"],
            parameters=parse_settings(texts),
            key_variable=options["key_variable"],
            engine=options["engine"],
            mode=options["mode"],
            interface=options["interface"],
            template=options["template"],
            timeout=options["timeout"],
        )
        fault = folder_fault(entry.label)
        if fault is not None:
            raise UsageError(
                f"--model: {model!r} {fault}, and is to be a folder's name; put the model into a "
                "suite's file, and give it another name there"
            )
        suite = replace(suite, models=(entry,))
    if judge is not None:
        suite = replace(suite, judge=_judge(judge))
    if options["stream"]:
        suite = replace(suite, stream=True)
    if options["seed"] is not None:
        suite = replace(suite, seed=options["seed"])
    given = {"models": url, "judge": judge}
    lines = {
        key: line for key, line in document.lines.items() if given.get(key.split(".")[0]) is None
    }
    return replace(document, value=suite, lines=lines)


def _judge(target: Target) -> JudgeEntry:
    return JudgeEntry(
        target.base_url,
        target.model,
        target.profile,
        target.parameters,
        target.key_variable,
        target.engine,
        target.mode,
        target.timeout,
    )


def _run(
    runs: Sequence[PlannedRun],
    left: Sequence[LeftOut],
    before: Sequence[Standing],
    out: Path,
    suite: Suite,
) -> tuple[Finished, bool]:
    """Run the suite; Ctrl-C ends it with what is done."""
    board = [Standing(run) for run in runs]
    spending = Spending(suite.budget)
    with showing(board) as viewer:
        try:
            return run_async(run_suite(left, out, spending, board, viewer, before)), False
        except KeyboardInterrupt:
            return finished(board, left, spending, before), True


def _report(suite: Suite, ended: Finished, out: Path, *, as_json: bool) -> None:
    from evenhand_evals.report.suite import render_suite

    render_suite(suite.title, ended, out / REPORT_NAME)
    asked = [each for each in ended.standings if each.asked]
    if as_json:
        print_json(document_of(ended))
    else:
        print_table(COLUMNS, [_row(each) for each in asked])
        click.echo("")
        for standing in asked:
            if standing.reason:
                click.echo(f"{standing.state}: {standing.run.name}: {standing.reason}")
            for text in standing.notes:
                click.echo(f"note: {standing.run.name}: {text}")
        for each in ended.left:
            click.echo(f"left out: {each.task}: {each.reason}")
        click.echo(
            f"{ended.seconds:.0f} s, {ended.requests} requests, "
            f"{ended.completion_tokens} tokens out"
        )
    for standing in asked:
        if as_json and standing.state in ("refused", "failed"):
            note(f"evenhand: {standing.run.name}: {standing.reason}")
    if ended.reached is not None:
        note(f"note: the budget of {ended.reached} is spent; the same command goes on")
    others = len(ended.standings) - len(asked)
    more = f", with {others} other runs of the folder" if others else ""
    note(f"report: {out / REPORT_NAME}{more}")


def _row(standing: Standing) -> tuple[str, ...]:
    """Give a run's row; the reasons stand below the table, where there is room for them."""
    model, task, state, samples, score, failed = cells(standing)
    return model, task, state, samples, score if standing.score else "", failed


def _exit_code(ended: Finished) -> int:
    asked = [each for each in ended.standings if each.asked]
    states = {each.state for each in asked}
    if "refused" in states:
        return REFUSED
    scored = any(each.data is not None and each.data.result.score for each in asked)
    return NONE_SCORED if "failed" in states or not scored else 0
