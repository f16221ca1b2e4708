"""Agreement is told from the habit of stating the same label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.stats.agreement import Pair, beyond_chance, kappa
from evenhand_evals.types import Score, ScoredItem

PAIRS = st.lists(
    st.tuples(st.sampled_from("kl"), st.sampled_from("abc"), st.sampled_from("abc")),
    min_size=1,
    max_size=20,
)


def scored(number: int, one: str | None, other: str | None, kind: str = "k") -> ScoredItem:
    """Give an item with the labels of its two answers."""
    data = {"labels": [one, other], "kind": kind}
    return ScoredItem(str(number), 0, kind, Score("correct", 1.0, data=data))


def test_a_table_worked_by_hand() -> None:
    """20 + 15 of 50 agree; by chance 0.5 * 0.6 + 0.5 * 0.4: kappa is (0.7 - 0.5) / 0.5."""
    counts = {("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15}
    pairs: list[Pair] = [("k", *labels) for labels, count in counts.items() for _ in range(count)]
    assert kappa(pairs) == pytest.approx(0.4)


def test_a_constant_answer_says_nothing() -> None:
    """One label for each kind of picture, whatever is asked, is no agreement."""
    items = [scored(n, "abc"[n % 3], "abc"[n % 3], kind="klm"[n % 3]) for n in range(12)]
    assert beyond_chance(items)["agreement_beyond_chance"].value == 0.0


def test_items_without_a_label_are_left_out() -> None:
    """They count in `agreement` and not here; where none is left, there is no figure."""
    items = [scored(0, "a", "a"), scored(1, "b", "b"), scored(2, None, "a"), scored(3, "a", None)]
    found = beyond_chance(items)["agreement_beyond_chance"]
    assert (found.value, found.n, found.method) == (1.0, 2, "bootstrap")
    assert found.low <= found.value <= found.high
    assert beyond_chance(items[2:]) == {}


@given(PAIRS)
def test_bounds_and_symmetry(pairs: list[Pair]) -> None:
    """Kappa lies in -1..1, does not care which answer is which, and is 1 or 0 for equal ones."""
    value = kappa(pairs)
    assert -1 <= value <= 1
    assert kappa([(kind, other, one) for kind, one, other in pairs]) == pytest.approx(value)
    assert kappa([(kind, one, one) for kind, one, _ in pairs]) in (0.0, 1.0)
