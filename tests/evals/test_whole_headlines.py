"""Headlines that are no means of items' values are compared by what they are, and bounded by it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_evals.aggregates import AGGREGATES
from evenhand_evals.compare import compare_runs
from evenhand_evals.errors import NotComparable
from evenhand_evals.headlines import headline
from evenhand_evals.log import Record
from evenhand_evals.manifest import TaskFacts
from evenhand_evals.results import RunData, summarise
from evenhand_evals.scorers import translation
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Score, ScoredItem
from evenhand_evals.whole_headlines import WHOLES, whole_headline
from tests.evals.test_manifest import MANIFEST

CATEGORIES = ("数学计算", "逻辑推理", "基本任务", "another")
REFERENCES = ("The cat sat on the mat.", "A dog ran home in the rain.", "It is late, he said.")
SAID = (*REFERENCES, "The cat ran home in the rain.", "")


def manifest(name: str, headline: str, aggregate: str | None) -> Any:
    """Make a manifest of a task with that headline."""
    facts = TaskFacts(name, name, "1", headline, aggregate)
    return replace(MANIFEST, repeats=1, limit=None, task=facts)


def judged(level: int) -> Score:
    """Make a score with everything that any aggregate here looks at; `level` is of 0..4."""
    counts = translation.counts(SAID[level], REFERENCES[level % 3], "en", ["bleu", "chrf2"])
    totals = {"logprob": -3.0 - level, "tokens": 2 + level, "words": 2, "bytes": 9}
    return Score(
        "correct" if level == 4 else "wrong",
        float(level >= 2),
        data={
            "difference": float(level % 3 - 1),
            "marks": {"overall": [level + 1]},
            "counts": counts,
            **totals,
        },
    )


def fitting(score: Score, aggregate: str | None) -> Score:
    """Keep what one aggregate takes: a perplexity takes its own fields alone."""
    names = ("logprob", "tokens", "words", "bytes")
    data = {
        key: each
        for key, each in score.data.items()
        if (key in names) == (aggregate == "perplexity")
    }
    return replace(score, data=data)


def run(
    name: str, task: tuple[str | None, str], cells: Sequence[tuple[str, int, int | None]]
) -> RunData:
    """Make a run from items, repeats and levels, None for a failure; items have four groups."""
    aggregate, headline = task
    facts = manifest("t", headline, aggregate)
    records = []
    for item, repeat, level in cells:
        group = CATEGORIES[ord(item) % 4]
        score = None if level is None else fitting(judged(level), aggregate)
        outcome = score.outcome if score else "failed"
        records.append(Record(item, repeat, outcome, score, group=group))
    return RunData(Path(name), facts, tuple(records), summarise(facts, records))


CELLS = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.integers(0, 1),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    unique_by=lambda each: each[:2],
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("task", sorted(WHOLES))
@settings(max_examples=15, deadline=None)
@given(one=CELLS, two=CELLS)
def test_a_comparison_is_of_the_headlines(
    task: tuple[str, str],
    one: list[tuple[str, int, int | None]],
    two: list[tuple[str, int, int | None]],
) -> None:
    """The difference is that of the two headlines printed, and those are the aggregate's."""
    a, b = run("a", task, one), run("b", task, two)
    try:
        found = compare_runs(a, b)
    except NotComparable:
        return
    scale = 100 if found.unit == "points" else 1
    expected = scale * (found.a.score.value - found.b.score.value)
    assert found.difference == pytest.approx(expected, abs=1e-9)
    assert found.low <= found.difference <= found.high
    assert found.metric == task[1]
    if not found.left_out:
        assert a.result.score is not None
        assert found.a.score.value == pytest.approx(a.result.score.value)


TWO_ITEMS = [("a", 0, 4), ("b", 0, 0)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((None, "lenient"), ("format_cost", "format_cost")),
        (("format_cost", "format_cost"), (None, "lenient")),
        (("ceval", "macro"), ("cmmlu", "macro")),
        (("translation", "bleu"), (None, "bleu")),
    ],
)
def test_two_headlines_cannot_be_compared(
    first: tuple[Any, str], second: tuple[Any, str], force: bool
) -> None:
    """Not even by force, in either order; both are named, and what to do instead."""
    a, b = run("a", first, TWO_ITEMS), run("b", second, TWO_ITEMS)
    with pytest.raises(NotComparable) as caught:
        compare_runs(a, b, force=force)
    of_a, _, of_b = str(caught.value).partition(" and ")
    for said, (aggregate, name) in ((of_a, first), (of_b, second)):
        assert f"'{name}' of t" in said
        assert aggregate is None or f"(aggregate '{aggregate}')" in said
    assert of_b.endswith("with --force too; compare two runs of one of these tasks")


def test_a_plain_mean_is_one_headline_whatever_else_is_computed() -> None:
    """Two tasks of the same items and headline, as with and without reasoning."""
    a, b = run("a", ("mmlu", "micro"), TWO_ITEMS), run("b", ("subjects", "micro"), TWO_ITEMS)
    assert compare_runs(a, b).difference == 0


@pytest.mark.parametrize("task", [*sorted(WHOLES), ("", "accuracy")])
@settings(max_examples=25, deadline=None)
@given(cells=CELLS)
def test_a_score_lies_between_its_bounds(
    task: tuple[str, str], cells: list[tuple[str, int, int | None]]
) -> None:
    """Wherever there are any; none for what a failed item could do anything to."""
    aggregate, headline = task
    result = run("a", (aggregate or None, headline), cells).result
    whole = WHOLES.get(task)
    if not any(level is None for _, _, level in cells) or (whole and whole.failed is None):
        assert result.bounds is None
        assert not any("bounds" in each for each in result.warnings)
        return
    if result.bounds is not None:
        assert -1 <= result.bounds.worst <= result.bounds.best <= 1
        if result.score is not None:
            assert result.bounds.worst <= result.score.value <= result.bounds.best


def test_bounds_are_in_the_headlines_own_range() -> None:
    """One of two failed: a cost may be all of the free accuracy or nothing of it."""
    cost = run("a", ("format_cost", "format_cost"), [("a", 0, 1), ("b", 0, None)]).result.bounds
    assert cost is not None
    assert (cost.worst, cost.best) == (-0.5, 0.5)
    cells = [("a", 0, 4), ("e", 0, 4), ("i", 0, 0), ("b", 0, None)]
    macro = run("a", ("mmlu", "macro"), cells).result.bounds
    assert macro is not None
    assert (macro.worst, macro.best) == pytest.approx((1 / 3, 5 / 6))
    assert run("a", ("translation", "bleu"), [("a", 0, 1), ("b", 0, None)]).result.bounds is None


def test_every_other_headline_is_the_mean_of_its_items_values() -> None:
    """A task whose aggregate gives its headline and that has no entry gives just that mean."""
    items = [
        ScoredItem(f"i{n}", 0, "law" if n % 3 else "logic", Score("wrong", float(n % 4 == 0)))
        for n in range(10)
    ]
    checked = set()
    for task in TASKS.values():
        if task.aggregate is None or whole_headline(task) is not None:
            continue
        if task.headline not in ("micro", "pass@1"):
            # These name a metric of the items, that no aggregate gives.
            assert task.headline in NAMED_BY_ITEMS, task.name
            continue
        found = AGGREGATES[task.aggregate](items)[task.headline]
        mean = headline(TaskFacts.of(task), items)
        assert mean is not None
        assert found == mean
        checked.add(task.headline)
    assert checked == {"micro", "pass@1"}


NAMED_BY_ITEMS = frozenset(
    ("accuracy", "agreement", "judge", "lenient", "rating", "robust", "string_match", "win_rate")
)
