"""`evenhand eval score`: score answers that were made elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from evenhand_evals.cli.output import (
    find_task,
    json_option,
    note,
    note_none_scored,
    print_json,
    print_result,
    print_table,
)
from evenhand_evals.cli.root import NONE_SCORED
from evenhand_evals.log import Record
from evenhand_evals.score import Scored, score_responses
from evenhand_evals.settings import data_source

SHOWN = 5


@click.command()
@click.argument("task")
@click.option(
    "--responses",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help='JSON lines: {"id" or "prompt", "response"}; several for one item are repeats.',
)
@click.option("--data", type=click.Path(path_type=Path), help="A file, a folder or a data set.")
@click.option("--items", is_flag=True, help="Print the outcome of every item.")
@json_option
@click.pass_context
def score(
    ctx: click.Context,
    /,
    task: str,
    responses: Path,
    data: Path | None,
    items: bool,
    as_json: bool,
) -> None:
    """Score the answers in a file on TASK, without an endpoint.

    Exit code 3 if no line could be scored: each says that there was no response.

    With --json: {"task", "result", "unknown", "missing"}, and with --items also "items": a list of
    {"item", "repeat", "outcome", "value", "metrics", "extracted", "explanation"}, value null where
    there was no response.
    """
    chosen = find_task(task)
    scored = score_responses(chosen, chosen.load(data_source(data)), responses)
    _show(scored, items=items, as_json=as_json)
    if scored.run.result.score is None:
        note_none_scored(scored.run)
        ctx.exit(NONE_SCORED)


def _show(scored: Scored, *, items: bool, as_json: bool) -> None:
    if as_json:
        print_json(_document(scored, items=items))
        return
    if items:
        print_table(
            ("item", "repeat", "outcome", "value", "read as", "why"),
            [_row(record) for record in scored.run.records],
        )
        click.echo("")
    print_result(scored.run.manifest, scored.run.result)
    _list("lines that belong to no item", scored.unknown)
    _list("items without a response", scored.missing)


def _document(scored: Scored, *, items: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "task": scored.run.manifest.task.name,
        "result": scored.run.result,
        "unknown": scored.unknown,
        "missing": scored.missing,
    }
    if items:
        document["items"] = [_item(record) for record in scored.run.records]
    return document


def _item(record: Record) -> dict[str, Any]:
    given = record.score
    return {
        "item": record.item,
        "repeat": record.repeat,
        "outcome": record.outcome,
        "value": given.value if given else None,
        "metrics": given.metrics if given else {},
        "extracted": given.extracted if given else None,
        "explanation": given.explanation if given else record.reason,
    }


def _row(record: Record) -> tuple[str, ...]:
    facts = _item(record)
    value = "" if facts["value"] is None else f"{facts['value']:g}"
    return (
        record.item,
        str(record.repeat),
        record.outcome,
        value,
        facts["extracted"] or "",
        facts["explanation"] or "",
    )


def _list(title: str, names: Sequence[str]) -> None:
    if names:
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        note(f"note: {len(names)} {title}: {', '.join(names[:SHOWN])}{more}")
