"""The plots of the report: every number has its place, whatever the numbers are."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.report.plots import Axis, Dot, difference_axis, forest, outcome_bar, score_axis
from evenhand_evals.types import Outcome
from tests.evals.html_tree import parse

shares = st.floats(0, 100, allow_nan=False)


@given(st.lists(st.tuples(shares, shares, shares).map(sorted), min_size=1, max_size=6))
def test_score_axis_holds_every_interval(rows: list[list[float]]) -> None:
    """Whatever the scores, all of each interval is inside the axis, and so are the ticks."""
    axis = score_axis([Dot("A", mid, low, high, "") for low, mid, high in rows])
    for low, _, high in rows:
        assert axis.low <= low <= high <= axis.high
    check_ticks(axis)


@given(st.lists(st.floats(-100, 100, allow_nan=False), min_size=3, max_size=3).map(sorted))
def test_difference_axis_is_symmetric_around_zero(row: list[float]) -> None:
    """Zero is in the middle, a tick, and the whole interval is inside."""
    axis = difference_axis([Dot("A − B", row[1], row[0], row[2], "")])
    assert axis.low == -axis.high
    assert axis.low <= row[0] <= row[2] <= axis.high
    assert 0.0 in axis.ticks
    check_ticks(axis)


def check_ticks(axis: Axis) -> None:
    """Assert that an axis has a readable number of ticks, all on it."""
    assert 2 <= len(axis.ticks) <= 11
    assert all(0 <= axis.at(tick) <= 100 for tick in axis.ticks)


@given(st.fixed_dictionaries({name: st.integers(0, 5000) for name in get_args(Outcome)}))
def test_outcome_bar_is_as_wide_as_its_counts(counts: dict[Outcome, int]) -> None:
    """The widths of the parts are the shares of the outcomes, and nothing is drawn for none."""
    drawn = parse(str(outcome_bar("k", "t", counts))).find("rect")
    classes = [(rect.attributes.get("class", ""), rect.attributes["width"]) for rect in drawn]
    widths = {name.split("-")[1]: float(width[:-1]) for name, width in classes if name}
    total = sum(counts.values())
    assert widths.keys() == {name for name, count in counts.items() if count}
    for name, width in widths.items():
        expected = next(100 * count / total for key, count in counts.items() if key == name)
        assert width == pytest.approx(expected, abs=0.011)


@given(st.text())
def test_plot_text_is_escaped(words: str) -> None:
    """Any text in a plot's label stays text."""
    picture = parse(str(forest("k", "t", [Dot(words, 50, 40, 60, "50")])))
    plain = parse(str(forest("k", "t", [Dot("", 50, 40, 60, "50")])))
    assert [node.tag for node in picture.walk()] == [node.tag for node in plain.walk()]


def test_scores_that_are_no_shares_have_their_own_scale() -> None:
    """A cost below zero and a perplexity above a hundred are on the paper."""
    cost = score_axis([Dot("A", -1.6, -9.0, 5.0, "")])
    perplexity = score_axis([Dot("A", 150.0, 140.0, 160.0, "")])
    assert cost.low < -9 < 5 < cost.high
    assert perplexity.low == 0
    assert perplexity.high > 160
    drawn = forest("f", "t", [Dot("A", 32.0, 31.0, 33.0, "")], "")
    assert "the axis starts at 30<" in drawn


def test_differences_in_a_unit_of_their_own_fill_the_plot() -> None:
    """Six points mean nothing there."""
    axis = difference_axis([Dot("A − B", 0.1, 0.05, 0.15, "")], least=0.0)
    assert 0.15 < axis.high < 0.2
    assert difference_axis([Dot("A − B", 0.0, 0.0, 0.0, "")], least=0.0).high == 1.0
