"""The verdict uses both significance and the practical bands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.stats.verdict import (
    Band,
    band,
    format_p,
    format_plain,
    plain_verdict,
    verdict,
)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (0.0, "fluctuation"),
        (-0.99, "fluctuation"),
        (1.0, "attention"),
        (3.0, "attention"),
        (-3.1, "notable"),
        (5.0, "notable"),
        (5.1, "investigate"),
    ],
)
def test_bands(points: float, expected: Band) -> None:
    """Under one, one to three, three to five, over five; the sign does not matter."""
    assert band(points) == expected


@pytest.mark.parametrize(
    ("points", "p", "words"),
    [
        (
            6.2,
            0.004,
            ("A is 6.2 points higher", "significant and large", "p = 0.004", "investigate"),
        ),
        (-1.1, 0.6, ("B is 1.1 points higher", "not significant", "more items or repeats")),
        (0.4, 0.001, ("significant but under one point", "too small to matter")),
        (0.4, 0.5, ("normal fluctuation",)),
        (9.0, 0.2, ("not significant although large", "run more of them")),
        (4.0, 0.01, ("significant and notable", "find its cause")),
        (2.0, 0.00001, ("worth attention", "p < 0.0001")),
        (0.0, 1.0, ("the same score", "no difference was found")),
    ],
)
def test_verdict_in_words(points: float, p: float, words: tuple[str, ...]) -> None:
    """Each pairing of significance and size has its own sentence."""
    text = verdict(points, p).text
    assert all(word in text for word in words), text


@given(st.floats(-100, 100), st.floats(0, 1))
def test_verdict_does_not_care_who_is_a(points: float, p: float) -> None:
    """Swapping the runs and the sign says the same."""
    one, other = verdict(points, p, "x", "y"), verdict(-points, p, "y", "x")
    assert (one.band, one.significant) == (other.band, other.significant)
    if points:
        assert one.text == other.text


def test_p_is_never_printed_as_zero() -> None:
    """A tiny p-value is a bound."""
    assert format_p(1e-30) == "p < 0.0001"
    assert format_p(0.0312) == "p = 0.031"


@pytest.mark.parametrize(
    ("difference", "lower", "said"),
    [
        (0.5, True, "b is 0.500 lower, which is better; the difference is significant"),
        (-0.5, True, "a is 0.500 lower, which is better"),
        (0.5, False, "a is 0.500 higher; the difference"),
        (-120.0, False, "b is 120.0 higher; the difference"),
        (0.0, True, "a and b have the same score"),
    ],
)
def test_a_difference_in_its_own_unit_has_a_direction(
    difference: float, lower: bool, said: str
) -> None:
    """And no band."""
    found = plain_verdict(difference, 0.01, "a", "b", lower_is_better=lower)
    assert found.text.startswith(said)
    assert found.band is None
    chance = plain_verdict(difference, 0.5, "a", "b", lower_is_better=lower).text
    assert difference == 0 or "not significant (p = 0.5): these items do not tell" in chance


def test_small_differences_are_not_written_as_none() -> None:
    """They get more places."""
    assert [format_plain(each) for each in (0.00059, -0.147, 250.0)] == [
        "+0.00059",
        "-0.147",
        "+250.0",
    ]
