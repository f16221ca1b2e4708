"""pass@k: the published formula, and the estimates of a run."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.stats.pass_at_k import estimates, pass_at_k
from evenhand_evals.types import Score, ScoredItem


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw answers, right answers, and k."""
    n = draw(st.integers(1, 200))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@given(problems())
def test_equals_numpy_and_binomials(drawn: tuple[int, int, int]) -> None:
    """The product equals the one that the paper prints with numpy, and the exact binomials."""
    n, c, k = drawn
    ours = pass_at_k(n, c, k)
    printed = 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
    assert ours == pytest.approx(printed, abs=1e-12)
    assert ours == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-12)


@pytest.mark.parametrize(("n", "c", "k"), [(0, 0, 1), (2, 3, 1), (2, -1, 1), (2, 1, 0), (2, 1, 3)])
def test_impossible_counts(n: int, c: int, k: int) -> None:
    """Counts that cannot be are refused."""
    with pytest.raises(ValueError, match="pass@k needs"):
        pass_at_k(n, c, k)


def _scored(item: str, *values: int) -> list[ScoredItem]:
    return [
        ScoredItem(item, repeat, None, Score("correct" if value else "wrong", float(value)))
        for repeat, value in enumerate(values)
    ]


def test_estimates_of_a_run() -> None:
    """pass@1 is the mean; k goes up to the repeats at hand, and an item needs k answers."""
    found = estimates([*_scored("a", 1, 0, 0), *_scored("b", 0, 0, 0), *_scored("c", 1, 1)])
    assert list(found) == ["pass@1", "pass@2", "pass@3"]
    assert found["pass@1"].value == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert found["pass@2"].value == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert (found["pass@3"].value, found["pass@3"].n) == (0.5, 2)
    assert found["pass@1"].low < found["pass@1"].value < found["pass@1"].high


def test_one_repeat_has_one_estimate() -> None:
    """A run without repeats has pass@1 alone, with the interval of a proportion."""
    found = estimates([*_scored("a", 1), *_scored("b", 0)])
    assert {name: (each.value, each.method) for name, each in found.items()} == {
        "pass@1": (0.5, "wilson")
    }
    assert estimates([]) == {}
