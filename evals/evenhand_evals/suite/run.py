"""Running a suite: each endpoint's runs one after another, endpoints side by side.

Every run is one of `run.run_task` with `resume`, in a folder of its own, so that a suite that was
killed goes on where it was. A run that cannot be made does not stop the others: its state says
why.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from evenhand_evals.brief import Brief, brief_of
from evenhand_evals.errors import EndpointError, EvalError, Unaskable, UsageError
from evenhand_evals.headlines import item_values
from evenhand_evals.log import Record
from evenhand_evals.progress import Reporter
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import run_task
from evenhand_evals.suite.check import is_away, is_finished
from evenhand_evals.suite.file import Budget
from evenhand_evals.suite.folder import write_suite
from evenhand_evals.suite.plan import LeftOut, PlannedRun
from evenhand_evals.suite.standing import Finished, Standing, State


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


async def run_suite(
    left: Sequence[LeftOut],
    out: Path,
    spending: Spending,
    board: Sequence[Standing],
    viewer: Viewer,
    before: Sequence[Standing] = (),
) -> Finished:
    """Make every run of a suite, or go on with it; `before` are runs that are left as they stand.

    Cancelling it keeps every finished sample, and `suite.json` says how far it came.
    """
    by_endpoint: dict[str, list[Standing]] = defaultdict(list)
    for standing in board:
        by_endpoint[standing.run.settings.base_url].append(standing)

    def keep() -> None:
        write_suite(out, finished(board, left, spending, before))

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
    return finished(board, left, spending, before)


def finished(
    board: Sequence[Standing],
    left: Sequence[LeftOut],
    spending: Spending,
    before: Sequence[Standing] = (),
) -> Finished:
    """Give the suite as it stands, in the order of its tasks."""
    return Finished(
        tuple(sorted((*board, *before), key=lambda each: each.run.place)),
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
        data = await spending.within(going)
        standing.state = "done" if data is not None else "stopped"
        standing.reason = _why_no_score(data)
        if data is not None:
            standing.read(data)
    except EvalError as error:
        standing.state = _state_after(error, run)
        of_file = standing.state == "refused" or str(error).startswith(("sampling", "languages"))
        standing.reason = run.origin.told(error, of_file=of_file)
        if is_away(error, run) and await asyncio.to_thread(is_finished, run):
            standing.state = "done"
            standing.reason = f"an earlier call finished it, and now {standing.reason}"


def _why_no_score(data: RunData | None) -> str | None:
    if data is None or data.result.score is not None:
        return None
    reasons = [record.reason for record in data.records if record.reason]
    return f"no sample could be scored; the first: {reasons[0]}" if reasons else None


def _state_after(error: EvalError, run: PlannedRun) -> State:
    if isinstance(error, EndpointError):
        return "failed"
    if isinstance(error, Unaskable):
        return "left out"
    blamed = not isinstance(error, UsageError) or run.is_to_blame(error)
    return "refused" if blamed else "left out"


def _close(standing: Standing, spending: Spending) -> None:
    """Read back what a run came to, also of one that was stopped, refused or killed."""
    if standing.state == "running":
        standing.state = "stopped"
    if standing.state in ("stopped", "waiting"):
        standing.reason = f"{spending.reached} spent" if spending.reached else "interrupted"
    if standing.data is None:
        with suppress(EvalError):
            standing.read(load_run(standing.run.settings.out))
