"""A suite while it runs: the rows of the table, and the lines of a pipe."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from evenhand_evals.cli.suite_table import Lines, LiveTable, cells, table
from evenhand_evals.settings import RunSettings
from evenhand_evals.suite.file import ModelEntry, TaskEntry
from evenhand_evals.suite.plan import PlannedRun
from evenhand_evals.suite.standing import Standing
from evenhand_evals.suite.words import Origin
from evenhand_evals.tasks import TASKS
from evenhand_evals.yaml_tree import Document
from tests.evals.fake import yes_task


def standing(**facts: object) -> Standing:
    """A run as it stands."""
    entry = ModelEntry("http://127.0.0.1:9", "org/tiny")
    settings = RunSettings("http://127.0.0.1:9/v1", "tiny", Path("out"))
    origin = Origin(Document(None, "suite.yaml", {}), "tasks.0", None)
    run = PlannedRun(entry, TaskEntry("yes"), yes_task(), settings, own_data=False, origin=origin)
    return Standing(run, **facts)  # type: ignore[arg-type]


def test_rows() -> None:
    """A run that waits says nothing, one under way its score so far, one left out its reason."""
    assert cells(standing()) == ("org_tiny", "yes", "waiting", "", "", "")
    under_way = standing(
        state="running", planned=9, done=3, failed_samples=1, values={"a": [1.0], "b": [0.0]}
    )
    assert cells(under_way) == ("org_tiny", "yes", "running", "3/9", "50.0 [9.5, 90.5]", "1")
    assert cells(standing(state="left out", reason="no data"))[4] == "no data"


def test_a_headline_of_the_whole_set_is_not_known_before_the_end() -> None:
    """What items are worth is another number, which does not stand in its place."""
    going = standing(state="running", planned=9, done=1, values={"a": [1.0]})
    whole = replace(going.run, task=TASKS["perplexity"])
    assert going.score is not None
    assert replace(going, run=whole).score is None


def test_the_live_table_is_redrawn() -> None:
    """A new state is drawn at once, and every run stands in the table."""
    stream = io.StringIO()
    board = [standing(), standing(state="failed", reason="it is down")]
    console = Console(file=stream, force_terminal=True, width=100)
    with Live(table(board, 24), console=console, auto_refresh=False) as live:
        board[0].state = "done"
        LiveTable(board, live).show(board[0], whole=True)
    assert "done" in stream.getvalue()
    assert "it is down" in stream.getvalue()


def test_a_board_that_is_too_high() -> None:
    """The run that goes on is always to be seen, and the caption counts all of them."""
    board = [standing(state="done") for _ in range(20)]
    board += [standing(state="running"), *(standing() for _ in range(20))]
    stream = io.StringIO()
    Console(file=stream, width=100).print(table(board, 10))
    drawn = stream.getvalue()
    assert "20 done, 1 running, 20 waiting" in drawn
    assert drawn.count("org_tiny") == 6
    assert "│ running" in drawn


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets a line where a state changed, and none for a sample."""
    found = standing(state="running", planned=9, done=3, failed_samples=1)
    Lines().show(found, whole=False)
    Lines().show(found, whole=True)
    assert capsys.readouterr().err == "org_tiny yes: running, 3/9, 1 failed\n"
