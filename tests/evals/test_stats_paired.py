"""Paired statistics: published examples, scipy as the oracle, and properties."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from evenhand_evals.stats.intervals import wilson
from evenhand_evals.stats.paired import (
    Discordance,
    bootstrap,
    detectable,
    differences_of,
    mcnemar,
    newcombe,
    permutation,
)

COUNTS = st.integers(0, 400)
TABLES = st.builds(Discordance, COUNTS, COUNTS, COUNTS, COUNTS).filter(lambda each: each.n > 0)
DIFFERENCES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=60)


def swapped(table: Discordance) -> Discordance:
    """Let A and B change places."""
    return Discordance(table.both, table.only_b, table.only_a, table.neither)


@given(st.floats(0, 1, allow_subnormal=False), st.integers(1, 64))
def test_equal_repeats_are_no_difference(value: float, repeats: int) -> None:
    """Whatever their mean's last digit; any other difference is kept as it is."""
    assert differences_of([sum([value] * repeats) / repeats], [value]) == [0.0]
    assert differences_of([value, 1.0], [0.5, 1 - 1e-9]) == [value - 0.5, 1.0 - (1 - 1e-9)]


@given(COUNTS, COUNTS)
def test_mcnemar_is_scipys_binomial_test(only_a: int, only_b: int) -> None:
    """The exact p is that of a fair coin, and mid-p is not above it."""
    test = mcnemar(only_a, only_b)
    n = only_a + only_b
    expected = oracle.binomtest(only_a, n).pvalue if n else 1.0
    assert test.p == pytest.approx(expected, rel=1e-9)
    assert test.mid_p is not None
    assert 0 <= test.mid_p <= test.p or math.isclose(test.mid_p, 1.0)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p", "mid_p"), [(1, 7, 0.0703, 0.0391), (6, 16, 0.0525, 0.0347)]
)
def test_mcnemar_of_published_tables(only_a: int, only_b: int, p: float, mid_p: float) -> None:
    """The two examples of Fagerland, Lydersen and Laake 2013 come out as printed."""
    test = mcnemar(only_a, only_b)
    assert (round(test.p, 4), round(test.mid_p or 0, 4)) == (p, mid_p)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Newcombe 1998, table III; Altman et al. 2000, p. 52; Fagerland et al. 2014, Bentur data.
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((14, 5, 0, 22), 0.011, 0.226),
        ((1, 1, 7, 12), -0.507, -0.026),
    ],
)
def test_newcombe_of_published_tables(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Method 10 gives the published bounds."""
    interval = newcombe(Discordance(*table))
    assert interval.low == pytest.approx(low, abs=5e-4)
    assert interval.high == pytest.approx(high, abs=5e-4)


@given(TABLES)
def test_newcombe_is_antisymmetric(table: Discordance) -> None:
    """Swapping the runs mirrors the interval, which holds the estimate and stays in -1..1."""
    one, other = newcombe(table), newcombe(swapped(table))
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert one.high == pytest.approx(-other.low, abs=1e-9)


@given(st.lists(st.sampled_from((-1.0, -0.5, 0.25, 1.0)), min_size=2, max_size=9))
def test_permutation_is_scipys_exact_test(differences: list[float]) -> None:
    """With few pairs every sign pattern is counted, as scipy does."""

    def total(sample: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(sample.sum(axis=axis))

    expected = oracle.permutation_test(
        (np.array(differences),),
        total,
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    test = permutation(differences, seed=0)
    assert test.p == pytest.approx(expected.pvalue)
    assert test.draws is None


@settings(max_examples=20)
@given(st.lists(st.sampled_from((-1.0, 1.0)), min_size=21, max_size=60))
def test_permutation_of_plain_verdicts_is_near_mcnemar(differences: list[float]) -> None:
    """Above twenty pairs the seeded draws come close to the exact value, which they estimate."""
    exact = mcnemar(differences.count(1.0), differences.count(-1.0)).p
    test = permutation(differences, seed=7)
    assert test.draws == 10_000
    assert test.p == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 10_000) + 2e-4)


@given(DIFFERENCES)
@settings(max_examples=25)
def test_permutation_does_not_care_who_is_a(differences: list[float]) -> None:
    """The test is two-sided: mirrored differences have the same p, which is never zero."""
    one = permutation(differences, seed=3, draws=200, exact=8)
    other = permutation([-each for each in differences], seed=3, draws=200, exact=8)
    assert one.p == pytest.approx(other.p)
    assert 0 < one.p <= 1


@given(DIFFERENCES, st.integers(0, 2**32))
@settings(max_examples=25)
def test_bootstrap_repeats_with_its_seed(differences: list[float], seed: int) -> None:
    """The same seed gives the same interval, which holds the estimate within the data."""
    one = bootstrap(differences, seed=seed, resamples=200)
    assert one == bootstrap(differences, seed=seed, resamples=200)
    assert -1 - 1e-9 <= one.low <= one.value <= one.high <= 1 + 1e-9
    if one.method == "bootstrap":
        assert min(differences) - 1e-9 <= one.low < one.high <= max(differences) + 1e-9


@given(st.integers(2, 900))
def test_items_that_all_agree_leave_the_doubt_of_newcombe(n: int) -> None:
    """Graded items without a difference are no surer than as many plain pairs that agree."""
    interval, plain = bootstrap([0.0] * n, seed=0), newcombe(Discordance(n, 0, 0, 0))
    assert (interval.value, interval.method) == (0.0, "wilson")
    assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high))
    assert interval.high == pytest.approx(wilson(0, n).high)


@given(st.integers(-8, 8).map(lambda eighths: eighths / 8), st.integers(2, 900))
def test_equal_differences_are_not_certainty(value: float, n: int) -> None:
    """The interval has width, stays in -1..1, narrows with n, and mirrors with the sign."""
    one, more = bootstrap([value] * n, seed=0), bootstrap([value] * (2 * n), seed=0)
    other = bootstrap([-value] * n, seed=0)
    assert -1 - 1e-9 <= one.low <= more.low <= value <= more.high <= one.high <= 1 + 1e-9
    assert one.high - one.low > more.high - more.low > 0
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize("differences", [[0.3], [0.0], [2.5, 2.5, 2.5]])
def test_no_interval_where_nothing_bounds_it(differences: list[float]) -> None:
    """One item, or values that are no shares."""
    interval = bootstrap(differences, seed=0)
    assert (interval.low, interval.high, interval.method) == (
        interval.value,
        interval.value,
        "none",
    )


def test_bootstrap_is_near_the_t_interval() -> None:
    """For many items the percentile interval is close to the textbook one."""
    values = [((37 * number) % 101) / 101 - 0.3 for number in range(400)]
    expected = oracle.t.interval(
        0.95, 399, loc=sum(values) / 400, scale=oracle.tstd(values) / math.sqrt(400)
    )
    interval = bootstrap(values, seed=1)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.004)


def test_detectable_follows_the_formula() -> None:
    """With a spread of 0.5 and 100 items 80 % power needs 2.8 standard errors: 14 points."""
    assert detectable([0.5, -0.5] * 50) == pytest.approx(2.8016 * 0.50252 / 10, rel=1e-4)


def test_no_difference_seen_is_not_none_possible() -> None:
    """Identical runs of 541 items still cannot show a tenth of a point."""
    assert 0.001 < detectable([0.0] * 541) < 0.01


@pytest.mark.parametrize(
    "empty",
    [
        lambda: newcombe(Discordance(0, 0, 0, 0)),
        lambda: bootstrap([], seed=0),
        lambda: detectable([]),
    ],
)
def test_no_items_is_an_error(empty: Callable[[], object]) -> None:
    """Nothing can be said of no items."""
    with pytest.raises(ValueError, match="at least one item"):
        empty()
