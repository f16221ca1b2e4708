"""Running a suite: each endpoint's runs one after another, endpoints side by side.

Every run is one of `run.run_task` with `resume`, in a folder of its own, so that a suite that was
killed goes on where it was. A run that cannot be made does not stop the others: its state says
why.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson

from evenhand_evals.brief import Brief, brief_of
from evenhand_evals.errors import DataError, EndpointError, EvalError, RunDiffers, UsageError
from evenhand_evals.log import Record
from evenhand_evals.manifest import MANIFEST_NAME, now
from evenhand_evals.progress import Reporter
from evenhand_evals.results import RunData, headline_of, item_values, load_run
from evenhand_evals.run import load_data, run_task
from evenhand_evals.suite_file import Budget
from evenhand_evals.suite_plan import LeftOut, PlannedRun
from evenhand_evals.types import Estimate

SUITE_NAME = "suite.json"

State = Literal["waiting", "running", "done", "stopped", "left out", "refused", "failed"]
"""`left out`: it cannot be asked here, by no fault of the suite. `refused`: the suite has to be
corrected. `failed`: the endpoint did. `stopped`: the budget or Ctrl-C ended it before its end."""


@dataclass(slots=True)
class Standing:
    """One run while the suite goes on: how far it is, and what it came to so far."""

    run: PlannedRun
    state: State = "waiting"
    reason: str | None = None
    planned: int = 0
    done: int = 0
    failed_samples: int = 0
    values: dict[str, list[float]] = field(default_factory=dict)
    data: RunData | None = None

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


class Viewer(Protocol):
    """Is told of every change, to show it."""

    def show(self, standing: Standing, *, whole: bool) -> None:
        """Show a run; `whole` says that its state changed, not only its samples."""


class Spending:
    """What this call of the command has spent, and the run that is to be stopped for it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._tasks: set[asyncio.Task[Any]] = set()
        self.requests = self.completion_tokens = 0
        self.reached: str | None = None
        self.begun = time.monotonic()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Stop everything when the time is over."""
        minutes = self._budget.minutes
        if minutes is None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(
            60 * minutes, self._stop, f"{minutes:g} minutes"
        )
        try:
            yield
        finally:
            timer.cancel()

    async def within(self, run: "asyncio.Task[RunData]") -> RunData | None:
        """Wait for a run; None if the budget ended it."""
        self._tasks.add(run)
        try:
            return await run
        except asyncio.CancelledError:
            if self.reached is None:
                raise
            return None
        finally:
            self._tasks.discard(run)

    def count(self, record: Record) -> None:
        """Count what a sample took, and stop all runs if that was the last of the budget."""
        if record.cached:
            return
        made = record.steps or (record,)
        self.requests += sum(max(1, len(each.attempts)) for each in made)
        self.completion_tokens += brief_of(record).completion_tokens
        for name, unit in (("requests", "requests"), ("completion_tokens", "completion tokens")):
            most = getattr(self._budget, name)
            if most is not None and getattr(self, name) >= most:
                self._stop(f"{most} {unit}")

    def _stop(self, what: str) -> None:
        if self.reached is None:
            self.reached = what
            for task in self._tasks:
                task.cancel()


class _Watcher:
    """Tells the board and the budget of every sample of one run; a `progress.Reporter`."""

    def __init__(
        self,
        standing: Standing,
        planned: int,
        earlier: Sequence[Brief],
        spending: Spending,
        viewer: Viewer,
    ) -> None:
        standing.planned = planned
        standing.done, standing.failed_samples = len(earlier), 0
        standing.values = item_values(earlier)
        self._standing, self._spending, self._viewer = standing, spending, viewer
        viewer.show(standing, whole=False)

    def update(self, record: Record) -> None:
        standing = self._standing
        standing.done += 1
        standing.failed_samples += record.outcome == "failed"
        if record.score is not None:
            standing.values.setdefault(record.item, []).append(record.score.value)
        self._spending.count(record)
        self._viewer.show(self._standing, whole=False)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Finished:
    """A suite at its end: every run, the tasks left out, and what ended it early, if anything."""

    standings: tuple[Standing, ...]
    left: tuple[LeftOut, ...]
    reached: str | None
    seconds: float
    requests: int
    completion_tokens: int


def check_data(runs: Iterable[PlannedRun]) -> None:
    """Load the data of every task once, before anything is asked.

    Raises:
        DataError: a task's data is not at hand; all of them are named.

    """
    missing: dict[str, str] = {}
    for run in runs:
        with suppress(EndpointError):
            try:
                load_data(run.task, run.settings)
            except DataError as error:
                missing.setdefault(run.task.name, str(error))
    if missing:
        listed = "; ".join(f"{name}: {why}" for name, why in missing.items())
        raise DataError(f"--strict-data: {listed}")


def check_folder(out: Path, runs: Sequence[PlannedRun]) -> None:
    """Check that an earlier suite in the same folder drew its items in the same way.

    Raises:
        RunDiffers: it did not; the message names each run and what differs.

    """
    earlier = _drawings(out)
    differences = []
    for run in runs:
        was, made = earlier.get(run.name), (run.settings.out / MANIFEST_NAME).exists()
        if was is None or not made:
            continue
        for name, value in run.drawing.items():
            if was.get(name) != value and not _grew(name, was.get(name), value):
                differences.append(f"{run.name}: {name} was {was.get(name)!r}, is {value!r}")
    if differences:
        raise RunDiffers(
            f"--out: the runs in {out} are of other items; {'; '.join(differences)}; "
            "ask for the same suite, or name another --out"
        )


def _drawings(out: Path) -> dict[str, Mapping[str, Any]]:
    """Give how each run in a folder drew its items, by its name, also those of other suites.

    Raises:
        UsageError: `suite.json` is damaged.

    """
    path = out / SUITE_NAME
    if not path.exists():
        return {}
    try:
        return dict(orjson.loads(path.read_bytes())["drawings"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--out: {path} cannot be read ({error}); name another folder") from error


def _grew(name: str, was: Any, value: Any) -> bool:
    return name in ("size", "share") and None not in (was, value) and was < value


async def run_suite(
    left: Sequence[LeftOut],
    out: Path,
    spending: Spending,
    board: Sequence[Standing],
    viewer: Viewer,
) -> Finished:
    """Make every run of a suite, or go on with it.

    Cancelling it keeps every finished sample, and `suite.json` says how far it came.
    """
    by_endpoint: dict[str, list[Standing]] = defaultdict(list)
    for standing in board:
        by_endpoint[standing.run.settings.base_url].append(standing)

    def keep() -> None:
        write_suite(out, finished(board, left, spending))

    keep()
    try:
        with spending.watching():
            async with asyncio.TaskGroup() as group:
                for standings in by_endpoint.values():
                    group.create_task(_one_after_another(standings, spending, viewer, keep))
    finally:
        for standing in board:
            _close(standing, spending)
        keep()
    return finished(board, left, spending)


def finished(board: Sequence[Standing], left: Sequence[LeftOut], spending: Spending) -> Finished:
    """Give the suite as it stands."""
    return Finished(
        tuple(board),
        tuple(left),
        spending.reached,
        time.monotonic() - spending.begun,
        spending.requests,
        spending.completion_tokens,
    )


async def _one_after_another(
    standings: Sequence[Standing],
    spending: Spending,
    viewer: Viewer,
    keep: Callable[[], None],
) -> None:
    for standing in standings:
        if spending.reached is not None:
            return
        standing.state = "running"
        viewer.show(standing, whole=True)
        await _one(standing, spending, viewer)
        viewer.show(standing, whole=True)
        keep()


async def _one(standing: Standing, spending: Spending, viewer: Viewer) -> None:
    run = standing.run

    def reporting(_title: str, planned: int, earlier: Sequence[Brief]) -> Reporter:
        return _Watcher(standing, planned, earlier, spending, viewer)

    going = asyncio.create_task(run_task(run.task, run.settings, reporting=reporting))
    try:
        standing.data = await spending.within(going)
        standing.state = "done" if standing.data is not None else "stopped"
        standing.reason = _why_no_score(standing.data)
    except EvalError as error:
        standing.state, standing.reason = _state_after(error, run), str(error)


def _why_no_score(data: RunData | None) -> str | None:
    if data is None or data.result.score is not None:
        return None
    reasons = [record.reason for record in data.records if record.reason]
    return f"no sample could be scored; the first: {reasons[0]}" if reasons else None


def _state_after(error: EvalError, run: PlannedRun) -> State:
    if isinstance(error, EndpointError):
        return "failed"
    if isinstance(error, RunDiffers) or not isinstance(error, UsageError):
        return "refused"
    if isinstance(error, DataError):
        return "refused" if run.own_data else "left out"
    return "left out" if run.task.interface == "likelihood" else "refused"


def _close(standing: Standing, spending: Spending) -> None:
    """Read back what a run came to, also of one that was stopped, refused or killed earlier."""
    if standing.state == "running":
        standing.state = "stopped"
    if standing.state in ("stopped", "waiting"):
        standing.reason = f"{spending.reached} spent" if spending.reached else "interrupted"
    if standing.data is None and standing.state in ("stopped", "failed", "waiting"):
        with suppress(EvalError):
            standing.data = load_run(standing.run.settings.out)


def write_suite(out: Path, suite: Finished) -> None:
    """Write `suite.json` in one step: every run with its state, its score and its folder."""
    out.mkdir(parents=True, exist_ok=True)
    drawings = {each.run.name: each.run.drawing for each in suite.standings}
    document = {**document_of(suite), "drawings": {**_drawings(out), **drawings}}
    draft = out / f".{SUITE_NAME}.new"
    draft.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    draft.replace(out / SUITE_NAME)


def document_of(suite: Finished) -> Mapping[str, Any]:
    """Give the document that `suite.json` and `--json` have."""
    return {
        "written_at": now(),
        "seconds": suite.seconds,
        "requests": suite.requests,
        "completion_tokens": suite.completion_tokens,
        "budget_reached": suite.reached,
        "runs": [_document(each) for each in suite.standings],
        "left_out": [{"task": each.task, "reason": each.reason} for each in suite.left],
    }


def _document(standing: Standing) -> Mapping[str, Any]:
    run, data = standing.run, standing.data
    metrics = data.result.metrics if data is not None else {}
    return {
        "name": run.name,
        "model": run.model.label,
        "task": run.task.name,
        "title": run.task.title,
        "out": str(run.settings.out),
        "state": standing.state,
        "reason": standing.reason,
        "headline": run.task.headline,
        "score": standing.score,
        "metrics": {name: each for name, each in metrics.items() if run.entry.shows(name)},
        "outcomes": data.result.outcomes if data is not None else None,
        "samples": data.result.samples if data is not None else standing.done,
        "planned": data.result.planned if data is not None else standing.planned,
    }
