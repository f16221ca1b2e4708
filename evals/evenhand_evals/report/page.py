"""The report: one HTML file that needs no network, no script and no trust in what models wrote.

The template escapes everything that is not drawn by our own functions. A Content-Security-Policy
in the page allows this page's own style sheet, by its hash, and images as data; nothing else, so
that even an answer that slipped through could load and run nothing.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import jinja2
from markupsafe import Markup

from evenhand_evals.manifest import now
from evenhand_evals.report.decoding import decoding_table, hidden_defaults
from evenhand_evals.report.pairs import compare_pairs
from evenhand_evals.report.plots import patterns, swatch
from evenhand_evals.report.samples import disagreements, samples_hint
from evenhand_evals.report.scores import day, facts, forest_plot, run_view, tables
from evenhand_evals.report.view import Page
from evenhand_evals.results import RunData
from evenhand_evals.types import OUTCOMES

ALL_PAIRS_UP_TO = 4
READING = (
    "A dot is a score and its bar the 95 % interval: if the items were drawn anew from where they "
    "came from, an interval made this way would hold the true score in 19 of 20 cases. "
    "Whether two runs differ is decided by the paired test on the same items, not by whether "
    "their bars overlap; and a difference that is significant may still be too small to matter."
)


def render(runs: Sequence[RunData], out: Path) -> None:
    """Write the report of one or several runs into one self-contained HTML file.

    Raises:
        ValueError: no run is given.
        OSError: the file cannot be written.

    """
    out.write_bytes(to_html(runs).encode("utf-8", errors="replace"))


def to_html(runs: Sequence[RunData]) -> str:
    """Give the report as a string; runs are lettered in the order given."""
    if not runs:
        raise ValueError("a report needs at least one run")
    folder = files(__package__)
    style = (folder / "style.css").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    template = environment.from_string((folder / "page.html.jinja").read_text("utf-8"))
    page = build_page(dict(zip(_letters(len(runs)), runs, strict=True)))
    return template.render(
        page=page,
        style=Markup(style),  # noqa: S704 our own file
        policy=policy(style),
        patterns=patterns(),
        reading=READING,
        any_bounds=any(run.bounds for run in page.runs),
    )


def build_page(runs: Mapping[str, RunData]) -> Page:
    """Put the runs, by letter, into the words and plots of the page."""
    first = next(iter(runs.values()))
    decoding = {letter: run.manifest.decoding for letter, run in runs.items()}
    pairs, refused = compare_pairs(runs, _pairs(list(runs)))
    differing = disagreements(runs)
    return Page(
        title=" and ".join(dict.fromkeys(run.manifest.task.title for run in runs.values())),
        subtitle=_subtitle(runs),
        runs=tuple(run_view(letter, run) for letter, run in runs.items()),
        pairs=pairs,
        notes=(*_notes(runs), *refused),
        headline=first.result.headline,
        forest=forest_plot(runs),
        tables=tables(runs),
        decoding=decoding_table(decoding),
        defaults=hidden_defaults(decoding),
        samples=differing.samples,
        samples_hint=samples_hint(differing),
        facts=facts(runs),
        footer=f"Made by evenhand {version('evenhand')} on {day(now())}. "
        "This file loads nothing from the network and runs no script.",
        swatches={name: swatch(name) for name in OUTCOMES},
    )


def _letters(count: int) -> list[str]:
    """Give A to Z, then A2 to Z2, and so on."""
    return [
        f"{chr(ord('A') + number % 26)}{number // 26 + 1 if number >= 26 else ''}"
        for number in range(count)
    ]


def _pairs(letters: Sequence[str]) -> list[tuple[str, str]]:
    """Pair all runs, or above `ALL_PAIRS_UP_TO` runs each with the first."""
    if len(letters) <= ALL_PAIRS_UP_TO:
        return list(combinations(letters, 2))
    return [(letters[0], other) for other in letters[1:]]


def _subtitle(runs: Mapping[str, RunData]) -> str:
    days = dict.fromkeys(day(run.manifest.started_at) for run in runs.values())
    models = dict.fromkeys(run.manifest.model for run in runs.values())
    names = dict.fromkeys(
        f"{run.manifest.task.name} (version {run.manifest.task.version})" for run in runs.values()
    )
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return " · ".join([", ".join(names), count, ", ".join(models), " and ".join(days)])


def _notes(runs: Mapping[str, RunData]) -> list[str]:
    notes = [f"{letter}: {each}" for letter, run in runs.items() for each in run.result.warnings]
    if len(runs) > ALL_PAIRS_UP_TO:
        notes.append("Each run is compared with the first; other pairs are left out for length.")
    return notes


def policy(style: str) -> str:
    """Give the content policy that allows this style sheet and loads nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
