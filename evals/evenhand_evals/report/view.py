"""What the report's page holds, as plain values: all words and numbers are ready to be printed.

The template only places them. Text that came from a model or an endpoint stays `str` and is
escaped by the template; `Markup` is only what our own functions drew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class RunView:
    """One run in the tables: its letter, its name, its score and what became of its samples."""

    letter: str
    name: str
    summary: str
    score: str
    interval: str
    bounds: str | None
    items: str
    repeats: str
    tokens: str
    duration: str
    counts: tuple[str, ...]
    outcome_bar: Markup


@dataclass(frozen=True, slots=True)
class Square:
    """How two runs agree on the items: the four counts of McNemar's table."""

    both: int
    left_only: int
    right_only: int
    neither: int


@dataclass(frozen=True, slots=True)
class PairView:
    """The verdict on two runs.

    `tone` is the practical band of a significant difference, "fluctuation" for any other.
    """

    left: str
    right: str
    items: str
    tone: str
    says: str
    plot: Markup
    notes: tuple[str, ...]
    detail: str
    square: Square | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A number in a table, and what stands beside it in a softer tone."""

    value: str
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table with a cell for each run."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A section that is one table: with the columns that are named, else one for each run."""

    key: str
    title: str
    hint: str
    corner: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodingRow:
    """One parameter in the runs whose letters are given: None is absent, "null" is null."""

    letters: tuple[str, ...]
    requested: str | None
    sent: str | None
    effective: str | None
    source: str | None
    action: str | None
    evidence: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One decoding parameter in all runs; runs that treat it alike share a row.

    `differs` is "effect" if the runs did not decode alike, as far as is known, "request" if only
    what was asked for differs, None if neither does.
    """

    name: str
    differs: Literal["effect", "request"] | None
    rows: tuple[DecodingRow, ...]


@dataclass(frozen=True, slots=True)
class HiddenDefault:
    """A setting that was in force although nobody asked for it."""

    letters: tuple[str, ...]
    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a prompt; `images` are `data:` URLs."""

    role: str
    content: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What one run answered to an item, the verdict on it, and where to find it again."""

    letter: str
    outcome: str
    verdict: str
    text: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SampleView:
    """An item on which the runs disagree."""

    id: str
    group: str | None
    prompt: tuple[Turn, ...]
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the manifests; `values` has one value if the runs share it, else one for each."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    title: str
    subtitle: str
    runs: tuple[RunView, ...]
    pairs: tuple[PairView, ...]
    notes: tuple[str, ...]
    headline: str
    forest: Markup | None
    tables: tuple[Table, ...]
    decoding: tuple[Parameter, ...]
    defaults: tuple[HiddenDefault, ...]
    samples: tuple[SampleView, ...]
    samples_hint: str
    facts: tuple[Fact, ...]
    footer: str
    swatches: Mapping[str, Markup]
