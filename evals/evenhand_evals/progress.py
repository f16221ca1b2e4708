"""How far a run is, on standard error: a bar in a terminal, a line every tenth elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evenhand_evals.brief import Brief
from evenhand_evals.headlines import item_values, mean_of
from evenhand_evals.log import Record
from evenhand_evals.types import Estimate, Task
from evenhand_evals.whole_headlines import whole_headline

REFRESH = 0.25
STEPS = 10
SCORE = "score"


class Reporter(Protocol):
    """Is told of every sample that a run finishes."""

    def update(self, record: Record) -> None:
        """Take note of one finished sample."""

    def close(self) -> None:
        """Show the last state and let go of the terminal."""


Reporting = Callable[[str, int, Sequence[Brief]], Reporter]
"""Makes a reporter from a run's title, its planned samples, and those that it has already."""


def format_score(score: Estimate | None) -> str:
    """Write a score and its interval in points: `83.2 [79.9, 86.1]`, or `no score yet`.

    A score without an interval stands alone.
    """
    if score is None:
        return "no score yet"
    if score.method == "none":
        return score.text()
    _, low, high = score.shown
    return f"{score.text()} [{score.text(low)}, {score.text(high)}]"


class _Tally:
    """The scores so far, what was there before this session, and the speed of this session.

    `named` is what the mean of the items' values is called.
    """

    def __init__(self, planned: int, earlier: Sequence[Brief], named: str) -> None:
        self.planned = planned
        self._named = named
        self.done = len(earlier)
        self._values = item_values(earlier)
        self._failed = sum(each.outcome == "failed" for each in earlier)
        self._fresh = 0
        self._begun = time.monotonic()

    def add(self, record: Record) -> None:
        self.done += 1
        self._fresh += 1
        self._failed += record.outcome == "failed"
        if record.score is not None:
            self._values.setdefault(record.item, []).append(record.score.value)

    @property
    def rate(self) -> float:
        return self._fresh / max(time.monotonic() - self._begun, 1e-9)

    def line(self) -> str:
        found = mean_of(self._values.values())
        score = f"{self._named} {format_score(found)}" if found else format_score(None)
        return f"{self.rate:.1f}/s, {score}, {self._failed} failed"


class BarReporter:
    """A progress bar with rate, running score and its interval, failures and time left."""

    def __init__(
        self,
        title: str,
        planned: int,
        earlier: Sequence[Brief],
        console: Console,
        named: str = SCORE,
    ) -> None:
        self._tally = _Tally(planned, earlier, named)
        self._next = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[line]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._id = self._bar.add_task(
            title, total=planned, completed=self._tally.done, line=self._tally.line()
        )
        self._bar.start()

    def update(self, record: Record) -> None:
        """Take note of one finished sample; the bar is drawn at most four times a second.

        The score of a large run takes a while: it may take a twentieth of the time.
        """
        self._tally.add(record)
        if time.monotonic() >= self._next:
            self._show()

    def close(self) -> None:
        """Draw the last state and let go of the terminal."""
        self._show()
        self._bar.stop()

    def _show(self) -> None:
        begun = time.monotonic()
        self._bar.update(self._id, completed=self._tally.done, line=self._tally.line())
        now = time.monotonic()
        self._next = now + max(REFRESH, 20 * (now - begun))


class LineReporter:
    """A plain line at every tenth of a run, for logs and pipes."""

    def __init__(
        self,
        title: str,
        planned: int,
        earlier: Sequence[Brief],
        stream: TextIO,
        named: str = SCORE,
    ) -> None:
        self._title = title
        self._tally = _Tally(planned, earlier, named)
        self._stream = stream
        self._shown = self._step

    def update(self, record: Record) -> None:
        """Take note of one finished sample; print where another tenth is full."""
        self._tally.add(record)
        if self._step > self._shown:
            self._shown = self._step
            left = (self._tally.planned - self._tally.done) / max(self._tally.rate, 1e-9)
            print(
                f"{self._title}: {self._tally.done}/{self._tally.planned}, {self._tally.line()}, "
                f"about {left:.0f} s left",
                file=self._stream,
                flush=True,
            )

    def close(self) -> None:
        """Do nothing: a line has no terminal to let go of."""

    @property
    def _step(self) -> int:
        return self._tally.done * STEPS // max(self._tally.planned, 1)


def reporter(title: str, planned: int, earlier: Sequence[Brief], named: str = SCORE) -> Reporter:
    """Give the reporter that fits standard error."""
    console = Console(stderr=True)
    if console.is_terminal:
        return BarReporter(title, planned, earlier, console, named)
    return LineReporter(title, planned, earlier, sys.stderr, named)


def reporting_of(task: Task) -> Reporting:
    """Give what reports a task's runs: "score" is its headline, or another mean stands there.

    A headline that is not the mean of the items' values is not known before the end, so what they
    are the values of stands there by its name.
    """
    whole = whole_headline(task)
    return partial(reporter, named=f"mean {whole.item_value}" if whole else SCORE)
