"""Averages by item and by subject."""

import pytest

from evenhand_evals.scorers import subjects
from evenhand_evals.stats.averages import averages, macro, micro
from evenhand_evals.types import Score, ScoredItem


def scored(subject: str, *values: float) -> list[ScoredItem]:
    """Make one item of a subject for each value."""
    return [
        ScoredItem(f"{subject}-{number}", 0, subject, Score("correct" if value else "wrong", value))
        for number, value in enumerate(values)
    ]


def test_micro_and_macro() -> None:
    """Three of four items are right, but only half of the subjects' mean."""
    items = {"big": [[1.0], [1.0], [1.0]], "small": [[0.0]]}
    assert micro(items).value == 0.75
    found = macro(items)
    assert (found.value, found.n, found.method) == (0.5, 4, "wilson")
    assert found.low < 0.5 < found.high


def test_equal_subjects_have_one_average() -> None:
    """With as many items in each subject both averages and both intervals are the same."""
    items = {"a": [[1.0], [0.0]], "b": [[1.0], [1.0]]}
    one, other = micro(items), macro(items)
    assert one.value == other.value == 0.75
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_repeats_are_averaged_within_an_item() -> None:
    """An item asked twice weighs as one."""
    found = macro({"a": [[1.0, 0.0], [1.0]], "b": [[1.0]]})
    assert found.value == pytest.approx((0.75 + 1.0) / 2)


@pytest.mark.parametrize("subjects_", [{}, {"a": []}])
def test_nothing_has_no_average(subjects_: dict[str, list[list[float]]]) -> None:
    """No subject, and a subject without items, are errors."""
    with pytest.raises(ValueError, match="at least one"):
        macro(subjects_)


def test_categories() -> None:
    """Each category has both averages; one without items is left out; a subject may be in two."""
    aggregate = averages({"one": ("a",), "both": ("a", "b"), "none": ("c",)})
    found = aggregate([*scored("a", 1, 1, 0, 0), *scored("b", 1)])
    values = {name: round(each.value, 4) for name, each in found.items()}
    assert values == {
        "micro": 0.6,
        "macro": 0.75,
        "micro_one": 0.5,
        "macro_one": 0.5,
        "micro_both": 0.6,
        "macro_both": 0.75,
    }


def test_repeats_of_a_run_are_joined() -> None:
    """The same item of two repeats is one item."""
    again = [ScoredItem("a-0", 1, "a", Score("wrong", 0.0))]
    found = averages({})([*scored("a", 1), *again])
    assert (found["micro"].value, found["micro"].n) == (0.5, 1)


def test_tables() -> None:
    """57, 52 and 67 subjects; each in one category but for C-Eval Hard and China specific."""
    assert sum(map(len, subjects.MMLU.values())) == 57
    assert set(subjects.MMLU) == {"stem", "humanities", "social_sciences", "other"}
    assert "anatomy" in subjects.MMLU["other"]
    assert "anatomy" in subjects.MMLU_OF_HARNESSES["stem"]
    assert "anatomy" not in subjects.MMLU_OF_HARNESSES["other"]
    parts = {name: each for name, each in subjects.CEVAL.items() if name != "hard"}
    assert sorted(name for each in parts.values() for name in each) == sorted(subjects.CEVAL_NAMES)
    assert len(subjects.CEVAL_NAMES) == 52
    assert [len(each) for each in subjects.CEVAL.values()] == [20, 10, 11, 11, 8]
    assert set(subjects.CEVAL["hard"]) < set(subjects.CEVAL["stem"])
    parts = {name: each for name, each in subjects.CMMLU.items() if name != "china_specific"}
    assert sorted(name for each in parts.values() for name in each) == sorted(subjects.CMMLU_NAMES)
    assert [len(each) for each in subjects.CMMLU.values()] == [17, 13, 22, 15, 15]
    assert len(subjects.CMMLU_NAMES) == 67
