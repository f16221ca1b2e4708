"""The intervals of one run: against scipy, against hand-made cases, and by their properties."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from evenhand_evals.stats.intervals import mean, percentiles, ratio, wilson

SHARES = st.floats(0, 1, allow_subnormal=False)
ITEMS = st.lists(st.lists(SHARES, min_size=1, max_size=4), min_size=1, max_size=40)


@st.composite
def trials(draw: st.DrawFn) -> tuple[int, int]:
    """Draw successes and trials."""
    n = draw(st.integers(1, 3000))
    return draw(st.integers(0, n)), n


@given(trials())
def test_wilson_agrees_with_scipy(case: tuple[int, int]) -> None:
    """Both bounds are scipy's."""
    successes, n = case
    expected = oracle.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    interval = wilson(successes, n)
    assert interval.low == pytest.approx(expected.low, abs=1e-9)
    assert interval.high == pytest.approx(expected.high, abs=1e-9)


@given(trials())
def test_wilson_is_symmetric(case: tuple[int, int]) -> None:
    """Counting failures instead of successes mirrors the interval."""
    successes, n = case
    one, other = wilson(successes, n), wilson(n - successes, n)
    assert one.low == pytest.approx(1 - other.high, abs=1e-9)
    assert one.low <= one.value <= one.high


def test_wilson_of_the_published_ifeval_score() -> None:
    """456 of 541 prompts is 84.3 with an interval that holds 83.2, the other published score."""
    interval = wilson(456, 541)
    assert interval.value == pytest.approx(0.843, abs=5e-4)
    assert interval.low < 0.832 < interval.high


def test_wilson_refuses_impossible_counts() -> None:
    """More successes than trials are an error, not an interval."""
    with pytest.raises(ValueError, match="got 3 of 2"):
        wilson(3, 2)


def test_wilson_knows_nothing_without_trials() -> None:
    """No trial leaves everything possible."""
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@given(ITEMS)
def test_mean_lies_in_its_interval_within_zero_and_one(items: list[list[float]]) -> None:
    """Shares give an interval inside 0..1 that holds the estimate."""
    interval = mean(items)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    expected = sum(sum(each) / len(each) for each in items) / len(items)
    assert interval.value == pytest.approx(expected)


def test_mean_of_plain_verdicts_is_wilsons() -> None:
    """One verdict for each item is a proportion."""
    assert mean([[1.0], [0.0], [1.0]]) == wilson(2, 3)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=50))
def test_mean_of_single_values_is_the_t_interval(values: list[float]) -> None:
    """Without repeats the clustered interval is the textbook one."""
    spread = statistics.stdev(values)
    if spread < 1e-3 or all(0 <= each <= 1 for each in values):
        return
    low, high = oracle.t.interval(
        0.95, len(values) - 1, loc=sum(values) / len(values), scale=spread / math.sqrt(len(values))
    )
    interval = mean([[each] for each in values])
    assert interval.low == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert interval.high == pytest.approx(high, rel=1e-6, abs=1e-9)


def test_repeats_of_an_item_are_not_independent() -> None:
    """Asking the same items ten times over narrows nothing if the answers do not vary."""
    once = mean([[0.5], [0.2], [0.9], [0.4]])
    often = mean([[0.5] * 10, [0.2] * 10, [0.9] * 10, [0.4] * 10])
    assert often.low == pytest.approx(once.low)
    assert often.high == pytest.approx(once.high)


def test_all_right_is_not_certainty() -> None:
    """Repeats that are all right leave Wilson's doubt about the items."""
    interval = mean([[1.0, 1.0], [1.0, 1.0]])
    assert interval.high == 1.0
    assert interval.low == pytest.approx(wilson(2, 2).low)


@pytest.mark.parametrize("samples", [[], [0.3] * 100, [0.1 + 0.2, 0.3] * 50])
def test_draws_that_do_not_vary_are_no_interval(samples: list[float]) -> None:
    """Rounding alone is no variation either."""
    interval = percentiles(0.3, samples)
    assert (interval.low, interval.high, interval.method) == (0.3, 0.3, "none")


def test_percentiles_cut_both_ends_alike() -> None:
    """Of a hundred draws two are cut at each end, and the value is never outside."""
    drawn = [number / 100 for number in range(100)]
    interval = percentiles(0.5, drawn)
    assert (interval.low, interval.high, interval.method) == (0.02, 0.97, "bootstrap")
    assert percentiles(0.99, drawn).high == 0.99


def test_marks_at_the_ends_of_their_scale_are_no_verdicts() -> None:
    """They have the t interval; where all are alike, Wilson's is a bound for them too."""
    marks = mean([[1.0], [0.0], [1.0], [1.0]], graded=True)
    half = oracle.t.ppf(0.975, 3) * math.sqrt(0.75 * 0.25 / 3)
    assert (marks.method, marks.high) == ("clustered t", 1.0)
    assert marks.low == pytest.approx(max(0.0, 0.75 - half))
    assert mean([[0.0]] * 9, graded=True) == wilson(0, 9)


def test_ratio_pools_over_items() -> None:
    """Three instructions of four and one of one make four of five."""
    interval = ratio([3, 1], [4, 1])
    assert interval.value == pytest.approx(0.8)
    assert 0 <= interval.low <= 0.8 <= interval.high <= 1


@given(st.lists(SHARES, min_size=2, max_size=30))
def test_ratio_of_equal_totals_is_the_mean(values: list[float]) -> None:
    """With one trial for each item a ratio is a mean."""
    assert ratio(values, [1] * len(values)).value == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(("above", "below"), [([], []), ([1], []), ([0], [0])])
def test_ratio_refuses_nothing(above: list[float], below: list[float]) -> None:
    """A ratio over nothing is an error."""
    with pytest.raises(ValueError, match="ratio needs"):
        ratio(above, below)


def test_mean_refuses_an_item_without_values() -> None:
    """An item that was never scored must not reach the mean."""
    with pytest.raises(ValueError, match="at least one value"):
        mean([[1.0], []])
