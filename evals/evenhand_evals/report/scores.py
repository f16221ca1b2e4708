"""Scores, outcomes, metrics and facts of each run, as the page prints them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from markupsafe import Markup

from evenhand_evals.headlines import Bounds
from evenhand_evals.latency import Times, milliseconds
from evenhand_evals.manifest import Manifest
from evenhand_evals.overviews import Overview
from evenhand_evals.report.plots import Dot, forest, outcome_bar
from evenhand_evals.report.view import Cell, Fact, Row, RunView, Table
from evenhand_evals.results import RunData
from evenhand_evals.thinking import thinking_text
from evenhand_evals.types import OUTCOMES, Estimate

UNKNOWN = "not known"


def points(share: float) -> str:
    """Write a share, 0..1, as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def shown(estimate: Estimate) -> str:
    """Write an estimate's value, a share as per cent."""
    return f"{estimate.text()} %" if estimate.unit == "share" else estimate.text()


def interval(estimate: Estimate) -> str:
    """Write an estimate's interval, that of a share in per cent."""
    return estimate.interval or "·"


def run_view(letter: str, run: RunData) -> RunView:
    """Put one run's numbers into words."""
    result, manifest = run.result, run.manifest
    return RunView(
        letter=letter,
        name=run.label,
        summary=_summary(manifest),
        score=shown(result.score) if result.score else "no score",
        interval=interval(result.score) if result.score else "·",
        bounds=_bounds(result.bounds),
        items=f"{result.items:,}",
        repeats=str(manifest.repeats),
        tokens=f"{result.tokens.completion:,}" if result.tokens.reported else UNKNOWN,
        duration=seconds(result.duration),
        counts=tuple(f"{result.outcomes.get(name, 0):,}" for name in OUTCOMES),
        outcome_bar=outcome_bar(f"bar-{letter}", f"Outcomes of run {letter}", result.outcomes),
    )


def forest_plot(runs: Mapping[str, RunData]) -> Markup | None:
    """Draw the scores of all runs that have one."""
    dots = [
        Dot(
            letter,
            *run.result.score.shown,
            f"{shown(run.result.score)} ({interval(run.result.score)})",
        )
        for letter, run in runs.items()
        if run.result.score
    ]
    shares = all(run.result.score.unit == "share" for run in runs.values() if run.result.score)
    unit = " %" if shares else ""
    return forest("forest", "Scores with their 95 % intervals", dots, unit) if dots else None


def tables(runs: Mapping[str, RunData]) -> tuple[Table, ...]:
    """Build the task's own tables, and those of metrics, of groups and of times, where any are."""
    metrics = _rows([run.result.metrics for run in runs.values()])
    groups = _rows([run.result.groups for run in runs.values()])
    found = [
        _overview(letter, run.result.overview)
        for letter, run in runs.items()
        if run.result.overview
    ]
    if metrics:
        hint = "Every metric of the task on the same answers, each with its 95 % interval."
        found.append(Table("metrics", "All metrics", hint, "Metric", metrics))
    if groups:
        hint = "The headline score for each group of items; small groups have wide intervals."
        found.append(Table("groups", "By group of items", hint, "Group", groups))
    times = [run.result.latency for run in runs.values()]
    if any(times):
        rows = (
            Row("first token", tuple(_time(each.first_token if each else None) for each in times)),
            Row(
                "per output token", tuple(_time(each.per_token if each else None) for each in times)
            ),
        )
        hint = "The time to the first token of a streamed answer, and for each token after it."
        found.append(Table("latency", "Time of streamed answers", hint, "Median (p95)", rows))
    return tuple(found)


def _overview(letter: str, overview: Overview) -> Table:
    rows = tuple(
        Row(name, tuple(Cell(each) if isinstance(each, str) else _cell(each) for each in cells))
        for name, cells in overview.rows
    )
    title = f"{overview.title}, run {letter}"
    return Table(
        f"overview-{letter}", title, overview.hint, overview.corner, rows, overview.columns
    )


def facts(runs: Mapping[str, RunData]) -> tuple[Fact, ...]:
    """List what identifies each run, a value once where all runs share it."""
    manifests = [run.manifest for run in runs.values()]
    lines: list[Fact] = []
    for name, read in FACTS.items():
        values = tuple(read(manifest) for manifest in manifests)
        lines.append(Fact(name, values[:1] if len(set(values)) == 1 else values))
    prints = tuple(_fingerprints(run) for run in runs.values())
    lines.append(Fact("decoding fingerprint", prints[:1] if len(set(prints)) == 1 else prints))
    thinking = tuple(_thinking(run) for run in runs.values())
    if any(thinking):
        lines.append(Fact("thinking, not scored", thinking))
    for name in dict.fromkeys(name for run in runs.values() for name in run.result.metrics):
        found = tuple(_detail(run, name) for run in runs.values())
        if any(found):
            lines.append(Fact(f"how {name} is made", found[:1] if len(set(found)) == 1 else found))
    return tuple(lines)


def _thinking(run: RunData) -> str:
    return thinking_text(run.result.thinking) if run.result.thinking else ""


def _detail(run: RunData, name: str) -> str:
    estimate = run.result.metrics.get(name)
    return estimate.detail if estimate is not None else ""


def seconds(duration: float) -> str:
    """Write a duration so that its size is seen at a glance."""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def day(moment: str) -> str:
    """Write the day of an ISO 8601 time; a time that is none stays as it is."""
    try:
        date = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{date.day} {date:%B %Y}"


def _summary(manifest: Manifest) -> str:
    asked = dict(manifest.decoding.requested)
    settings = ", ".join(
        f"{name} {_json(value)}"
        for name, value in asked.items()
        if name not in manifest.decoding.by_task
    )
    profile = f"profile {manifest.decoding.profile}" if manifest.decoding.profile else None
    words = [manifest.model, profile, settings or (None if profile else "no setting sent")]
    return " · ".join(word for word in words if word)


def _bounds(bounds: Bounds | None) -> str | None:
    return f"{100 * bounds.worst:.1f} / {points(bounds.best)}" if bounds else None


def _rows(columns: list[Mapping[str, Estimate]]) -> tuple[Row, ...]:
    names = dict.fromkeys(name for column in columns for name in column)
    return tuple(Row(name, tuple(_cell(column.get(name)) for column in columns)) for name in names)


def _cell(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell("·")
    return Cell(shown(estimate), f"({interval(estimate)}; n {estimate.n:,})")


def _time(times: Times | None) -> Cell:
    if times is None:
        return Cell("·")
    return Cell(milliseconds(times.median), f"({milliseconds(times.p95)}; n {times.n:,})")


def _fingerprints(run: RunData) -> str:
    seen = {each for prints in run.result.fingerprints.values() for each in prints}
    return ", ".join(sorted(seen)) or UNKNOWN


def _server(manifest: Manifest) -> str:
    kind = "Evenhand proxy" if manifest.server.kind == "evenhand" else "OpenAI-style endpoint"
    engine = manifest.server.engine
    return f"{kind}, engine {_json(engine)}" if engine else kind


def _json(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _versions(manifest: Manifest) -> str:
    return ", ".join(f"{name} {value}" for name, value in manifest.versions.items()) or UNKNOWN


FACTS: Mapping[str, Callable[[Manifest], str]] = {
    "task": lambda manifest: f"{manifest.task.name}, version {manifest.task.version}",
    "data set": lambda manifest: manifest.dataset.source,
    "data set revision": lambda manifest: manifest.dataset.revision or UNKNOWN,
    "data set SHA-256": lambda manifest: manifest.dataset.sha256,
    "data set licence": lambda manifest: manifest.dataset.licence,
    "items": lambda manifest: f"{manifest.items:,} of {manifest.dataset.items:,}",
    "repeats": lambda manifest: str(manifest.repeats),
    "seed": lambda manifest: str(manifest.seed),
    "model": lambda manifest: manifest.sent_model,
    "endpoint": lambda manifest: manifest.base_url or "none: answers made elsewhere",
    "server": _server,
    "concurrency": lambda manifest: str(manifest.concurrency),
    "answers": lambda manifest: "read as streams" if manifest.stream else "read whole",
    "started": lambda manifest: manifest.started_at,
    "finished": lambda manifest: manifest.finished_at or "not finished",
    "versions": _versions,
    "command": lambda manifest: " ".join(manifest.command) or UNKNOWN,
}
