"""One run of a suite as it stands, and a suite at its end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from evenhand_evals.manifest import Manifest
from evenhand_evals.results import TIMES_OF, RunData, headline_of
from evenhand_evals.suite.file import WIDEST, TaskEntry
from evenhand_evals.suite.plan import LeftOut, PlannedRun
from evenhand_evals.types import Estimate

State = Literal["waiting", "running", "done", "stopped", "left out", "refused", "failed"]
"""`left out`: it cannot be asked here, by no fault of the suite. `refused`: the suite has to be
corrected. `failed`: the endpoint did. `stopped`: the budget or Ctrl-C ended it before its end."""


@dataclass(slots=True)
class Standing:
    """One run while the suite goes on: how far it is, and what it came to so far.

    `asked` is false where an earlier call made it, and this one leaves it as it stands.
    """

    run: PlannedRun
    state: State = "waiting"
    reason: str | None = None
    planned: int = 0
    done: int = 0
    failed_samples: int = 0
    values: dict[str, list[float]] = field(default_factory=dict)
    data: RunData | None = None
    asked: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the score has to know: what was cut off the task, what fits nothing."""
        if self.data is None:
            return ()
        timed = (each for each in self.data.result.warnings if each.startswith(TIMES_OF))
        return (*_cut(self.data.manifest), *_fits_nothing(self.run.entry, self.data), *timed)

    @property
    def score(self) -> Estimate | None:
        """The headline: of the finished run, or of the samples so far."""
        if self.data is not None:
            return self.data.result.score
        return headline_of(list(self.values.values()))

    @property
    def failed(self) -> int:
        """How many samples failed."""
        return self.data.result.outcomes["failed"] if self.data else self.failed_samples

    @property
    def samples(self) -> str:
        """How many samples are done, of how many; empty as long as nobody knows."""
        if self.data is not None:
            return f"{self.data.result.samples}/{self.data.result.planned}"
        return f"{self.done}/{self.planned}" if self.planned else ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A suite at its end: every run, the tasks left out, and what ended it early, if anything."""

    standings: tuple[Standing, ...]
    left: tuple[LeftOut, ...]
    reached: str | None
    seconds: float
    requests: int
    completion_tokens: int


def _cut(manifest: Manifest) -> Iterator[str]:
    """Say which parts of a task the endpoint was not asked; parts with one reason together."""
    found: dict[str, list[str]] = {}
    for part, why in manifest.dataset.left_out.items():
        found.setdefault(why.removeprefix("left out: "), []).append(part)
    for why, parts in found.items():
        yield f"only a part of the task: {', '.join(parts)} left out: {why}"


def _fits_nothing(entry: TaskEntry, data: RunData) -> Iterator[str]:
    """Name the patterns of `show` and `hide` of one task that none of its metrics has."""
    known = sorted(data.result.metrics)
    if not known or any(each in entry.name for each in WIDEST):
        return
    for key, patterns in (("show", entry.show), ("hide", entry.hide)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                yield f"{key}: no metric fits {pattern!r}; there are {', '.join(known)}"
