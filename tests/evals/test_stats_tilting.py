"""Estimating a tilt from draws: likelihoods, coverage, false alarms, and early stopping."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from evenhand_evals.stats.tilting import Draw, Tilt, log_likelihood

BASE = tuple(math.log(p) for p in (0.4, 0.25, 0.15, 0.1, 0.06, 0.04))
NONE = (0.0,) * len(BASE)
GRID = tuple(0.1 * 1.2**step for step in range(25))


def draws_at(temperature: float, count: int, chance: random.Random) -> list[Draw]:
    """Draw from the base at a temperature."""
    weights = [math.exp(each / temperature) for each in BASE]
    chosen = chance.choices(range(len(BASE)), weights, k=count)
    return [Draw(NONE, BASE, each) for each in chosen]


@given(
    base=st.lists(st.floats(-30, 0), min_size=2, max_size=6),
    theta=st.floats(-5, 5),
    data=st.data(),
)
def test_the_likelihoods_of_all_options_sum_to_one(
    base: list[float], theta: float, data: st.DataObject
) -> None:
    """Whatever the weights, scores and tilt."""
    scores = tuple(data.draw(st.floats(-10, 10)) for _ in base)
    each = [Draw(tuple(base), scores, i).log_likelihood(theta) for i in range(len(base))]
    assert math.fsum(map(math.exp, each)) == pytest.approx(1.0)


def test_the_estimate_maximises_the_likelihood() -> None:
    """The same maximum as scipy finds, inside its interval."""
    draws = draws_at(1.3, 300, random.Random(3))
    best = optimize.minimize_scalar(
        lambda theta: -log_likelihood(draws, theta), bounds=(0.1, 5), method="bounded"
    )
    found = Tilt(draws, GRID).interval(0.01)
    assert found.value == pytest.approx(best.x, abs=1e-3)
    assert found.low < found.value < found.high


def test_without_draws_nothing_is_excluded() -> None:
    """Every tilt has p-value one, and the interval is the whole grid."""
    tilt = Tilt([], GRID)
    assert tilt.p(1.0) == 1.0
    assert (tilt.interval(0.01).low, tilt.interval(0.01).high) == (GRID[0], GRID[-1])


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_the_interval_covers_and_the_truth_is_rarely_rejected(temperature: float) -> None:
    """At level 0.1 the true tilt is rejected in at most a tenth of 300 trials."""
    chance, rejected = random.Random(11), 0
    for _ in range(300):
        tilt = Tilt(draws_at(temperature, 40, chance), GRID)
        rejected += tilt.p(1 / temperature) < 0.1
    assert rejected <= 30


def test_looking_again_and_again_raises_no_false_alarms() -> None:
    """Stopping at the first rejection of the truth, within 60 draws, stays below the level."""
    chance, alarms = random.Random(7), 0
    for _ in range(120):
        draws = draws_at(1.0, 60, chance)
        alarms += any(Tilt(draws[:count], GRID).p(1.0) < 0.1 for count in range(5, 61, 5))
    assert alarms <= 12


def test_a_wrong_tilt_is_rejected_with_enough_draws() -> None:
    """Draws at 0.5 exclude 1, and their interval excludes it too."""
    tilt = Tilt(draws_at(0.5, 200, random.Random(1)), GRID)
    assert tilt.p(1.0) < 1e-4
    assert tilt.interval(1e-4).low > 1.0
