"""The report of a suite: each task with its models side by side, in one file as `page` makes them.

Tasks are never averaged into one number: their scores have no common unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from evenhand_evals.manifest import now
from evenhand_evals.report.decoding import decoding_table
from evenhand_evals.report.page import READING, policy
from evenhand_evals.report.pairs import compare_pairs
from evenhand_evals.report.plots import Dot, forest, patterns, swatch
from evenhand_evals.report.scores import day, interval, run_view, shown, tables
from evenhand_evals.report.view import Cell, PairView, Parameter, Row, RunView, Table
from evenhand_evals.results import RunData
from evenhand_evals.suite.standing import Finished, Standing
from evenhand_evals.types import OUTCOMES

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: the runs that have answers, how they compare, and their metrics."""

    key: str
    title: str
    headline: str
    runs: tuple[RunView, ...]
    forest: Markup | None
    pairs: tuple[PairView, ...]
    notes: tuple[str, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Unscored:
    """A run or a task without a score, and why."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class SuitePage:
    """What the page holds; `matrix` has a row for each task and a column for each model."""

    title: str
    subtitle: str
    models: tuple[tuple[str, str], ...]
    matrix: tuple[Row, ...]
    tasks: tuple[TaskView, ...]
    unscored: tuple[Unscored, ...]
    decoding: tuple[tuple[str, tuple[Parameter, ...]], ...]
    swatches: Mapping[str, Markup]
    footer: str


def render_suite(title: str, suite: Finished, out: Path) -> None:
    """Write the report of a suite into one self-contained HTML file.

    Raises:
        OSError: the file cannot be written.

    """
    out.write_bytes(suite_html(title, suite).encode("utf-8", errors="replace"))


def suite_html(title: str, suite: Finished) -> str:
    """Give the report as a string; models are lettered in the order of the suite."""
    folder = files(__package__)
    style = (folder / "style.css").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    template = environment.from_string((folder / "suite.html.jinja").read_text("utf-8"))
    return template.render(
        page=build_suite(title, suite),
        style=Markup(style),  # noqa: S704 our own file
        policy=policy(style),
        patterns=patterns(),
        reading=READING,
    )


def build_suite(title: str, suite: Finished) -> SuitePage:
    """Put the runs of a suite into the words and plots of the page."""
    models = dict.fromkeys(each.run.model.label for each in suite.standings)
    letters = {
        label: f"{LETTERS[place % len(LETTERS)]}{place // len(LETTERS) + 1 if place >= 26 else ''}"
        for place, label in enumerate(models)
    }
    by_task: dict[str, list[Standing]] = {}
    for standing in suite.standings:
        by_task.setdefault(standing.run.task.name, []).append(standing)
    answered = {name: _answered(standings, letters) for name, standings in by_task.items()}
    done = sum(each.state == "done" for each in suite.standings)
    return SuitePage(
        title=title,
        subtitle=f"{len(by_task)} tasks · {len(models)} models · {done} of "
        f"{len(suite.standings)} runs done",
        models=tuple((letter, label) for label, letter in letters.items()),
        matrix=tuple(_row(name, standings, models) for name, standings in by_task.items()),
        tasks=tuple(_task(name, runs) for name, runs in answered.items() if runs),
        unscored=(
            *(_unscored(each) for each in suite.standings if each.state != "done"),
            *(
                Unscored(each.run.name, f"{each.state}, note", text)
                for each in suite.standings
                for text in each.notes
            ),
            *(Unscored(each.task, "left out", each.reason) for each in suite.left),
        ),
        decoding=_decoding(answered),
        swatches={name: swatch(name) for name in OUTCOMES},
        footer=f"Made by evenhand {version('evenhand')} on {day(now())}. "
        "This file loads nothing from the network and runs no script.",
    )


def _answered(standings: Sequence[Standing], letters: Mapping[str, str]) -> dict[str, RunData]:
    """Give the runs of a task that have answers, with the metrics that the suite shows."""
    found = {}
    for each in standings:
        if each.data is not None and each.data.result.samples:
            result = each.data.result
            kept = {
                name: value
                for name, value in result.metrics.items()
                if name == result.headline or each.run.entry.shows(name)
            }
            data = replace(each.data, result=replace(result, metrics=kept))
            found[letters[each.run.model.label]] = data
    return found


def _row(name: str, standings: Sequence[Standing], models: Mapping[str, None]) -> Row:
    by_model = {each.run.model.label: each for each in standings}
    return Row(name, tuple(_cell(by_model.get(label)) for label in models))


def _cell(standing: Standing | None) -> Cell:
    if standing is None:
        return Cell("·")
    score = standing.data.result.score if standing.data is not None else None
    if score is None:
        return Cell("·", standing.state)
    more = "" if standing.state == "done" else f"; {standing.state}"
    if standing.data is not None and standing.data.manifest.dataset.left_out:
        more += "; in part"
    return Cell(shown(score), f"({interval(score)}; n {score.n:,}{more})")


def _unscored(standing: Standing) -> Unscored:
    return Unscored(standing.run.name, standing.state, standing.reason or "")


def _task(name: str, runs: Mapping[str, RunData]) -> TaskView:
    first = next(iter(runs.values()))
    letters = list(runs)
    pairs, refused = compare_pairs(runs, [(letters[0], each) for each in letters[1:]])
    warned = [f"{letter}: {each}" for letter, run in runs.items() for each in run.result.warnings]
    return TaskView(
        key=name,
        title=first.manifest.task.title,
        headline=first.result.headline,
        runs=tuple(
            replace(run_view(letter, run), outcome_bar=Markup()) for letter, run in runs.items()
        ),
        forest=_forest(name, runs),
        pairs=_with_own_keys(name, pairs),
        notes=(*warned, *refused),
        tables=tables(runs),
    )


def _with_own_keys(name: str, pairs: Sequence[PairView]) -> tuple[PairView, ...]:
    """Keep the ids of the plots apart between the tasks of one page."""
    return tuple(
        replace(each, plot=Markup(str(each.plot).replace("difference-", f"difference-{name}-")))  # noqa: S704 drawn here
        for each in pairs
    )


def _forest(name: str, runs: Mapping[str, RunData]) -> Markup | None:
    """Draw the scores on the scale of shares; what lies off it stands in the table alone."""
    dots = [
        Dot(
            letter,
            *score.shown,
            f"{shown(score)} ({interval(score)})",
        )
        for letter, score in ((letter, run.result.score) for letter, run in runs.items())
        if score is not None and score.unit == "share" and score.low >= 0
    ]
    return forest(f"forest-{name}", "Scores with their 95 % intervals", dots) if dots else None


def _decoding(
    answered: Mapping[str, Mapping[str, RunData]],
) -> tuple[tuple[str, tuple[Parameter, ...]], ...]:
    """Give the decoding of each task; tasks that were decoded alike stand together."""
    found: dict[tuple[Parameter, ...], list[str]] = {}
    for name, runs in answered.items():
        if runs:
            facts = {letter: run.manifest.decoding for letter, run in runs.items()}
            found.setdefault(decoding_table(facts), []).append(name)
    return tuple((", ".join(names), table) for table, names in found.items() if table)
