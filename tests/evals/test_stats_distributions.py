"""The quantiles of stats/distributions.py against scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy import stats as oracle

from evenhand_evals.stats.distributions import (
    incomplete_beta,
    normal_quantile,
    student_quantile,
    student_tail,
)

DEGREES = st.integers(min_value=1, max_value=20_000)


@given(st.floats(0.1, 200), st.floats(0.1, 200), st.floats(0, 1))
def test_incomplete_beta_agrees_with_scipy(a: float, b: float, x: float) -> None:
    """The continued fraction gives scipy's value over the whole range."""
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)


@given(st.floats(-50, 50), DEGREES)
def test_student_tail_agrees_with_scipy(t: float, degrees: int) -> None:
    """The two-sided tail is scipy's, whatever the sign of t."""
    expected = 2 * oracle.t.sf(abs(t), degrees)
    assert student_tail(t, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(st.sampled_from((0.9, 0.95, 0.975, 0.995)), DEGREES)
def test_student_quantile_agrees_with_scipy(probability: float, degrees: int) -> None:
    """The quantile found by bisection is scipy's."""
    expected = oracle.t.ppf(probability, degrees)
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-8)


def test_normal_quantile_is_the_known_one() -> None:
    """The 97.5 % point is 1.959964."""
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
