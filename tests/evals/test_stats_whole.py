"""Scores that are no plain means: two runs are compared by the score itself."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.stats.intervals import wilson
from evenhand_evals.stats.paired import bootstrap, detectable, permutation
from evenhand_evals.stats.whole import Counted, Sums, of_sums, of_weighted


def share(sums: Sums) -> float:
    """Give a ratio of two sums, as a perplexity's exponent is one."""
    return sums[0] / sums[1]


DIFFERENCES = st.lists(st.sampled_from((-1.0, -0.5, 0.0, 0.5, 1.0)), min_size=2, max_size=12)


@given(DIFFERENCES)
def test_equal_weights_are_a_plain_mean(differences: list[float]) -> None:
    """Then test and interval are those of a mean."""
    n = len(differences)
    found = of_weighted(differences, [1 / n] * n, seed=3)
    plain = bootstrap(differences, seed=3)
    assert found.interval.value == pytest.approx(plain.value)
    assert (found.interval.low, found.interval.high) == pytest.approx((plain.low, plain.high))
    assert found.test.p == pytest.approx(permutation(differences, seed=3).p)
    assert found.discordant == sum(each != 0 for each in differences)
    assert found.detectable == pytest.approx(detectable(differences))


WEIGHTED = st.lists(
    st.tuples(st.floats(-1, 1, allow_subnormal=False), st.integers(0, 30)), min_size=1, max_size=12
).filter(lambda items: any(weight for _, weight in items))


@given(WEIGHTED, st.sampled_from((1.0, 2.0)))
def test_no_interval_leaves_what_is_possible(items: list[tuple[float, int]], reach: float) -> None:
    """However unequal the weights are, also where some items have none."""
    total = sum(weight for _, weight in items)
    differences = [reach * each for each, _ in items]
    found = of_weighted(differences, [weight / total for _, weight in items], seed=0, reach=reach)
    value = math.fsum(reach * each * weight / total for each, weight in items)
    low, high = found.interval.low, found.interval.high
    assert found.interval.value == pytest.approx(value, abs=1e-12)
    assert low <= found.interval.value <= high
    assert -reach - 1e-12 <= low
    assert high <= reach + 1e-12
    assert found.detectable is not None
    assert found.detectable > 0


def test_unequal_weights_are_no_noise() -> None:
    """Subjects of 4, 30 and 30 items, each for A: as certain as their effective number allows."""
    weights = [1 / 3 / size for size in (4, 30, 30) for _ in range(size)]
    found = of_weighted([1.0] * 64, weights, seed=0)
    effective = 1 / sum(weight**2 for weight in weights)
    assert (found.interval.value, found.interval.high) == pytest.approx((1, 1))
    assert found.interval.low == pytest.approx(1 - 2 * wilson(0, effective).high, abs=1e-6)
    assert found.interval.method == "wilson"
    assert found.detectable == pytest.approx(detectable([0.0]) / effective)


def test_what_can_be_seen_follows_the_errors_of_a_ratio() -> None:
    """By the linearised residuals, with weights of one to four."""
    differences, weights = [1.0, 0.0, 1.0, 0.0], [0.1, 0.2, 0.3, 0.4]
    squares = sum(
        (weight * (each - 0.4)) ** 2 for each, weight in zip(differences, weights, strict=True)
    )
    found = of_weighted(differences, weights, seed=0)
    # Four items' residuals have three degrees of freedom; one alike item can see z of both levels.
    assert found.detectable == pytest.approx(detectable([0.0]) * math.sqrt(squares * 4 / 3))
    shifted = of_weighted([each - 0.5 for each in differences], weights, seed=0)
    assert shifted.detectable == pytest.approx(found.detectable)
    bounds = (found.interval.low - 0.5, found.interval.high - 0.5)
    assert (shifted.interval.low, shifted.interval.high) == pytest.approx(bounds)


def test_an_item_without_weight_decides_nothing() -> None:
    """It differs, and that is all."""
    with_it = of_weighted([1.0, 0.0, 1.0, -1.0], [0.5, 0.25, 0.25, 0.0], seed=0)
    without = of_weighted([1.0, 0.0, 1.0], [0.5, 0.25, 0.25], seed=0)
    assert with_it.interval == without.interval
    assert with_it.test == without.test
    assert with_it.detectable == without.detectable
    assert with_it.discordant == without.discordant + 1


def test_weights_decide_which_run_is_better() -> None:
    """Three light items for A, one heavy one for B; of eight sign patterns two are as extreme."""
    found = of_weighted([1, 1, 1, -1], [0.1, 0.1, 0.1, 0.7], seed=0)
    assert found.interval.value == pytest.approx(-0.4)
    sums = [
        sum(s * w for s, w in zip(signs, (0.1, 0.1, 0.1, 0.7), strict=True))
        for signs in product((1, -1), repeat=4)
    ]
    assert found.test.p == pytest.approx(sum(abs(each) >= 0.4 - 1e-9 for each in sums) / 16)


def test_no_difference_is_no_certainty() -> None:
    """The fewer items the weight rests on, the wider; a reach of two is twice as wide."""
    even = of_weighted([0.0] * 10, [0.1] * 10, seed=0).interval
    uneven = of_weighted([0.0] * 10, [0.91] + [0.01] * 9, seed=0).interval
    wide = of_weighted([0.0] * 10, [0.1] * 10, seed=0, reach=2.0).interval
    assert 0 < even.high < uneven.high
    assert wide.high == pytest.approx(2 * even.high)
    assert even.method == "wilson"


ITEMS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=14
)


@given(st.lists(ITEMS, min_size=1, max_size=3))
def test_swapping_the_runs_mirrors_everything(groups: list[list[tuple[int, int, int]]]) -> None:
    """Difference and interval change sign, p does not, and the interval holds the difference."""
    there, back = (
        of_sums(
            [
                [Counted((of[first], of[2]), (of[1 - first], of[2])) for of in items]
                for items in groups
            ],
            share,
            seed=1,
        )
        for first in (0, 1)
    )
    expected = sum(
        (sum(each[0] for each in items) - sum(each[1] for each in items))
        / sum(each[2] for each in items)
        for items in groups
    ) / len(groups)
    assert there.interval.value == pytest.approx(expected, abs=1e-12)
    assert there.interval.value == pytest.approx(-back.interval.value, abs=1e-12)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-12)
    assert there.test.p == pytest.approx(back.test.p)
    assert there.interval.low <= there.interval.value <= there.interval.high
    assert 0 < there.test.p <= 1


def test_all_exchanges_of_few_items_are_counted() -> None:
    """Four items of one size, all better in A: two of sixteen exchanges are as extreme."""
    found = of_sums([[Counted((2, 1), (1, 1))] * 4 + [Counted((3, 1), (3, 1))]], share, seed=0)
    assert found.test.test == "exact exchange permutation"
    assert found.test.p == pytest.approx(2 / 16)
    assert found.discordant == 4


def test_many_items_are_drawn_and_agree_with_the_sign_flips_of_a_mean() -> None:
    """Where every item has one unit the score is a mean, and the p-values nearly the same."""
    values = [math.sin(3 * n) for n in range(60)]
    items = [Counted((0.3 + each, 1), (0.1, 1)) for each in values]
    found = of_sums([items], share, seed=0)
    mean = permutation([0.2 + each for each in values], seed=0)
    assert found.test.p == pytest.approx(mean.p, abs=0.03)
    assert found.test.draws == 2000
    plain = bootstrap([0.2 + each for each in values], seed=0)
    assert found.interval.low == pytest.approx(plain.low, abs=0.04)


def test_many_columns_are_drawn_less_often() -> None:
    """The work is bounded, though there are never few draws."""
    items = [Counted((n % 7, 1), (n % 5, 1)) for n in range(20_000)]
    found = of_sums([items], share, seed=0)
    assert found.test.draws == 750


def test_an_exchange_minds_how_often_each_run_asked() -> None:
    """Eight repeats against one with the same answers: exchanging them changes nothing."""
    items = [Counted((math.fsum([n / 7] * 8), 8), (n / 7, 1), (8, 1)) for n in (1, 2, 3)]
    found = of_sums([items], share, seed=0)
    assert found.discordant == 0
    assert found.interval.value == 0
    assert found.test.p == 1
    assert found.interval.method == "none"
    assert found.detectable is None


def test_nothing_is_no_difference() -> None:
    """It is an error."""
    with pytest.raises(ValueError, match="at least one item"):
        of_sums([], share, seed=0)
    with pytest.raises(ValueError, match="at least one item"):
        of_weighted([], [], seed=0)
