"""Briefs of records: little to hold, and enough for every figure of a result."""

from pathlib import Path

from evenhand_evals.brief import Lean, brief_of, read_briefs
from evenhand_evals.log import LogWriter, Record, Step
from evenhand_evals.types import Score


def answer(text: str, tokens: int) -> dict[str, object]:
    """An answer of a chat."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 10 * tokens, "completion_tokens": tokens}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def record(item: str, value: float, extracted: str = "B") -> Record:
    """A scored record."""
    score = Score(
        "correct" if value else "wrong",
        value,
        {"accuracy": value},
        extracted=extracted,
        data={"n": 1},
    )
    return Record(item, 0, score.outcome, score, response=answer("B", 3))


def test_equal_scores_are_held_once() -> None:
    """What differs only in what no figure is made of counts as equal."""
    lean = Lean()
    first, second, other = (
        brief_of(each, lean).score
        for each in (record("a", 1.0), record("b", 1.0, "C"), record("c", 0.0))
    )
    assert first is second
    assert first is not other
    assert first is not None
    assert (first.value, first.metrics, first.extracted) == (1.0, {"accuracy": 1.0}, None)


def test_metrics_of_the_whole_set_get_whole_scores() -> None:
    """They look at what was extracted, and at the item's data."""
    score = brief_of(record("a", 1.0)).score
    assert score is not None
    assert (score.extracted, score.data) == ("B", {"n": 1})


def test_the_judges_tokens_are_not_the_models() -> None:
    """Of several requests the model's are added up."""
    steps = (
        Step("/chat/completions", {}, answer("one", 2)),
        Step("/chat/completions", {}, answer("two", 3)),
        Step("/chat/completions", {}, answer("[[7]]", 100), judge=True),
    )
    brief = brief_of(Record("a", 0, "unparsed", Score("unparsed", 0.0), steps=steps))
    assert (brief.prompt_tokens, brief.completion_tokens, brief.reported) == (50, 5, 2)


def test_of_a_judged_item_the_verdict_is_shown() -> None:
    """It is what could not be read; the scorer says which of several, if it knows."""
    steps = (
        Step("/chat/completions", {}, answer("my answer", 2)),
        Step("/chat/completions", {}, answer("[[7]]", 9), judge=True),
        Step("/chat/completions", {}, answer("I would  rather not.", 9), judge=True),
    )
    for score, shown in (
        (Score("unparsed", 0.0), "I would rather not."),
        (Score("unparsed", 0.0, data={"unread": ["Hm. ", "No."]}), "Hm."),
    ):
        brief = brief_of(Record("a", 0, "unparsed", score, steps=steps))
        assert brief.unparsed == shown


def test_of_two_lines_the_later_counts(tmp_path: Path) -> None:
    """As everywhere."""
    with LogWriter(tmp_path / "log") as log:
        log.append(Record("a", 0, "failed", reason="HTTP 500"))
        log.append(record("b", 0.0))
        log.append(record("a", 1.0))
    found = read_briefs(tmp_path / "log")
    assert [(each.key, each.outcome) for each in found] == [
        (("a", 0), "correct"),
        (("b", 0), "wrong"),
    ]
