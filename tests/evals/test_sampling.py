"""Stratified samples: sizes, shares, and that a smaller one is a part of a larger one."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.run import order
from evenhand_evals.sampling import rank, stratified
from evenhand_evals.types import Sample

ITEMS = [f"{'abc'[number % 3]}{number}" for number in range(30)]


def draw(items: list[str], seed: int = 0, **how: Any) -> list[str]:
    """Draw from items whose stratum is their first letter."""
    return stratified(items, lambda each: each[0], lambda each: each, seed=seed, **how)


def test_size_and_share() -> None:
    """So many of each, all where there are fewer, and a share is rounded up without dust."""
    assert Counter(each[0] for each in draw(ITEMS, size=4)) == {"a": 4, "b": 4, "c": 4}
    assert draw(ITEMS, size=99) == ITEMS
    assert Counter(each[0] for each in draw(ITEMS, share=0.1)) == {"a": 1, "b": 1, "c": 1}
    assert Counter(each[0] for each in draw([*ITEMS, "d0"], share=0.31)) == {
        "a": 4,
        "b": 4,
        "c": 4,
        "d": 1,
    }


@given(st.integers(0, 9), st.integers(1, 8), st.integers(0, 2**32))
def test_a_smaller_sample_is_a_part_of_a_larger_one(less: int, more: int, seed: int) -> None:
    """What is drawn stands in the order of the data."""
    small, large = draw(ITEMS, seed, size=less), draw(ITEMS, seed, size=less + more)
    assert set(small) <= set(large)
    assert small == [each for each in ITEMS if each in small]


def test_the_order_is_that_of_a_run() -> None:
    """A run's limit and a stratified sample take the same items first."""
    samples = [Sample(each, (), None) for each in ITEMS]
    assert [each.id for each in order(samples, 7)] == sorted(ITEMS, key=lambda each: rank(7, each))


@pytest.mark.parametrize("how", [{}, {"size": 1, "share": 0.5}])
def test_size_or_share(how: dict[str, Any]) -> None:
    """One of the two has to be given."""
    with pytest.raises(ValueError, match="size or a share"):
        draw(ITEMS, **how)
