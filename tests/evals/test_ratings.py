"""Marks of a judge: how they are read, averaged, counted, and held against each other."""

import random
import re

import pytest

from evenhand_evals.scorers.ratings import (
    FULL,
    Panel,
    asked_again,
    first_mark,
    last_mark,
    of_read,
    panel,
    rated,
    shown,
    spoken,
)
from evenhand_evals.types import Completion, Likelihoods, Message, Sample, ScoredItem

ANSWER = Completion("fine", "stop")


@pytest.mark.parametrize(
    ("verdict", "first", "last"),
    [
        ("Good. Rating: [[7]]", 7.0, 7.0),
        ("[[3]] then [[9]]", 3.0, 9.0),
        ("[[7.5]]", 7.5, 7.5),
        ("Rating: [6]", 6.0, None),
        ("see [2], so [[8]]", 8.0, 8.0),
        ("[[rating: 4]]", None, 4.0),
        ("[[4/10]]", None, 4.0),
        ("[[0]]", None, None),
        ("[[11]]", None, None),
        ("seven", None, None),
        ("", None, None),
        ("评分：[[10]]", 10.0, 10.0),
    ],
)
def test_two_readings(verdict: str, first: float | None, last: float | None) -> None:
    """FastChat takes the first mark, or one in single brackets; LongAlign the last pair's."""
    assert (first_mark(verdict), last_mark(verdict)) == (first, last)


def published_first(text: str) -> float:
    """FastChat's two patterns, one after the other; -1 for nothing."""
    found = re.search(r"\[\[(\d+\.?\d*)\]\]", text) or re.search(r"\[(\d+\.?\d*)\]", text)
    return float(found[1]) if found else -1.0


def published_last(text: str) -> float:
    """LongAlign's: the first number in what stands in the last pair; -1 for nothing."""
    pairs = re.findall(r"\[\[([^\]]+)\]\]", text)
    numbers = re.findall(r"\d+\.\d+|\d+", pairs[-1]) if pairs else []
    return float(numbers[0]) if numbers else -1.0


def test_readings_are_the_published_ones() -> None:
    """On made-up verdicts of every kind both readings are the published ones, within the scale."""
    draw = random.Random(4)
    parts = [
        "[[",
        "]]",
        "[",
        "]",
        "7",
        "10",
        "0",
        "3.5",
        "12",
        "5.",
        "Rating: ",
        "rating",
        " ",
        "\n",
    ]
    compared = 0
    for _ in range(5000):
        text = "".join(draw.choice(parts) for _ in range(draw.randrange(1, 12)))
        pairs = ((first_mark, published_first), (last_mark, published_last))
        for ours, theirs in pairs:
            value = theirs(text)
            assert ours(text) == (value if 1 <= value <= FULL else None), text
            compared += 1
    print(f"{compared} verdicts compared")  # noqa: T201 - the count is the result
    assert compared == 10000


def test_marks_are_averaged_and_compared() -> None:
    """Of 8, 8, 9 and nothing: the mean of three, one pair of three equal, all within one."""
    found = Panel((8.0, None, 8.0, 9.0))
    assert found.mark == pytest.approx(25 / 3)
    assert found.agreeing(0) == (1, 3)
    assert found.agreeing(1) == (3, 3)
    assert Panel((None, None)).mark is None
    assert Panel((None, None)).agreeing(1) == (0, 0)


def test_thinking_of_the_judge_is_no_verdict() -> None:
    """A mark that the judge only thinks of does not count."""
    found = panel(
        [Completion("<think>[[2]]?</think>[[6]]"), Completion("<think>[[2]]")], first_mark
    )
    assert found.marks == (6.0, None)


def test_a_score_of_two_panels() -> None:
    """Each panel weighs the same, one without a mark counts as nothing, and all is counted."""
    score = rated([ANSWER], {"first": Panel((8.0, 6.0)), "second": Panel((None, None))})
    assert score.outcome == "unparsed"
    assert score.value == pytest.approx(0.35)
    assert score.metrics == {
        "rating": pytest.approx(0.35),
        "first": pytest.approx(0.7),
        "second": 0.0,
    }
    assert score.counts == {
        "unparsed_verdicts": (2, 4),
        "judge_agreement": (0, 1),
        "judge_agreement_within_1": (0, 1),
    }
    assert (score.extracted, score.explanation) == (
        "7, none",
        "first: 8, 6; second: no mark, no mark",
    )


@pytest.mark.parametrize(
    ("answer", "mark", "outcome"),
    [
        (ANSWER, 10.0, "correct"),
        (ANSWER, 9.0, "wrong"),
        (ANSWER, None, "unparsed"),
        (Completion("fi", "length"), 4.0, "truncated"),
        (Completion("fi", "length"), 10.0, "correct"),
        (Completion("", "content_filter"), 1.0, "refused"),
        (Completion("", "stop", refusal="no"), None, "refused"),
    ],
)
def test_outcomes(answer: Completion, mark: float | None, outcome: str) -> None:
    """Full marks are correct; a refusal and a cut answer are told apart from a poor one."""
    assert rated([answer], {"rating": Panel((mark,))}).outcome == outcome


def test_what_the_judge_sees() -> None:
    """It sees neither thinking text nor anything of a refused answer."""
    assert shown(Completion("<think>hm</think> Yes. ")) == "Yes."
    assert shown(Completion("I will not", "content_filter")) == ""
    assert spoken(Sample("a", (), None), [ANSWER]) == [ANSWER]
    with pytest.raises(TypeError, match="a: only chats"):
        spoken(Sample("a", (), None), [Likelihoods((), (), ())])


def test_each_further_time_is_another_request() -> None:
    """The first request is as published; each other has a seed, so that no two are the same."""
    messages = (Message("user", "rate"),)
    first, second, third = (asked_again(messages, number) for number in range(3))
    assert all(each.judge for each in (first, second, third))
    assert [dict(each.fields) for each in (first, second, third)] == [{}, {"seed": 1}, {"seed": 2}]


def test_means_over_what_was_read() -> None:
    """Verdicts that could not be read are left out, as FastChat does; marks are pooled."""
    panels = (
        {"first": Panel((8.0,)), "second": Panel((None,))},
        {"first": Panel((6.0,)), "second": Panel((4.0,))},
    )
    items = [
        ScoredItem(str(number), 0, None, rated([ANSWER], each))
        for number, each in enumerate(panels)
    ]
    found = of_read(items)
    assert {name: each.value for name, each in found.items()} == {
        "rating_of_read": pytest.approx(0.6),
        "first_of_read": pytest.approx(0.7),
        "second_of_read": pytest.approx(0.4),
    }
    assert (found["rating_of_read"].n, found["second_of_read"].n) == (2, 1)
    unread = ScoredItem("x", 0, None, rated([ANSWER], {"rating": Panel((None,))}))
    assert of_read([unread]) == {}
