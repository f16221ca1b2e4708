"""A suite while it runs, on standard error: one live table, or a line for each change in a pipe."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evenhand_evals.cli.output import note
from evenhand_evals.progress import format_score
from evenhand_evals.suite.run import Viewer
from evenhand_evals.suite.standing import Standing

REFRESH_S = 0.25
AROUND = 4
"""Lines of the terminal that are not runs: the head, its rule, the caption and the cursor."""
WIDEST_REASON = 44
COLUMNS = ("model", "task", "state", "samples", "score", "failed")
_STYLES: Final = {
    "waiting": "dim",
    "running": "bold",
    "done": "green",
    "stopped": "yellow",
    "left out": "dim",
    "refused": "red",
    "failed": "red",
}


def cells(standing: Standing) -> tuple[str, ...]:
    """Give the cells of one run's row; a run that has no score says why in its place."""
    score = format_score(standing.score) if standing.score else standing.reason or ""
    return (
        standing.run.model.label,
        standing.run.task.name,
        standing.state,
        standing.samples,
        score,
        str(standing.failed) if standing.samples else "",
    )


def table(board: Sequence[Standing], height: int) -> Table:
    """Draw the runs, of a board that is too high those around the one that goes on."""
    room = max(3, height - AROUND)
    begun = sum(each.state != "waiting" for each in board)
    first = max(0, min(begun - room + 2, len(board) - room))
    counts = Counter(each.state for each in board)
    caption = ", ".join(f"{count} {state}" for state, count in counts.items())
    drawn = Table(show_edge=False, pad_edge=False, caption=caption, caption_justify="left")
    for column in COLUMNS:
        widest = WIDEST_REASON if column == "score" else None
        drawn.add_column(column, no_wrap=True, overflow="ellipsis", max_width=widest)
    for standing in board[first : first + room]:
        drawn.add_row(*(Text(cell, _STYLES[standing.state]) for cell in cells(standing)))
    return drawn


class LiveTable:
    """Redraws the table, at most four times a second."""

    def __init__(self, board: Sequence[Standing], live: Live) -> None:
        self._board, self._live, self._drawn_at = board, live, 0.0

    def show(self, standing: Standing, *, whole: bool) -> None:
        """Draw the table anew if it is time, or a run's state changed."""
        if whole or time.monotonic() - self._drawn_at >= REFRESH_S:
            self._drawn_at = time.monotonic()
            height = self._live.console.height
            self._live.update(table(self._board, height), refresh=True)


class Lines:
    """A line for each run that begins or ends, for logs and pipes."""

    def show(self, standing: Standing, *, whole: bool) -> None:
        """Print the run if its state changed."""
        if whole:
            model, task, state, samples, score, failed = cells(standing)
            parts = [state, samples, score, f"{failed} failed" if failed not in ("", "0") else ""]
            line = ", ".join(each for each in parts if each)
            note(f"{model} {task}: {line}")


@contextmanager
def showing(board: Sequence[Standing]) -> Iterator[Viewer]:
    """Show a suite in the manner that fits standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    with Live(
        table(board, console.height), console=console, transient=True, auto_refresh=False
    ) as live:
        yield LiveTable(board, live)
