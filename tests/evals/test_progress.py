"""Progress goes to a stream as plain lines, or to a terminal as a bar."""

import io

import pytest
from rich.console import Console

from evenhand_evals.brief import brief_of
from evenhand_evals.progress import BarReporter, LineReporter, format_score, reporter, reporting_of
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Estimate
from tests.evals.test_results import failed, scored


def test_a_line_at_every_tenth() -> None:
    """Forty samples make ten lines, the last of them complete."""
    stream = io.StringIO()
    progress = LineReporter("yes tiny", 40, [], stream)
    for number in range(40):
        progress.update(scored(f"i{number}", number % 2) if number else failed("i0"))
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("yes tiny: 4/40, ")
    assert "score 51.3 [" in lines[-1]
    assert "1 failed, about 0 s left" in lines[-1]


def test_a_run_without_a_score() -> None:
    """Nothing was scored so far, and no word stands twice."""
    stream = io.StringIO()
    LineReporter("t", 1, [], stream).update(failed("a"))
    assert "/s, no score yet, 1 failed" in stream.getvalue()


def test_what_was_done_before_is_counted() -> None:
    """A resumed run begins where it stopped."""
    stream = io.StringIO()
    done = [brief_of(scored("a", 1)), brief_of(scored("b", 1))]
    progress = LineReporter("t", 4, done, stream)
    assert stream.getvalue() == ""
    progress.update(scored("c", 1))
    assert stream.getvalue().startswith("t: 3/4, ")


def test_a_bar_shows_rate_score_and_failures() -> None:
    """On a terminal one line is redrawn."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=160)
    progress = BarReporter("yes tiny", 2, [], console)
    progress.update(scored("a", 1))
    progress.update(failed("b"))
    progress.close()
    text = stream.getvalue()
    assert "2/2" in text
    assert "/s, score 100.0 [" in text
    assert "1 failed" in text


def test_standard_error_that_is_no_terminal_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing goes to standard output."""
    progress = reporter("t", 1, [])
    progress.update(scored("a", 1))
    progress.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("t: 1/1, ")


def test_scores_are_in_points() -> None:
    """With their interval."""
    assert format_score(Estimate(0.832, 0.799, 0.861, 541, "wilson")) == "83.2 [79.9, 86.1]"
    assert format_score(Estimate(0.342, 0.342, 0.342, 1, "none")) == "34.2"
    assert format_score(None) == "no score yet"


def test_what_is_not_the_headline_is_not_called_the_score(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The mean so far stands under the name of what it is the mean of."""
    for task, name in (("wmt22", "mean sentence_chrf2"), ("gsm8k", "score")):
        reporting_of(TASKS[task])("t", 1, []).update(scored("a", 1))
        assert f"/s, {name} 100.0 [" in capsys.readouterr().err
