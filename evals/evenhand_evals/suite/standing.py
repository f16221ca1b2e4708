"""One run of a suite as it stands, and a suite at its end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from evenhand_evals.headlines import mean_of
from evenhand_evals.log import LOG_NAME, each_record
from evenhand_evals.manifest import Manifest
from evenhand_evals.results import TIMES_OF, RunData
from evenhand_evals.suite.file import WIDEST, TaskEntry
from evenhand_evals.suite.plan import LeftOut, PlannedRun
from evenhand_evals.types import Estimate
from evenhand_evals.whole_headlines import whole_headline

_NO_ROOM: Final = re.compile(
    r"(?:available context size|context length)(?: is| of)? \(?(\d+) tokens"
    r"|context size has been exceeded|context_length_exceeded",
    re.IGNORECASE,
)
"""What is said to a prompt that is too long: by llama.cpp (tools/server/server-context.cpp), by
vLLM (renderers/params.py) and OpenAI, and by SGLang (managers/tokenizer_manager.py)."""

State = Literal["waiting", "running", "done", "stopped", "left out", "refused", "failed"]
"""`left out`: it cannot be asked here, by no fault of the suite. `refused`: the suite has to be
corrected. `failed`: the endpoint did. `stopped`: the budget or Ctrl-C ended it before its end."""


@dataclass(slots=True)
class Standing:
    """One run while the suite goes on: how far it is, and what it came to so far.

    `asked` is false where an earlier call made it, and this one leaves it as it stands. `crowded`
    says how many of its samples the served context has no room for, None where it has for all.
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
    crowded: str | None = None

    def read(self, data: RunData) -> None:
        """Take what the run came to, and look once into its log for samples that had no room."""
        self.data, self.crowded = data, _crowded(data)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the score has to know: what was cut off the task, what fits nothing."""
        if self.data is None:
            return ()
        timed = (each for each in self.data.result.warnings if each.startswith(TIMES_OF))
        crowded = (self.crowded,) if self.crowded else ()
        unfit = _fits_nothing(self.run.entry, self.data)
        told = self.data.manifest
        return (*told.notes, *_cut(told), *crowded, *unfit, *timed)

    @property
    def score(self) -> Estimate | None:
        """The headline: of the finished run, or of the samples so far.

        None until the run is over where it is not the mean of the items' values.
        """
        if self.data is not None:
            return self.data.result.score
        if whole_headline(self.run.task) is not None:
            return None
        return mean_of(self.values.values())

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


def _crowded(data: RunData) -> str | None:
    """Say how many samples failed because the endpoint has no room for their prompts."""
    log = data.path / LOG_NAME
    if not data.result.outcomes["failed"] or not log.exists():
        return None
    found = {
        each.key: _NO_ROOM.search(each.reason or "") if each.outcome == "failed" else None
        for each in each_record(log)
    }
    hits = [each for each in found.values() if each is not None]
    if not hits:
        return None
    sizes = sorted({int(each[1]) for each in hits if each[1]})
    size = f" of {' or '.join(map(str, sizes))} tokens" if sizes else ""
    return (
        f"{len(hits)} of {len(found)} samples failed because they do not fit the context{size}; "
        "serve the model with a larger context"
    )


def _fits_nothing(entry: TaskEntry, data: RunData) -> Iterator[str]:
    """Name the patterns of `show` and `hide` of one task that none of its metrics has."""
    known = sorted(data.result.metrics)
    if not known or any(each in entry.name for each in WIDEST):
        return
    for key, patterns in (("show", entry.show), ("hide", entry.hide)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                yield f"{key}: no metric fits {pattern!r}; there are {', '.join(known)}"
