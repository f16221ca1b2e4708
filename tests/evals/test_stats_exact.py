"""Exact tests: against scipy, by enumeration, and by how often they raise a false alarm."""

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenhand_evals.stats.exact import (
    best_cut,
    binomial_tail,
    concentration,
    fisher_greater,
    pairing,
)

COUNTS = st.integers(1, 40)


@given(n=COUNTS, share=st.floats(0, 1), k=st.integers(-1, 45))
def test_the_binomial_tail_is_scipys(n: int, share: float, k: int) -> None:
    """P(X >= k) for every k, those outside of 0..n among them."""
    assert binomial_tail(n, share, k) == pytest.approx(stats.binom.sf(k - 1, n, share), abs=1e-12)


@given(data=st.data(), n_a=COUNTS, n_b=COUNTS)
def test_fishers_test_is_scipys(data: st.DataObject, n_a: int, n_b: int) -> None:
    """The one-sided p-value of every two-by-two table."""
    a, b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    table = [[a, n_a - a], [b, n_b - b]]
    expected = stats.fisher_exact(table, alternative="greater")[1]
    assert fisher_greater(a, n_a, b, n_b) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(0, 2), min_size=4, max_size=7), st.integers(1, 3))
def test_concentration_bounds_the_enumerated_chance(pool: Sequence[int], size: int) -> None:
    """The p-value is at least the share of splits whose commonest treated outcome is as common."""
    splits = list(itertools.combinations(range(len(pool)), size))
    most = [max(map([pool[i] for i in each].count, pool)) for each in splits]
    rest = [pool[i] for i in range(len(pool)) if i not in splits[0]]
    p = concentration([pool[i] for i in splits[0]], rest)
    assert p >= sum(each >= most[0] for each in most) / len(splits) - 1e-12


def test_concentration_of_one_outcome_is_the_hypergeometric_chance() -> None:
    """Eight equal among the treated, none in the control: one way out of all."""
    control = [f"c{i}" for i in range(16)]
    assert concentration(["x"] * 8, control) == pytest.approx(1 / 735471)
    assert concentration([], control) == 1.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4))
def test_pairing_bounds_the_enumerated_chance(pairs: list[tuple[int, int]]) -> None:
    """The p-value is at least the share of matchings with as many agreeing pairs."""
    things = [outcome for pair in pairs for outcome in pair]
    observed = sum(first == second for first, second in pairs)
    agreeing = [
        sum(things[i] == things[j] for i, j in each) for each in _matchings(range(len(things)))
    ]
    chance = sum(each >= observed for each in agreeing) / len(agreeing)
    assert pairing(pairs) >= chance - 1e-12
    if observed == len(pairs):
        assert pairing(pairs) == pytest.approx(chance)


def _matchings(things: Sequence[int]) -> list[list[tuple[int, int]]]:
    if not things:
        return [[]]
    first, *rest = things
    found = []
    for other in rest:
        left = [each for each in rest if each != other]
        found += [[(first, other), *more] for more in _matchings(left)]
    return found


def test_eight_seeds_that_repeat_are_no_coincidence() -> None:
    """Eight different texts, each twice: one matching out of 15!!."""
    assert pairing([(i, i) for i in range(8)]) == pytest.approx(1 / 2027025)
    assert pairing([(0, 0)] * 8) == 1.0


def test_best_cut_finds_a_shift_and_needs_values() -> None:
    """All of one above all of the other is seen; equal values say nothing."""
    assert best_cut([2.0] * 12, [1.0] * 12) == pytest.approx(1 / 2704156)
    assert best_cut([1.0] * 5, [1.0] * 5) == 1.0
    assert best_cut([], [1.0, 2.0]) == 1.0


@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_false_alarms_stay_below_the_level(alpha: float) -> None:
    """Where nothing differs, each test rejects in at most a share alpha of 2000 trials."""
    chance, trials = random.Random(5), 2000
    alarms = {"concentration": 0, "pairing": 0, "best_cut": 0}
    for _ in range(trials):
        drawn = [min(int(chance.expovariate(0.6)), 6) for _ in range(36)]
        alarms["concentration"] += concentration(drawn[:12], drawn[12:]) < alpha
        alarms["pairing"] += pairing(list(zip(drawn[:6], drawn[6:12], strict=True))) < alpha
        alarms["best_cut"] += best_cut(drawn[:12], drawn[12:]) < alpha
    allowed = trials * alpha + 4 * (trials * alpha * (1 - alpha)) ** 0.5
    assert all(count <= allowed for count in alarms.values()), alarms
