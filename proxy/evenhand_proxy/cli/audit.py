"""`evenhand audit`: which requests came, and with which decoding each one was answered."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click

from evenhand_proxy.audit.journal import JOURNAL_FILE
from evenhand_proxy.audit.query import (
    STILL_OPEN,
    AuditRow,
    get_request,
    latest_request,
    list_events,
    list_requests,
)
from evenhand_proxy.cli.moment import Moment
from evenhand_proxy.cli.output import (
    data_dir_option,
    json_option,
    print_json,
    print_table,
    resolve_data_dir,
)
from evenhand_proxy.cli.record_table import print_record
from evenhand_proxy.events import Event, EventKind
from evenhand_proxy.exchange import Outcome, OutcomeKind, Usage

_SHORTEST_ID = 8
_LONGEST_VALUE = 40


@click.group("audit")
def audit_group() -> None:
    """List and show audited requests, and what happened between them."""


@audit_group.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--model", help="Only this model, as NAME or NAME@PROFILE.")
@click.option("--outcome", type=click.Choice([*get_args(OutcomeKind), STILL_OPEN]))
@click.option("--since", type=Moment(), help="Only newer ones: 15m, 1h, 2d, or ISO 8601.")
@data_dir_option
@json_option
def list_command(
    limit: int,
    model: str | None,
    outcome: str | None,
    since: float | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """List the newest requests, newest first."""
    rows = list_requests(_journal(data_dir), limit=limit, model=model, outcome=outcome, since=since)
    if as_json:
        requests = [{**_document(row), "changes": _change_count(row)} for row in rows]
        print_json({"requests": requests})
        return
    ids = _short_ids([row.opening.request_id for row in rows])
    print_table(
        ("time", "id", "model", "route", "outcome", "status", "tokens", "seconds", "changes"),
        [_cells(row, short) for row, short in zip(rows, ids, strict=True)],
    )


@audit_group.command("show")
@click.argument("request_id", metavar="ID")
@data_dir_option
@json_option
def show_command(request_id: str, data_dir: Path | None, as_json: bool) -> None:
    """Show one request: ID is its id, an unambiguous beginning of it, or `latest`."""
    journal = _journal(data_dir)
    row = latest_request(journal) if request_id == "latest" else get_request(journal, request_id)
    if as_json:
        attempt = {"attempt": 1, "decoding": row.decoding()}
        print_json({**_document(row), "attempts": [attempt], **_content(row)})
        return
    _show(row)


@audit_group.command("events")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--model", help="Only events of this model's engine.")
@click.option("--kind", type=click.Choice(get_args(EventKind)))
@click.option("--since", type=Moment(), help="Only newer ones: 15m, 1h, 2d, or ISO 8601.")
@data_dir_option
@json_option
def events_command(
    limit: int,
    model: str | None,
    kind: str | None,
    since: float | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """List what happened to engines and policies, newest first."""
    events = list_events(_journal(data_dir), limit=limit, model=model, kind=kind, since=since)
    if as_json:
        documents = [
            {
                "at": _utc(event.at),
                "kind": event.kind,
                "model": event.model,
                "document": dict(event.document),
            }
            for event in events
        ]
        print_json({"events": documents})
        return
    print_table(
        ("time", "event", "model", "what"),
        [
            (_local(event.at), event.kind, _printable(event.model or ""), _printable(_what(event)))
            for event in events
        ],
    )


def _what(event: Event) -> str:
    """Say in one line what an event is about."""
    document = event.document
    if event.kind == "engine_seen":
        identity = document.get("engine", {})
        known = [identity.get(name) for name in ("name", "version", "weights")]
        return " ".join(str(value) for value in known if value)
    if event.kind == "engine_changed":
        changes = document.get("changes", {}).items()
        return "; ".join(f"{key} {_value(c['old'])} -> {_value(c['new'])}" for key, c in changes)
    return ", ".join(f"{key} {_value(value)}" for key, value in document.items())


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _journal(data_dir: Path | None) -> Path:
    return resolve_data_dir(data_dir) / JOURNAL_FILE


def _document(row: AuditRow) -> dict[str, Any]:
    opening = row.opening
    return {
        "id": opening.request_id,
        "opened_at": _utc(opening.opened_at),
        "route": opening.route,
        "model": opening.model,
        "profile": opening.profile,
        "engine": opening.engine,
        "upstream_model": opening.upstream_model,
        "server": {"address": opening.server_address, "port": opening.server_port},
        "stream": opening.stream,
        "fingerprint": opening.fingerprint,
        "key_name": opening.key_name,
        "client_request_id": opening.client_request_id,
        "traceparent": opening.traceparent,
        "outcome": _outcome_document(row.outcome) if row.outcome else None,
    }


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "closed_at": _utc(outcome.closed_at),
        "status": outcome.status,
        "duration": _duration(outcome),
        "first_byte": outcome.first_byte,
        "usage": _usage_document(outcome.usage) if outcome.usage else None,
        "finish_reasons": outcome.finish_reasons,
        "response_id": outcome.response_id,
        "response_model": outcome.response_model,
        "bytes_out": outcome.bytes_out,
        "error": outcome.error,
    }


def _usage_document(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "source": usage.source,
        "encoding": usage.encoding,
    }


def _content(row: AuditRow) -> dict[str, Any]:
    """Give the stored contents; no key where the config does not store them."""
    answer = row.outcome.content if row.outcome else None
    stored = {"request": row.opening.content, "answer": answer}
    texts = {name: raw.decode("utf-8", "replace") for name, raw in stored.items() if raw}
    return {"content": texts} if texts else {}


def _cells(row: AuditRow, short_id: str) -> Sequence[str]:
    opening, outcome = row.opening, row.outcome
    return (
        _local(opening.opened_at)[5:],  # without the year: the row has to fit into 120 columns
        short_id,
        _printable(row.name),
        opening.route.removeprefix("/v1/"),
        row.kind,
        str(outcome.status) if outcome and outcome.status is not None else "",
        _tokens(outcome),
        _seconds(_duration(outcome)) if outcome else "",
        str(_change_count(row)),
    )


def _show(row: AuditRow) -> None:
    facts = _facts(row)
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {_printable(value)}")
    click.echo()
    print_record(row.decoding())


def _facts(row: AuditRow) -> dict[str, str]:
    opening, outcome = row.opening, row.outcome
    facts = {
        "request": opening.request_id,
        "time": _local(opening.opened_at),
        "model": row.name,
        "route": f"{opening.route}{' (stream)' if opening.stream else ''}",
        "engine": f"{opening.engine} at {opening.server_address}:{opening.server_port}, "
        f"model {opening.upstream_model}",
        "key": opening.key_name,
        "client's id": opening.client_request_id,
        "fingerprint": opening.fingerprint,
        "outcome": _outcome_line(outcome) if outcome else "open: no outcome yet",
        "tokens": _tokens(outcome),
        "error": outcome.error if outcome else None,
        "content": "stored, see --json" if _content(row) else None,
    }
    return {name: value for name, value in facts.items() if value}


def _outcome_line(outcome: Outcome) -> str:
    parts: list[str] = [outcome.kind]
    if outcome.status is not None:
        parts.append(f"HTTP {outcome.status}")
    duration = _duration(outcome)
    if duration is not None:
        parts.append(f"{_seconds(duration)} s")
    if outcome.first_byte is not None:
        parts.append(f"first byte after {_seconds(outcome.first_byte)} s")
    if outcome.finish_reasons:
        parts.append(f"finish: {', '.join(outcome.finish_reasons)}")
    return ", ".join(parts)


def _tokens(outcome: Outcome | None) -> str:
    """Give `in/out`, with a tilde before estimates; empty where nothing is known."""
    if outcome is None or outcome.usage is None:
        return ""
    usage = outcome.usage
    mark = "~" if usage.source == "estimate" else ""
    counts = (usage.prompt_tokens, usage.completion_tokens)
    return "/".join("-" if count is None else f"{mark}{count}" for count in counts)


def _duration(outcome: Outcome) -> float | None:
    return None if outcome.kind == "unknown_outcome" else outcome.duration


def _seconds(duration: float | None) -> str:
    return "" if duration is None else f"{duration:.3f}"


def _change_count(row: AuditRow) -> int:
    return len(row.decoding().get("changes", ()))


def _short_ids(ids: Sequence[str]) -> list[str]:
    """Cut ids to the shortest length, at least 8, at which the given ones differ."""
    longest = max(map(len, ids), default=0)
    for length in range(_SHORTEST_ID, longest):
        if len({name[:length] for name in ids}) == len(ids):
            return [name[:length] for name in ids]
    return list(ids)


def _printable(text: str) -> str:
    """Escape what could steer a terminal: ids and errors come from clients and engines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _local(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
