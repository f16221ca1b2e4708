"""The words of an evaluation: samples, completions, scores, data sets and tasks.

A task is data plus two functions: `load` turns a data source into samples, `score` judges one
completion of one sample. Everything between the two (sending, retrying, logging, repeating,
averaging) is the same for every task and lives elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["correct", "wrong", "unparsed", "truncated", "refused", "failed"]

OUTCOMES: tuple[Outcome, ...] = (
    "correct",
    "wrong",
    "unparsed",
    "truncated",
    "refused",
    "failed",
)


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, as it goes on the wire."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task: what is asked, and what a scorer needs to judge the answer.

    `id` is unique within the data set and stable across versions of this program. `metadata` must
    be made of JSON values; the key `group`, where there is one, names the subset of the item.
    """

    id: str
    messages: tuple[Message, ...]
    target: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer as the endpoint reported them; None where it said nothing."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What the endpoint answered to one request."""

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Score:
    """A scorer's verdict on one completion.

    `outcome` is never "failed": only the runner knows of requests without an answer. `value` is
    the item's share of the headline metric, 0..1. `metrics` are further named metrics of the item,
    averaged over items; `counts` are (passed, total) pairs, pooled over items.
    """

    outcome: Outcome
    value: float
    metrics: Mapping[str, float | bool] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    extracted: str | None = None
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a task may find its data.

    `path` is what the user named with `--data` (a file or a folder, or a hub's data set by name),
    `root` the folder of `EVENHAND_DATA`, `seed` the seed of anything that is drawn while loading.
    """

    path: Path | None = None
    root: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """Loaded samples and the facts that identify them.

    `sha256` is over the bytes that were read, as lower-case hex; `revision` is the version of the
    source where it has one; `licence` is an SPDX identifier.
    """

    samples: tuple[Sample, ...]
    source: str
    revision: str | None
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark.

    `headline` names the metric that `Score.value` is; `version` changes whenever prompts or
    scoring change, because scores of different versions cannot be compared; `max_tokens` is the
    budget that is sent unless the user sets another; `data` says in a few words where the data
    comes from.
    """

    name: str
    title: str
    headline: str
    version: str
    load: Callable[[DataSource], Dataset]
    score: Callable[[Sample, Completion], Score]
    max_tokens: int
    data: str = ""
